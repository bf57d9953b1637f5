"""Walk a `.bin` file without its index, past damage.

The format has neither a magic number nor a checksum, so a walk that meets nonsense looks for the next two headers in a
row that make sense. Within 4.66 hours the upper five bytes of a millisecond time stay the same, which makes that search
one `find` for five bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from struct import Struct
from typing import Any, Final, Literal, NamedTuple

from muhurat.capture.journal.data import Bytes, archived, is_archive, mapped
from muhurat.capture.journal.format import HEADER, LITTLE_HEADER, NS_PER_MS, hour_start_ns, plausible
from muhurat.capture.journal.seekable import SeekableBytes

ByteOrder = Literal["big", "little", "auto"]

_PREFIX_MS: Final = 1 << 24
_DAY_MS: Final = 86_400_000
_ANY_YEAR: Final = b"\x00\x00\x01"  # the upper three bytes of every millisecond from 2004 to 2039


class Found(NamedTuple):
    """A record that makes sense: where its header begins, its time, the length of its payload, where it ends."""

    offset: int
    timestamp_ms: int
    length: int
    end: int


class Damage(NamedTuple):
    """Bytes `[start, end)` that are no complete record; at the end of a file they are a torn tail."""

    start: int
    end: int


def open_bytes(path: Path) -> Bytes:
    """The bytes of a `.bin`, or of the archive in its place, mapped rather than read; raises `JournalError`."""
    if is_archive(path):
        return SeekableBytes(path)
    if not path.exists() and archived(path).exists():
        return SeekableBytes(archived(path))
    return mapped(path)


def header_of(data: Bytes, order: ByteOrder) -> Struct:
    """The header's layout; `auto` takes the byte order in which the first records make sense, big-endian if neither."""
    if order == "auto":
        big, little = (_sensible_start(data, header) for header in (HEADER, LITTLE_HEADER))
        return LITTLE_HEADER if little > big else HEADER
    return LITTLE_HEADER if order == "little" else HEADER


def order_of(data: Bytes) -> Literal["big", "little"]:
    """The byte order in which a file's first records make sense; `big`, as we write it, if neither."""
    return "little" if header_of(data, "auto") is LITTLE_HEADER else "big"


def scan(
    data: Bytes, start: int = 0, end: int | None = None, *, header: Struct = HEADER, hour: str | None = None
) -> Iterator[Found | Damage]:
    """Every record of `data[start:end]` in order, and between them the ranges that are none.

    `hour` helps to find the first record when the beginning is damaged.
    """
    walk = _Walk(data, len(data) if end is None else end, header)
    near_ms = hour_start_ns(hour) // NS_PER_MS if hour else None
    at = start
    while at < walk.end:
        for found in walk.in_a_row(at):
            yield found
            at, near_ms = found.end, found.timestamp_ms
        if at >= walk.end:
            return
        doubtful = walk.record(at)
        onward = walk.resync(at + 1, doubtful.timestamp_ms if doubtful and near_ms is None else near_ms)
        if doubtful and onward >= doubtful.end:
            yield doubtful
            at, near_ms = doubtful.end, doubtful.timestamp_ms
        if onward > at:
            yield Damage(at, onward)
        at = onward


def _sensible_start(data: Bytes, header: Struct, most: int = 16) -> int:
    walk, at = _Walk(data, len(data), header), 0
    for count in range(most):
        found = walk.record(at)
        if found is None:
            return count
        at = found.end
    return most


def _unpacking(header: Struct, data: Bytes) -> Callable[[Any, int], tuple[int, int]]:
    """How a header is read at a place: of an archive, which is no buffer, its bytes are taken first."""
    if isinstance(data, SeekableBytes):
        return lambda archive, at: header.unpack(archive[at : at + header.size])
    return header.unpack_from


class _Walk:
    """Questions about one span of bytes."""

    def __init__(self, data: Bytes, end: int, header: Struct) -> None:
        self.data = data
        self.end = end
        self._unpack = _unpacking(header, data)
        self._little = header is LITTLE_HEADER

    def record(self, at: int) -> Found | None:
        """The complete record that begins here, if one does."""
        if at + HEADER.size > self.end:
            return None
        timestamp_ms, length = self._unpack(self.data, at)
        if not plausible(timestamp_ms, length) or at + HEADER.size + length > self.end:
            return None
        return Found(at, timestamp_ms, length, at + HEADER.size + length)

    def in_a_row(self, at: int) -> Iterator[Found]:
        """Records one behind the other, each once the header behind it makes sense too, as far as one is there."""
        data, unpack, end, size = self.data, self._unpack, self.end, HEADER.size
        last = end - size
        if at > last:
            return
        timestamp_ms, length = unpack(data, at)
        while plausible(timestamp_ms, length) and (behind := at + size + length) <= end:
            if behind > last:
                yield Found(at, timestamp_ms, length, behind)
                return
            following_ms, following_length = unpack(data, behind)
            if not plausible(following_ms, following_length):
                return
            yield Found(at, timestamp_ms, length, behind)
            at, timestamp_ms, length = behind, following_ms, following_length

    def resync(self, start: int, near_ms: int | None) -> int:
        """Where the next two headers in a row make sense, or one with nothing after it; else the end."""
        hits = [self._next_hit(start, prefix) for prefix in self._prefixes(near_ms)]
        return min(hits, default=self.end)

    def _next_hit(self, start: int, prefix: bytes) -> int:
        ahead = 8 - len(prefix) if self._little else 0
        at = start
        while (hit := self.data.find(prefix, at + ahead, self.end)) >= 0:
            at = hit - ahead
            if self._two_in_a_row(at):
                return at
            at += 1
        return self.end

    def _two_in_a_row(self, at: int) -> bool:
        first = self.record(at)
        if first is None:
            return False
        if first.end + HEADER.size > self.end:
            return True
        timestamp_ms, length = self._unpack(self.data, first.end)
        return plausible(timestamp_ms, length) and abs(timestamp_ms - first.timestamp_ms) < _DAY_MS

    def _prefixes(self, near_ms: int | None) -> list[bytes]:
        if near_ms is None:
            return [_ANY_YEAR[::-1] if self._little else _ANY_YEAR]
        both = (near_ms, near_ms + _PREFIX_MS)
        return [ms.to_bytes(8, "little")[3:] if self._little else ms.to_bytes(8, "big")[:5] for ms in both]
