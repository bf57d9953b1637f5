"""Zerodha's Kite Connect."""
