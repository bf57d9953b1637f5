"""Backups of the desk's databases and cache: made, verified, found again, restored; and tables cleaned behind one."""
