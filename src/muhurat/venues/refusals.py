"""How getting a file or an answer over HTTP fails, told apart by what helps.

Each message says which address (host and path, never the query, which may hold secrets), what came back, and the hint
what to do. Light on purpose: jobs tell these apart without importing a client.
"""

from __future__ import annotations

from datetime import date
from typing import Final
from urllib.parse import urlsplit

from muhurat.errors import StoreError, VenueError

TOLD_CHARACTERS: Final = 80


class Unavailable(VenueError):
    """The venue could not be reached, broke off, was too slow, or said 502, 503 or 504."""

    hint = "nothing was changed; try again, and look at the connection when it lasts"


class NotPublished(VenueError):
    """The file is not there: 404, or what this venue sends instead."""

    hint = "it may not be published yet, or the day had no session; try again after the venue's usual time"


class Blocked(VenueError):
    """The venue refuses us: 401 or 403."""

    permanent = True
    hint = "the venue refuses this machine or these headers; open the URL in a browser from here, and try again later"


class Malformed(VenueError):
    """Something came, and it is not what was asked for: truncated, another day's, other columns, empty."""

    hint = "nothing was changed; try again later, and compare the file with an older one when it stays so"


class OtherDay(Malformed):
    """A sound file, of another day than the one that was asked for; `found` is its day."""

    def __init__(self, message: str, found: date, *, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.found = found


class WebPage(Malformed):
    """A web page came where a file was expected; some venues say so that a file is missing."""


class Moved(Malformed):
    """The venue sends us elsewhere, as it does to its login page."""

    permanent = True
    hint = "the venue moved this address; correct it in the desk file, or update Muhurat"


class DiskTrouble(StoreError):
    """A file could not be written: the disk is full, or the folder refuses it."""


def place_of(url: str) -> str:
    """An address as it may be shown: scheme, host and path, without user, password, query and fragment."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    port = f":{parts.port}" if parts.port else ""
    return f"{parts.scheme}://{host}{port}{parts.path}"


def beginning(body: bytes) -> str:
    """The first characters of a body that is text, for an error; its kind when it is not."""
    head = body[: 4 * TOLD_CHARACTERS]
    if not head:
        return "nothing"
    if b"\0" in head or head.startswith((b"PK\x03\x04", b"\x1f\x8b")):
        return f"binary data beginning {head[:4]!r}"
    text = " ".join(head.decode("utf-8", "replace").split())
    return repr(text[:TOLD_CHARACTERS])
