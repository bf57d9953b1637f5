"""The recorder of a feed while every operation on files fails once, for a while, or from then on (SQLite's way)."""

from __future__ import annotations

import asyncio
import errno
from functools import partial
from itertools import count
from pathlib import Path

import pytest

from muhurat.capture import feed_recorder
from muhurat.capture.alarms import Alarms, Level
from muhurat.capture.feed_recorder import FeedPlan, FeedRecorder
from muhurat.capture.journal import HourPaths, JournalReader, JournalWriter, hours_of, verify_hour
from muhurat.clock import ManualClock
from muhurat.errors import MuhuratError
from muhurat.venues.base import ConnectionEvent, ConnectionKind
from tests.capture.killing import entries, gaps
from tests.capture.support import FEED, NINE, FailingFiles, abandon, payloads_in

SENT = [b"\x00\x01" + bytes([number]) * size for number, size in enumerate((3, 9000, 3, 200, 5000, 3, 40, 7000, 11))]


class Bench:
    """A feed's recorder on files that fail; `alerts` are what it told."""

    def __init__(self, folder: Path, files: FailingFiles, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.clock = ManualClock(NINE + 3590 * 10**9)
        self.alerts: list[str] = []
        writer = partial(JournalWriter, sync_interval_s=None, files=files)
        monkeypatch.setattr(feed_recorder, "JournalWriter", writer)
        monkeypatch.setattr(feed_recorder, "_RETRY_S", 0.0)
        (folder / "journal").mkdir(parents=True)

    def start(self) -> FeedRecorder:
        plan = FeedPlan(FEED, self.folder / "journal", self.folder, buffer_bytes=1 << 20)
        recorder = FeedRecorder(plan, self.clock, self._fail, Alarms(self._tell))
        recorder.open()
        self.tell(recorder, ConnectionKind.CONNECTED)
        return recorder

    def tell(self, recorder: FeedRecorder, kind: ConnectionKind) -> None:
        recorder.on_event(ConnectionEvent(kind, self.clock.now_ns(), self.clock.monotonic(), 1))

    async def send(self, recorder: FeedRecorder, *payloads: bytes, after_s: float = 1) -> None:
        """Frames of one turn, and a few turns for the disk."""
        self.clock.advance(after_s)
        for payload in payloads:
            recorder.on_binary(payload)
        for _ in range(3):
            await asyncio.sleep(0)

    async def settled(self, recorder: FeedRecorder) -> None:
        for _ in range(2000):
            if recorder.writer and not recorder.backlog and not recorder.trouble:
                return
            await asyncio.sleep(0)
        raise AssertionError("the disk has been well for long, and records still wait")

    def _fail(self, error: MuhuratError) -> None:
        raise error

    def _tell(self, level: Level, what: str, hint: str) -> bool:
        self.alerts.append(what)
        return True


async def a_day(bench: Bench) -> None:
    """Two hours, a lost connection, a text, a death with a torn tail, and a second recorder that ends in order."""
    first = bench.start()
    await bench.send(first, *SENT[:3])
    first.on_text("hello")
    bench.tell(first, ConnectionKind.DISCONNECTED)
    bench.tell(first, ConnectionKind.CONNECTED)
    await bench.send(first, SENT[3])
    await bench.send(first, *SENT[4:6], after_s=10)  # the next hour
    await bench.settled(first)
    assert first.writer
    abandon(first.writer)
    with (bench.folder / "journal" / "desk_20250902_1000.bin").open("ab") as torn:
        torn.write(b"half a header")
    second = bench.start()
    await bench.send(second, *SENT[6:8])
    await bench.send(second, SENT[8])
    second.finish()


def check_sound(directory: Path) -> None:
    for hour in hours_of(directory, FEED):
        found = verify_hour(HourPaths(directory, FEED, hour))
        assert (found.torn_bytes, found.damaged, found.damaged_lines, found.unindexed) == (0, [], 0, 0)


@pytest.mark.parametrize(("error", "length"), [(errno.ENOSPC, 1), (errno.EIO, 4), (None, 1)])
async def test_whatever_operation_fails_the_day_is_recorded_whole(
    error: int | None, length: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in count(1):
        files = FailingFiles(number, number + length - 1, error)
        bench = Bench(tmp_path / str(number), files, monkeypatch)

        await a_day(bench)

        journal = bench.folder / "journal"
        JournalWriter(journal, FEED, bench.clock).close()  # the last line of all may have been refused
        assert payloads_in(journal) == SENT
        check_sound(journal)
        assert [gap["reason"] for gap in gaps(entries(bench.folder))] == ["disconnected", "the recorder was down"]
        assert [path.read_bytes() for path in journal.glob("*.bin.torn-*")] == [b"half a header"]
        assert any("desk_20250902_1000.bin.torn-1" in what for what in bench.alerts)
        if not files.failed:
            return


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EIO])
async def test_a_disk_that_never_recovers_leaves_what_readers_had_and_says_what_it_cost(
    error: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in count(1):
        files = FailingFiles(number, 1 << 30, error)
        bench = Bench(tmp_path / str(number), files, monkeypatch)
        with JournalReader(bench.folder / "journal", FEED, name="follower") as reader:
            recorder = bench.start()
            for payload in SENT:
                await bench.send(recorder, payload, after_s=2)
            had = [record.payload for record in reader.read_records()]
            waited = recorder.backlog.records
            recorder.finish()
        JournalWriter(bench.folder / "journal", FEED, bench.clock).close()

        kept = payloads_in(bench.folder / "journal")
        assert kept == SENT[: len(kept)]
        assert kept[: len(had)] == had
        assert len(kept) + waited >= len(SENT)
        check_sound(bench.folder / "journal")
        if len(kept) < len(SENT):
            assert any("are lost with the end of the recorder" in what for what in bench.alerts)
        if not files.failed:
            return


async def test_a_disk_that_takes_bytes_but_cannot_keep_them_is_told_of_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = Bench(tmp_path / "desk", FailingFiles(1 << 30), monkeypatch)

    class Unkept(FailingFiles):
        def sync(self, fd: int) -> None:
            raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(
        feed_recorder, "JournalWriter", partial(JournalWriter, sync_interval_s=0.001, files=Unkept(1 << 30))
    )
    recorder = bench.start()
    await bench.send(recorder, SENT[0])
    while not (recorder.writer and recorder.writer.sync_error):
        await asyncio.sleep(0.001)
    recorder.look_at_disk()
    recorder.look_at_disk()
    recorder.finish()

    assert bench.alerts == ["desk: what is recorded cannot be brought to the disk: [Errno 5] Input/output error"]
