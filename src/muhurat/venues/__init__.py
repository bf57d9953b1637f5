"""Speaking each venue's language: connect, decode, place, log in."""
