# SPDX-License-Identifier: MIT
"""Muhurat runs a trading desk's day: prepares it, records it, trades it by rule, watches itself and shows it all."""

__version__ = "0.1.0"
