"""A mail server for rehearsals: it takes every mail, delivers none, and shows testers what arrived."""
