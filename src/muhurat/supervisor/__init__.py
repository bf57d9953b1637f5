"""Keeping the desk's processes running, and saying when they are not."""
