"""Keeping and finding what was decoded."""
