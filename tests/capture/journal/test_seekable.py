"""Compressed hours: any part can be read, plain zstd gives the file back, and damage costs what it hit."""

from __future__ import annotations

import random
import subprocess
from pathlib import Path

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from muhurat.capture.journal.seekable import FRAME_BYTES, SeekableBytes, seekable
from muhurat.errors import JournalError
from tests.servers.processes import program


def packed(path: Path, content: bytes, frame: int = FRAME_BYTES) -> SeekableBytes:
    pieces = (content[at : at + frame] for at in range(0, len(content), frame))
    path.write_bytes(b"".join(seekable(pieces)))
    return SeekableBytes(path)


def some_bytes(count: int) -> bytes:
    return random.Random(count).randbytes(count)


@pytest.mark.parametrize("size", [0, 1, 999, 1000, 1001, 25_000])
def test_the_content_is_that_of_the_file_frame_by_frame_and_as_a_whole(size: int, tmp_path: Path) -> None:
    content = some_bytes(size)
    read = packed(tmp_path / "x.zst", content, 1000)
    assert len(read) == size
    assert read[0:size] == content == b"".join(read.frames())
    assert read.damaged == []


@given(
    content=st.binary(max_size=400),
    frame=st.integers(1, 60),
    spans=st.lists(st.tuples(st.integers(0, 410), st.integers(0, 410))),
)
def test_any_slice_and_any_search_are_those_of_the_bytes(
    content: bytes, frame: int, spans: list[tuple[int, int]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    read = packed(tmp_path_factory.mktemp("any") / "x.zst", content, frame)
    for start, stop in spans:
        assert read[start:stop] == content[start:stop]
        wanted = content[start : start + 3] or b"x"
        assert read.find(wanted, min(start, stop), max(start, stop)) == content.find(
            wanted, min(start, stop), max(start, stop)
        )


@pytest.mark.parametrize("size", [0, 5000])
def test_the_zstd_program_gives_the_file_back(size: int, tmp_path: Path) -> None:
    packed(tmp_path / "x.bin.zst", some_bytes(size), 1000)
    done = subprocess.run(
        [program("zstd", "zstd"), "-d", "-q", str(tmp_path / "x.bin.zst")], capture_output=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert (tmp_path / "x.bin").read_bytes() == some_bytes(size)


def test_a_table_without_checksums_is_read_as_well(tmp_path: Path) -> None:
    frames = [zstandard.ZstdCompressor(write_content_size=False).compress(part) for part in (b"one", b"", b"two")]
    entries = b"".join(
        len(frame).to_bytes(4, "little") + size.to_bytes(4, "little")
        for frame, size in zip(frames, (3, 0, 3), strict=True)
    )
    footer = (3).to_bytes(4, "little") + b"\x00" + 0x8F92EAB1.to_bytes(4, "little")
    table = 0x184D2A5E.to_bytes(4, "little") + (len(entries) + 9).to_bytes(4, "little") + entries + footer
    (tmp_path / "x.zst").write_bytes(b"".join(frames) + table)
    assert SeekableBytes(tmp_path / "x.zst")[0:10] == b"onetwo"


def test_a_damaged_frame_reads_as_zeros_and_is_named(tmp_path: Path) -> None:
    content = some_bytes(5000)
    packed(tmp_path / "x.zst", content, 1000)
    spoilt = bytearray((tmp_path / "x.zst").read_bytes())
    spoilt[2500] ^= 0xFF
    (tmp_path / "x.zst").write_bytes(spoilt)
    read = SeekableBytes(tmp_path / "x.zst")
    assert read[0:5000] == content[:2000] + bytes(1000) + content[3000:]
    assert read.damaged == [(2000, 3000)]


@pytest.mark.parametrize("keep", [0, 3, 8, 500, -1])
def test_a_file_without_its_end_is_refused_with_what_to_do(keep: int, tmp_path: Path) -> None:
    packed(tmp_path / "x.zst", some_bytes(5000), 1000)
    (tmp_path / "x.zst").write_bytes((tmp_path / "x.zst").read_bytes()[:keep])
    with pytest.raises(JournalError, match=r"x\.zst is damaged, or no archive") as refused:
        SeekableBytes(tmp_path / "x.zst")
    assert "journal restore" in refused.value.hint


def test_few_frames_stay_in_memory(tmp_path: Path) -> None:
    read = packed(tmp_path / "x.zst", some_bytes(20_000), 1000)
    assert len(b"".join(read.frames())) == 20_000
    assert sum(map(len, read._kept.values())) <= 4 * 1000
