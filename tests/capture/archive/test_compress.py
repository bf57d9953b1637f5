"""Compressing an hour: the archive is believed after it was read back, and the raw file is never touched."""

from __future__ import annotations

import errno
import os
import random
import signal
import subprocess
import sys
import time
from contextlib import suppress
from itertools import count
from pathlib import Path

import pytest

from muhurat.capture.archive import ArchiveError
from muhurat.capture.archive.compress import Differs, compress_hour, require_same
from muhurat.capture.journal import HourPaths, verify_hour
from muhurat.capture.journal.files import Files
from tests.capture.archive.hours import FEED, MONDAY, hour_of, record
from tests.capture.support import FailingFiles

KILLS = int(os.environ.get("MUHURAT_KILLS", "4"))
"""Of the compressor; a hundred in the long form."""

COMPRESS = """
import sys
from pathlib import Path
from muhurat.capture.archive.compress import compress_hour
from muhurat.capture.journal import journal_files

(paths,) = journal_files(Path(sys.argv[1]))
print("ready", flush=True)
while True:
    compress_hour(paths)
    print("done", flush=True)
    paths.zst.unlink()
"""


@pytest.fixture
def nine(tmp_path: Path) -> HourPaths:
    record(tmp_path / "raw_ticks", MONDAY, (9,))
    return hour_of(tmp_path, MONDAY, 9)


def names(paths: HourPaths) -> set[str]:
    return {path.name for path in paths.bin.parent.glob(f"{FEED}_2*")}


def test_the_archive_is_smaller_and_says_what_it_holds(nine: HourPaths) -> None:
    raw = nine.bin.read_bytes()
    done = compress_hour(nine)
    assert done.file == nine.zst
    assert done.bytes_before == len(raw) > 5 * done.bytes_after == 5 * nine.zst.stat().st_size
    assert (done.found.records, done.found.sound, len(done.found.gaps)) == (3, True, 1)
    assert nine.bin.read_bytes() == raw
    require_same(nine.bin, nine.zst)


def test_an_archive_that_differs_is_refused(nine: HourPaths) -> None:
    compress_hour(nine)
    raw = bytearray(nine.bin.read_bytes())
    for content, where in (
        (raw[:-1], "within bytes"),
        (raw + b"x", "has .* bytes, the archive"),
        (raw[:5000] + b"x" + raw[5001:], "within bytes 0 to 1,048,576"),
    ):
        nine.bin.write_bytes(content)
        with pytest.raises(Differs, match=where):
            require_same(nine.bin, nine.zst)


class Careless(Files):
    """A disk on which something is not what was written."""

    def replace(self, part: Path, target: Path) -> None:
        raise AssertionError("an archive that was not what was written got its name")

    def write(self, fd: int, buffers: object) -> int:
        (frame,) = buffers  # type: ignore[misc]
        spoilt = bytearray(frame)
        spoilt[len(spoilt) // 2] ^= 1
        return os.write(fd, spoilt)


def test_a_disk_that_does_not_keep_what_was_written_is_found_out(nine: HourPaths) -> None:
    before = names(nine)
    with pytest.raises(ArchiveError):
        compress_hour(nine, Careless())
    assert names(nine) == before


class AppendedMeanwhile(Files):
    def __init__(self, paths: HourPaths) -> None:
        self.paths = paths

    def sync(self, fd: int) -> None:
        with self.paths.bin.open("ab") as file:
            file.write(b"more")


def test_an_hour_that_grows_meanwhile_is_not_archived(nine: HourPaths) -> None:
    with pytest.raises(Differs, match=r"has .* bytes, the archive"):
        compress_hour(nine, AppendedMeanwhile(nine))
    assert not nine.zst.exists()


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EIO, None])
def test_whatever_operation_fails_the_raw_hour_is_whole_and_the_next_run_succeeds(
    error: int | None, nine: HourPaths
) -> None:
    before, raw = names(nine), nine.bin.read_bytes()
    for number in count(1):
        files = FailingFiles(number, error=error)
        with suppress(ArchiveError):
            compress_hour(nine, files)
            assert verify_hour(nine).sound
            require_same(nine.bin, nine.zst)
            nine.zst.unlink()
        assert names(nine) == before
        assert nine.bin.read_bytes() == raw
        if not files.failed:
            return


@pytest.mark.slow
def test_a_compressor_that_is_killed_leaves_the_raw_hour_and_at_most_a_part(nine: HourPaths) -> None:
    chance, raw = random.Random(5), nine.bin.read_bytes()
    for _ in range(KILLS):
        process = subprocess.Popen([sys.executable, "-c", COMPRESS, str(nine.bin.parent)], stdout=subprocess.PIPE)
        assert process.stdout
        assert process.stdout.readline() == b"ready\n"
        time.sleep(chance.random() * 0.06)
        process.send_signal(signal.SIGKILL)
        process.stdout.close()
        process.wait()
        assert nine.bin.read_bytes() == raw
        if nine.zst.exists():
            require_same(nine.bin, nine.zst)
            nine.zst.unlink()
    compress_hour(nine)
    require_same(nine.bin, nine.zst)
    assert {path.name for path in nine.bin.parent.glob("*.part")} == set()
