"""A simulated NSE: the website with its cookies, and the archive of files.

Formats, paths, publication times and habits: facts/nse.md §1 to §4, §7, §8, §12 and §13.
"""
