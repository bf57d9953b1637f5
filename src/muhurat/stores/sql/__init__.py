"""What the desk keeps in SQL: reference data, run history and the embedded cache, in SQLite or in MySQL/MariaDB."""
