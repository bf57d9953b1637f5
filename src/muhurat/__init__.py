# SPDX-License-Identifier: MIT
"""Muhurat runs a trading desk's day: it prepares, records, keeps, trades, watches itself and shows all of it on one page."""

__version__ = "0.1.0"
