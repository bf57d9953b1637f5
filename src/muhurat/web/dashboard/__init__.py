"""The desk's page, in Python: what it looks like and how its parts are kept up to date."""
