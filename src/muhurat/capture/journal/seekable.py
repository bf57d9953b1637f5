"""Compressed files of which any part can be read: independent zstd frames, and a table that says where each lies.

The form is zstd's own "seekable format", version 0.1.0 (facebook/zstd,
`contrib/seekable_format/zstd_seekable_compression_format.md`). Behind the frames stands a skippable frame: magic
0x184D2A5E, the size of what follows, for each frame `compressed u32, decompressed u32, checksum u32`, then `frames u32,
descriptor u8, magic 0x8F92EAB1`; all little-endian. The checksum is the lower half of the content's XXH64, which a zstd
frame written with a checksum has as its last four bytes. Programs that know nothing of the table pass it over:
`zstd -d` gives the file back byte for byte.
"""

from __future__ import annotations

import mmap
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import accumulate
from pathlib import Path
from struct import Struct
from typing import Final

from muhurat.errors import JournalError

FRAME_BYTES: Final = 1 << 20
"""Of the raw data; a reader of one record decompresses that much."""
LEVEL: Final = 3

_SKIPPABLE: Final = Struct("<II")
_ENTRY: Final = Struct("<III")
_SHORT_ENTRY: Final = Struct("<II")
_FOOTER: Final = Struct("<IBI")
_SKIPPABLE_MAGIC: Final = 0x184D2A5E
_SEEKABLE_MAGIC: Final = 0x8F92EAB1
_WITH_CHECKSUMS: Final = 0x80
_RESERVED_BITS: Final = 0x7C
_CHECKSUM_BYTES: Final = 4
_LARGEST_FRAME: Final = 64 * 1024 * 1024
_FRAMES_KEPT: Final = 4


def seekable(pieces: Iterable[bytes], level: int = LEVEL) -> Iterator[bytes]:
    """The compressed file, part by part: a frame for each piece, at last the table."""
    from zstandard import ZstdCompressor

    compress = ZstdCompressor(level=level, write_checksum=True, write_content_size=True).compress
    entries: list[bytes] = []
    for piece in pieces:
        frame = compress(piece)
        checksum = int.from_bytes(frame[-_CHECKSUM_BYTES:], "little")
        entries.append(_ENTRY.pack(len(frame), len(piece), checksum))
        yield frame
    footer = _FOOTER.pack(len(entries), _WITH_CHECKSUMS, _SEEKABLE_MAGIC)
    yield _SKIPPABLE.pack(_SKIPPABLE_MAGIC, len(entries) * _ENTRY.size + len(footer)) + b"".join(entries) + footer


class SeekableBytes:
    """The content of such a file, read like `bytes` without having more than a few frames of it in memory.

    A frame that is damaged reads as zeros and is named in `damaged`, so that it costs no more than what lies in it.
    """

    def __init__(self, path: Path) -> None:
        """Map the file; raises `JournalError` when it cannot be read or its table is not there."""
        from zstandard import ZstdDecompressor

        self.damaged: list[tuple[int, int]] = []
        self._decompressor = ZstdDecompressor()
        self._kept: OrderedDict[int, bytes] = OrderedDict()
        try:
            with path.open("rb") as file:
                size = file.seek(0, 2)
                self._data = mmap.mmap(file.fileno(), size, access=mmap.ACCESS_READ) if size else b""
        except OSError as error:
            raise JournalError(f"{path} cannot be read: {error.strerror}") from error
        sizes = _table(self._data, path)
        self._places = [0, *accumulate(compressed for compressed, _ in sizes)]
        self._starts = [0, *accumulate(decompressed for _, decompressed in sizes)]

    def __len__(self) -> int:
        return self._starts[-1]

    def __getitem__(self, wanted: slice) -> bytes:
        start, stop, _ = wanted.indices(len(self))
        parts = []
        while start < stop:
            number = bisect_right(self._starts, start) - 1
            begin, end = self._starts[number], min(stop, self._starts[number + 1])
            parts.append(self._frame(number)[start - begin : end - begin])
            start = end
        return b"".join(parts)

    def find(self, wanted: bytes, start: int = 0, end: int | None = None) -> int:
        """Where `wanted` first stands within `[start, end)`; -1 when it does not."""
        last = len(self) if end is None else min(end, len(self))
        while start + len(wanted) <= last:
            number = bisect_right(self._starts, start) - 1
            stop = min(self._starts[number + 1] + len(wanted) - 1, last)
            hit = self[start:stop].find(wanted)
            if hit >= 0:
                return start + hit
            start = stop - len(wanted) + 1
        return -1

    def frames(self) -> Iterator[bytes]:
        """All of it, frame by frame."""
        for number in range(len(self._places) - 1):
            yield self._frame(number)

    def _frame(self, number: int) -> bytes:
        content = self._kept.pop(number, None)
        if content is None:
            content = self._decompressed(number)
        self._kept[number] = content
        if len(self._kept) > _FRAMES_KEPT:
            self._kept.popitem(last=False)
        return content

    def _decompressed(self, number: int) -> bytes:
        from zstandard import ZstdError, frame_content_size

        start, end = self._starts[number], self._starts[number + 1]
        frame = memoryview(self._data)[self._places[number] : self._places[number + 1]]
        with suppress(ZstdError):  # told of below, as a frame of another length is
            if frame_content_size(frame) in (end - start, -1):
                content = self._decompressor.decompress(frame, max_output_size=end - start)
                if len(content) == end - start:
                    return content
        if (start, end) not in self.damaged:
            self.damaged.append((start, end))
        return bytes(end - start)


def _table(data: bytes | mmap.mmap, path: Path) -> list[tuple[int, int]]:
    """Compressed and decompressed size of each frame; raises `JournalError` when the table is not what it must be."""
    footer_at = len(data) - _FOOTER.size
    if footer_at >= _SKIPPABLE.size:
        frames, descriptor, magic = _FOOTER.unpack_from(data, footer_at)
        entry = _ENTRY if descriptor & _WITH_CHECKSUMS else _SHORT_ENTRY
        begin = footer_at - frames * entry.size
        if magic == _SEEKABLE_MAGIC and not descriptor & _RESERVED_BITS and begin >= _SKIPPABLE.size:
            head = _SKIPPABLE.unpack_from(data, begin - _SKIPPABLE.size)
            sizes = [(row[0], row[1]) for row in entry.iter_unpack(data[begin:footer_at])]
            whole = sum(compressed for compressed, _ in sizes) == begin - _SKIPPABLE.size
            bounded = all(decompressed <= _LARGEST_FRAME for _, decompressed in sizes)
            if head == (_SKIPPABLE_MAGIC, len(data) - begin) and whole and bounded:
                return sizes
    raise JournalError(
        f"{path} is damaged, or no archive: it does not end with the seek table of its zstd frames",
        hint="bring the hour back with `muhurat journal restore BUNDLE --to DIR`; `zstd -d` may read its beginning",
    )
