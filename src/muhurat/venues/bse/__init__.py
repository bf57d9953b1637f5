"""BSE: the public files of its website."""
