"""What all simulated venues of files have in common: an HTTP server with faults, latencies, real files and counters.

A venue lists what it publishes (`Published`: a pattern and a function that makes the content) and how it refuses
(`Manners`); `FileVenue` serves that on one port.
"""

from __future__ import annotations

from muhurat.simulator.files.content import Asked, Content, Published, gzipped, packed, packed_all
from muhurat.simulator.files.faults import FILE_FAULTS
from muhurat.simulator.files.manners import Manners, is_browser, page
from muhurat.simulator.files.shelf import Shelf
from muhurat.simulator.files.venue import FileVenue

__all__ = [
    "FILE_FAULTS",
    "Asked",
    "Content",
    "FileVenue",
    "Manners",
    "Published",
    "Shelf",
    "gzipped",
    "is_browser",
    "packed",
    "packed_all",
    "page",
]
