"""Files made wrong on command, whether they were made here or are real ones."""

from __future__ import annotations

import gzip
import io
import zipfile
from collections.abc import Callable
from typing import Final

from muhurat.simulator.files.content import Published, gzipped, packed_all

_GZIP_MAGIC: Final = b"\x1f\x8b"


def truncated(body: bytes) -> bytes:
    """The first half."""
    return body[: len(body) // 2]


def emptied(body: bytes, published: Published) -> bytes:
    """The file without its rows."""
    if published.emptied is not None:
        return _changed(body, published.emptied)
    return _changed(body, lambda text: b"".join(text.splitlines(keepends=True)[: published.header_lines]))


def with_changed_column(body: bytes, published: Published) -> bytes:
    """The file with something renamed; as it is where nothing has a name."""
    pairs = published.further_columns if published.column is None else (published.column, *published.further_columns)

    def renamed(text: bytes) -> bytes:
        for old, new in pairs:
            text = text.replace(old, new)
        return text

    return _changed(body, renamed) if pairs else body


def with_wrong_members(body: bytes) -> bytes:
    """A zip archive with another member, and one more; other files as they are."""
    if not zipfile.is_zipfile(io.BytesIO(body)):
        return body
    members = _members(body)
    others = {f"unexpected_{name.replace('/', '_')}": text for name, text in members.items()}
    return packed_all({**others, "readme.txt": b"This archive holds what nobody expected.\n"})


def _changed(body: bytes, change: Callable[[bytes], bytes]) -> bytes:
    if body.startswith(_GZIP_MAGIC):
        return gzipped(change(gzip.decompress(body)))
    if zipfile.is_zipfile(io.BytesIO(body)):
        return packed_all({name: change(text) for name, text in _members(body).items()})
    return change(body)


def _members(body: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}
