from __future__ import annotations

from pathlib import Path

import pytest

from muhurat.capture.journal import JournalReader, journal_files
from muhurat.capture.replay import replay
from muhurat.clock import ManualClock
from muhurat.errors import JournalError
from tests.capture.support import FEED, NINE, message, open_writer, payloads_in


class Watched(ManualClock):
    """Notes what lies in the new journal whenever somebody waits."""

    def __init__(self, folder: Path) -> None:
        super().__init__(NINE)
        self.folder = folder
        self.seen: list[tuple[float, int]] = []

    def sleep_until(self, instant_ns: int) -> None:
        super().sleep_until(instant_ns)
        with JournalReader(self.folder, FEED) as reader:
            self.seen.append(((self.now_ns() - NINE) / 1e9, len(reader.read())))


def test_records_come_at_their_pace_and_not_before(tmp_path: Path) -> None:
    with open_writer(tmp_path / FEED) as writer:
        writer.append([message("a", 0), message("b", 0), message("c", 60_000), message("d", 90_000)])
    clock = Watched(tmp_path / "again" / FEED)

    done = replay(journal_files(tmp_path / FEED), tmp_path / "again", clock, speed=60)

    assert clock.seen == [(1.0, 2), (1.5, 3)]
    assert (done.records, done.bytes) == (4, 4 * 13)
    assert payloads_in(tmp_path / "again" / FEED) == [b"a", b"b", b"c", b"d"]


def test_one_feed_at_a_time(tmp_path: Path) -> None:
    for feed in ("one", "two"):
        (tmp_path / feed).mkdir()
        (tmp_path / feed / f"{feed}_20250902_0900.bin").write_bytes(b"")

    with pytest.raises(JournalError, match="one feed at a time, not one, two"):
        replay(journal_files(tmp_path), tmp_path / "again", ManualClock(NINE))
