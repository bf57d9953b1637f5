"""Kite Connect on loopback: REST, login and ticker, as far as a desk uses them, on the desk's clock."""
