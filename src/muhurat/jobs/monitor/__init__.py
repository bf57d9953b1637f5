"""Watching the processes and containers that a registry names: measured, kept as series, told when one is down."""
