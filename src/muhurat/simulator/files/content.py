"""What a venue publishes: which URLs, and the function that makes each one's content."""

from __future__ import annotations

import gzip
import io
import re
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

_ZIP_DATE: Final = (2026, 1, 1, 0, 0, 0)
_QUICK: Final = 1


@dataclass(frozen=True, slots=True)
class Asked:
    """One request for something published.

    `parts` are the named groups of the pattern; `query` the query string (last value wins); `headers` have lower-case
    names; `now_ns` is the desk's present instant. When `wrong_date` is true the maker is to return the content of
    another day (by custom the trading day before) under the name asked for.
    """

    path: str
    parts: Mapping[str, str]
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    now_ns: int
    wrong_date: bool = False


@dataclass(frozen=True, slots=True)
class Content:
    """A body with its media type. A `compressible` one is sent gzip-encoded to clients that accept it."""

    body: bytes
    media_type: str
    headers: Mapping[str, str] = field(default_factory=dict)
    status: int = 200
    compressible: bool = False


Maker = Callable[[Asked], Content | None]
"""Makes content in a worker thread; None says that there is no such file, or not yet."""


@dataclass(frozen=True, slots=True)
class Published:
    """The URLs whose path matches `pattern` wholly, and what the content faults do to them.

    `empty` leaves the first `header_lines` lines of the text, or what `emptied` makes of it; `changed_column` replaces
    the first of `column` by the second, everywhere (and so with `further_columns`, where one path has several forms).
    Inside a `.zip` or `.gz` both change the text inside.
    """

    pattern: re.Pattern[str]
    make: Maker
    header_lines: int = 1
    column: tuple[bytes, bytes] | None = None
    methods: frozenset[str] = frozenset({"GET", "HEAD"})
    further_columns: tuple[tuple[bytes, bytes], ...] = ()
    emptied: Callable[[bytes], bytes] | None = None


def packed(member: str, text: bytes) -> bytes:
    """A zip archive with one member; the same bytes for the same text."""
    return packed_all({member: text})


def packed_all(members: Mapping[str, bytes]) -> bytes:
    """A zip archive with these members, in order; the same bytes for the same texts."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=_QUICK) as archive:
        for name, text in members.items():
            archive.writestr(zipfile.ZipInfo(name, _ZIP_DATE), text, zipfile.ZIP_DEFLATED, _QUICK)
    return target.getvalue()


def gzipped(text: bytes) -> bytes:
    """Gzip without a time inside; the same bytes for the same text."""
    return gzip.compress(text, _QUICK, mtime=0)
