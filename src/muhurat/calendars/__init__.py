"""Which session a moment belongs to, and when it opens and closes."""
