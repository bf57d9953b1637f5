from __future__ import annotations

import asyncio
import errno
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from muhurat.capture import feed_recorder
from muhurat.capture.journal import (
    AFTER_GAP,
    ControlRecord,
    HourPaths,
    JournalReader,
    Record,
    connection_of,
    verify_hour,
)
from muhurat.capture.journal.files import Files
from muhurat.capture.journal.hour import OpenHour
from muhurat.capture.recorder import FeedPlan, packets_by_header, run
from muhurat.capture.universe import Entry, Universe, load_universe, save_universe, save_wanted
from muhurat.clock import NS_PER_S, ManualClock, ist
from muhurat.errors import JournalError
from muhurat.heartbeat import Heartbeat, read_heartbeats
from muhurat.supervisor.alerts import Alerts, read_alerts
from muhurat.venues.base import ConnectionEvent, ConnectionKind, StreamListener, StreamMode
from tests.capture.support import FEED, HOUR_NS, NINE, abandon, open_writer
from tests.jobs.library.small_disk import no_file_larger_than

DAY = ist(NINE).date()
HEARTBEAT = b"\x00"


def frame(number: int) -> bytes:
    """A message of two packets that carries a number."""
    return b"\x00\x02" + number.to_bytes(4, "big") * 40


@pytest.fixture(autouse=True)
def _often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look and report more often than a desk needs."""
    monkeypatch.setattr("muhurat.capture.recorder._REPORT_EVERY_S", 0.02)
    monkeypatch.setattr("muhurat.heartbeat._LEAST_INTERVAL_S", 0.0)


class Stream:
    """A venue's stream in the test's hand."""

    def __init__(self, clock: ManualClock) -> None:
        self.clock = clock
        self.instruments: list[tuple[list[int], StreamMode]] = []
        self.heard_by: StreamListener | None = None
        self.connections = 0
        self._closing = asyncio.Event()

    async def run(self, listener: StreamListener) -> None:
        self.heard_by = listener
        self.connect()
        await self._closing.wait()
        self.tell(ConnectionKind.DISCONNECTED, "closed")

    def set_instruments(self, tokens: Iterable[int], mode: StreamMode) -> None:
        self.instruments.append((list(tokens), mode))

    def close(self) -> None:
        self._closing.set()

    @property
    def listener(self) -> StreamListener:
        assert self.heard_by is not None
        return self.heard_by

    def connect(self) -> None:
        self.connections += 1
        self.tell(ConnectionKind.CONNECTED)
        self.tell(ConnectionKind.SUBSCRIBED, instruments=3)

    def tell(self, kind: ConnectionKind, reason: str = "", **more: Any) -> None:
        at = (self.clock.now_ns(), self.clock.monotonic())
        self.listener.on_event(ConnectionEvent(kind, *at, self.connections, reason, **more))


class Desk:
    """A recorder at work on one feed, its clock, its stream and what it left."""

    def __init__(self, folder: Path, now_ns: int = NINE, **plan: Any) -> None:
        self.folder = folder
        self.clock = ManualClock(now_ns)
        self.stream = Stream(self.clock)
        self.plan = FeedPlan(FEED, folder / "journal", folder / "universe", **plan)
        self.heartbeat = Heartbeat("recorder", folder / "run", self.clock)
        self.stop = asyncio.Event()
        self.alerts = Alerts(folder / "run", self.clock)

    async def record(self) -> None:
        streams = {FEED: self.stream}
        await run([self.plan], streams, self.clock, self.heartbeat, self.stop, tell=self.alerts.raise_)

    def told(self) -> list[str]:
        """The alerts."""
        return [alert["what"] for alert in read_alerts(self.folder / "run")]

    def send(self, *payloads: bytes, after_s: float = 0.0) -> None:
        """Frames that come in one turn of the loop."""
        self.clock.advance(after_s)
        for payload in payloads:
            self.stream.listener.on_binary(payload)

    def entries(self) -> list[Record | ControlRecord]:
        with JournalReader(self.plan.journal, FEED, with_control=True) as reader:
            return [entry for batch in iter(reader.read, []) for entry in batch]

    def records(self) -> list[Record]:
        return [entry for entry in self.entries() if isinstance(entry, Record)]

    def gaps(self) -> list[dict[str, Any]]:
        return [e.entry for e in self.entries() if isinstance(e, ControlRecord) and e.entry["event"] == "gap"]

    def facts(self) -> dict[str, Any]:
        feeds: dict[str, dict[str, Any]] = read_heartbeats(self.folder / "run")["recorder"]["gauges"]["feeds"]
        return feeds[FEED]


@asynccontextmanager
async def recording(desk: Desk) -> AsyncIterator[Desk]:
    """The recorder from its first connection to its orderly end."""
    task = asyncio.create_task(desk.record())
    await until(lambda: desk.stream.heard_by is not None or task.done())
    try:
        yield desk
    finally:
        desk.stop.set()
        await task


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.002)


async def test_every_frame_is_kept_as_it_came_with_its_time_and_connection(tmp_path: Path) -> None:
    async with recording(Desk(tmp_path)) as desk:
        desk.send(frame(1), HEARTBEAT)
        await asyncio.sleep(0)
        desk.send(frame(2), after_s=1.5)

    records = desk.records()
    assert [record.payload for record in records] == [frame(1), HEARTBEAT, frame(2)]
    assert [record.ts_recv_ns - NINE for record in records] == [0, 0, 1_500_000_000]
    assert {connection_of(record.flags) for record in records} == {1}
    assert desk.gaps() == []


async def test_frames_of_one_turn_are_written_by_one_system_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[int] = []
    plainly = Files.write

    def counting(self: Files, fd: int, buffers: Sequence[bytes | memoryview]) -> int:
        path = Path(f"/proc/self/fd/{fd}").readlink()
        written.extend([len(buffers)] * (path.suffix == ".bin"))
        return plainly(self, fd, buffers)

    monkeypatch.setattr(Files, "write", counting)
    async with recording(Desk(tmp_path)) as desk:
        await asyncio.sleep(0.01)
        desk.send(*(frame(n) for n in range(50)))
        await asyncio.sleep(0.01)
        desk.send(frame(50))
        await asyncio.sleep(0.01)

    assert len(written) == 2
    assert len(desk.records()) == 51


async def test_text_and_connection_events_stand_beside_the_data(tmp_path: Path) -> None:
    async with recording(Desk(tmp_path)) as desk:
        desk.stream.listener.on_text('{"type":"message","data":"hello"}')

    told = [entry.entry for entry in desk.entries() if isinstance(entry, ControlRecord)]
    assert [entry["event"] for entry in told] == ["connected", "subscribed", "text", "disconnected", "closed"]
    assert told[1]["instruments"] == 3
    assert told[2]["text"] == '{"type":"message","data":"hello"}'
    assert told[3]["reason"] == "closed"


async def test_a_lost_connection_is_a_gap_from_the_last_frame_to_the_next_data(tmp_path: Path) -> None:
    async with recording(Desk(tmp_path)) as desk:
        desk.send(frame(1))
        desk.clock.advance(2)
        desk.stream.tell(ConnectionKind.DISCONNECTED, "connection lost without a close frame")
        desk.clock.advance(1)
        desk.stream.connect()
        desk.send(HEARTBEAT, after_s=0.25)
        desk.send(frame(2), after_s=0.25)
        desk.send(frame(3), after_s=1)

    assert [bool(record.flags & AFTER_GAP) for record in desk.records()] == [False, False, True, False]
    assert [connection_of(record.flags) for record in desk.records()] == [1, 2, 2, 2]
    (gap,) = desk.gaps()
    assert (gap["from_ns"] - NINE, gap["to_ns"] - NINE) == (0, 3_500_000_000)
    assert gap["reason"] == "disconnected connection lost without a close frame"
    entries = desk.entries()
    place = next(n for n, e in enumerate(entries) if isinstance(e, ControlRecord) and e.entry["event"] == "gap")
    following = entries[place + 1]
    assert isinstance(following, Record)
    assert following.payload == frame(2)


async def test_a_mute_connection_is_a_gap_from_the_last_data_although_heartbeats_came(tmp_path: Path) -> None:
    async with recording(Desk(tmp_path)) as desk:
        desk.send(frame(1))
        desk.send(HEARTBEAT, after_s=3)
        desk.stream.tell(ConnectionKind.STALE, "no market data for 30 s")
        desk.stream.tell(ConnectionKind.DISCONNECTED, "no market data for 30 s")
        desk.clock.advance(1)
        desk.stream.connect()
        desk.send(frame(2))

    (gap,) = desk.gaps()
    assert (gap["from_ns"] - NINE, gap["seconds"]) == (0, 4.0)
    assert gap["reason"].startswith("stale")


async def test_a_refused_login_is_told_and_becomes_a_gap(tmp_path: Path) -> None:
    async with recording(Desk(tmp_path)) as desk:
        desk.send(frame(1))
        desk.stream.tell(ConnectionKind.DISCONNECTED, "bye")
        desk.stream.tell(ConnectionKind.REFUSED, "HTTP 403", status=403, permanent=True)
        await until(lambda: "refused" in read_heartbeats(tmp_path / "run").get("recorder", {}).get("detail", ""))
        desk.clock.advance(60)

    (gap,) = desk.gaps()
    assert gap["seconds"] == 60.0


async def test_a_restart_on_the_same_day_records_the_time_it_was_down(tmp_path: Path) -> None:
    async with recording(Desk(tmp_path)) as first:
        first.send(frame(1))
    async with recording(Desk(tmp_path, NINE + 7 * NS_PER_S)) as second:
        second.send(frame(2), after_s=1)
    async with recording(Desk(tmp_path, NINE + 20 * NS_PER_S)) as third:
        third.send(frame(3))
        await until(lambda: third.facts()["packets"] == 6)
        facts = third.facts()

    assert [(gap["seconds"], gap["reason"]) for gap in third.gaps()] == [
        (8.0, "the recorder was down"),
        (12.0, "the recorder was down"),
    ]
    assert [bool(record.flags & AFTER_GAP) for record in third.records()] == [False, True, True]
    assert (facts["packets"], facts["messages"], facts["gaps"], facts["reconnects"]) == (6, 3, 2, 2)
    assert facts["bytes"] == 3 * len(frame(0))


async def test_a_new_day_begins_without_a_gap(tmp_path: Path) -> None:
    async with recording(Desk(tmp_path)) as first:
        first.send(frame(1))
    async with recording(Desk(tmp_path, NINE + 24 * HOUR_NS)) as second:
        second.send(frame(2))

    assert second.gaps() == []


async def test_a_recorder_that_starts_late_records_what_it_missed_since_the_feeds_hour(tmp_path: Path) -> None:
    opens_ns = NINE + 300 * NS_PER_S
    async with recording(Desk(tmp_path, opens_ns + 600 * NS_PER_S, opens_ns=opens_ns)) as desk:
        desk.send(frame(1))

    (gap,) = desk.gaps()
    assert (gap["from_ns"], gap["seconds"]) == (opens_ns, 600.0)


async def test_a_recorder_that_starts_in_time_records_no_gap(tmp_path: Path) -> None:
    async with recording(Desk(tmp_path, NINE, opens_ns=NINE - NS_PER_S, closes_ns=NINE + HOUR_NS)) as desk:
        desk.send(frame(1), after_s=5)

    assert desk.gaps() == []


async def test_a_restart_before_the_feeds_hour_is_a_gap_too_since_records_were_being_kept(tmp_path: Path) -> None:
    opens_ns = NINE + 600 * NS_PER_S
    async with recording(Desk(tmp_path, NINE, opens_ns=opens_ns)) as first:
        first.send(frame(1))
    async with recording(Desk(tmp_path, NINE + 5 * NS_PER_S, opens_ns=opens_ns)) as second:
        second.send(frame(2))

    assert [gap["seconds"] for gap in second.gaps()] == [5.0]


async def test_a_gap_ends_with_the_feeds_hours_at_the_latest(tmp_path: Path) -> None:
    async with recording(Desk(tmp_path, NINE, closes_ns=NINE + 60 * NS_PER_S)) as desk:
        desk.send(frame(1))
        desk.stream.tell(ConnectionKind.DISCONNECTED, "drop")
        desk.clock.advance(100)
        desk.stream.connect()
        desk.send(frame(2))

    assert [gap["seconds"] for gap in desk.gaps()] == [60.0]


async def test_after_the_feeds_hours_a_lost_connection_is_no_gap(tmp_path: Path) -> None:
    async with recording(Desk(tmp_path, NINE, closes_ns=NINE + NS_PER_S)) as desk:
        desk.send(frame(1))
        desk.clock.advance(5)
        desk.stream.tell(ConnectionKind.DISCONNECTED, "closed by the venue")

    assert desk.gaps() == []


class FullDisk:
    """Makes writing `.bin` files fail for as long as `full`."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.full = False
        plainly = Files.write

        def write(files: Files, fd: int, buffers: Sequence[bytes | memoryview]) -> int:
            if self.full:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return plainly(files, fd, buffers)

        monkeypatch.setattr(Files, "write", write)
        monkeypatch.setattr(feed_recorder, "_RETRY_S", 0.01)


async def test_a_full_disk_costs_nothing_while_memory_lasts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    disk = FullDisk(monkeypatch)
    async with recording(Desk(tmp_path)) as desk:
        desk.send(frame(0))
        await asyncio.sleep(0.02)
        disk.full = True
        for number in range(1, 20):
            desk.send(frame(number))
            await asyncio.sleep(0.002)
        await until(lambda: "No space left" in read_heartbeats(tmp_path / "run")["recorder"]["detail"])
        await until(lambda: desk.facts()["buffered_records"] == 19)
        assert "records wait in memory" in read_heartbeats(tmp_path / "run")["recorder"]["detail"]

        disk.full = False
        await until(lambda: desk.facts()["buffered_records"] == 0)
        desk.send(frame(20))

    assert [record.payload for record in desk.records()] == [frame(n) for n in range(21)]
    assert desk.gaps() == []
    assert desk.facts()["disk_error"] == ""
    assert desk.told() == [
        "desk: the journal of 20250902_0900 cannot be written: No space left on device; records wait in memory",
        "desk: the disk takes records again; none was lost",
    ]


async def test_when_memory_is_full_too_the_oldest_are_given_up_and_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = FullDisk(monkeypatch)
    async with recording(Desk(tmp_path, buffer_bytes=3000)) as desk:
        desk.send(frame(0))
        await asyncio.sleep(0.02)
        disk.full = True
        for number in range(1, 21):
            desk.send(frame(number), after_s=1)
        await asyncio.sleep(0.05)
        disk.full = False
        await until(lambda: desk.facts()["dropped_records"] and not desk.facts()["buffered_records"])

    records = desk.records()
    lost = desk.facts()["dropped_records"]
    assert lost > 5
    assert [record.payload for record in records] == [frame(0)] + [frame(n) for n in range(1 + lost, 21)]
    assert records[1].flags & AFTER_GAP
    (gap,) = desk.gaps()
    assert (gap["records"], gap["reason"], gap["seconds"]) == (lost, "the disk refused", float(lost))
    assert desk.told()[1:] == [
        "desk: memory is full too, the oldest records are being given up",
        f"desk: the disk takes records again; {lost} were given up and are noted as a gap",
    ]


async def test_a_file_that_may_not_grow_is_a_disk_that_refuses_and_readers_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed_recorder, "_RETRY_S", 0.01)
    sent = [b"\x00\x01" + bytes([number]) * 4000 for number in range(20)]
    async with recording(Desk(tmp_path)) as desk:
        with JournalReader(desk.plan.journal, FEED, name="follower") as reader, no_file_larger_than(30_000):
            for payload in sent:
                desk.send(payload)
                await asyncio.sleep(0.002)
            await until(lambda: "File too large" in desk.facts()["disk_error"])
            had = [record.payload for record in reader.read_records()]
            assert had == sent[: len(had)]
            assert 0 < len(had) < 8
        await until(lambda: desk.facts()["disk_error"] == "")

    assert [record.payload for record in desk.records()] == sent
    assert verify_hour(HourPaths(desk.plan.journal, FEED, "20250902_0900")).sound


async def test_a_torn_tail_is_an_alert_that_says_where_it_lies(tmp_path: Path) -> None:
    async with recording(Desk(tmp_path)) as first:
        first.send(frame(1))
    with (first.plan.journal / "desk_20250902_0900.bin").open("ab") as file:
        file.write(b"half a record")
    async with recording(Desk(tmp_path, NINE + NS_PER_S)) as second:
        second.send(frame(2))

    assert second.told() == [
        "desk: the journal of 20250902_0900 was repaired: 13 torn bytes kept aside as desk_20250902_0900.bin.torn-1"
    ]
    assert [record.payload for record in second.records()] == [frame(1), frame(2)]


async def test_what_is_torn_in_an_older_hour_is_an_alert_too(tmp_path: Path) -> None:
    writer = open_writer(tmp_path / "journal")
    writer.append([(frame(1), NINE, 0)])
    abandon(writer)
    with (tmp_path / "journal" / "desk_20250902_0900.bin").open("ab") as file:
        file.write(b"half a record")
    open_hour = OpenHour(HourPaths(tmp_path / "journal", FEED, "20250902_1000"), Files())
    open_hour.close()

    async with recording(Desk(tmp_path, NINE + HOUR_NS)) as desk:
        desk.send(frame(2))

    (told,) = desk.told()
    assert "13 torn bytes kept aside as desk_20250902_0900.bin.torn-1" in told


async def test_frames_of_one_turn_on_both_sides_of_the_hour_lie_in_both_files(tmp_path: Path) -> None:
    async with recording(Desk(tmp_path, NINE + HOUR_NS - 2 * NS_PER_S)) as desk:
        for number in range(1, 5):
            desk.send(frame(number), after_s=0.999 if number < 3 else 0.001)
        await asyncio.sleep(0.01)

    told = [(record.position.hour[-4:], record.ts_recv_ns - NINE - HOUR_NS) for record in desk.records()]
    assert told == [("0900", -1_001_000_000), ("0900", -2_000_000), ("0900", -1_000_000), ("1000", 0)]


async def test_a_disk_that_is_full_from_the_start_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = open_writer(tmp_path / "journal")
    writer.append([(b"\x00\x01old", NINE, 0)])
    writer._lock.release()
    (tmp_path / "journal" / "desk_20250902_0900.idx").write_bytes(b"")
    disk = FullDisk(monkeypatch)
    disk.full = True

    async with recording(Desk(tmp_path, NINE + NS_PER_S)) as desk:
        desk.send(frame(1))
        await asyncio.sleep(0.05)
        disk.full = False
        await until(lambda: not desk.facts()["buffered_records"] and desk.facts()["file"])

    assert [record.payload for record in desk.records()] == [b"\x00\x01old", frame(1)]


async def test_a_feed_that_another_process_writes_ends_the_service(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    with open_writer(desk.plan.journal), pytest.raises(JournalError, match="is being written by process"):
        await desk.record()


async def test_an_error_in_the_loop_ends_the_service_rather_than_half_of_it(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    task = asyncio.create_task(desk.record())
    await until(lambda: desk.stream.heard_by is not None)

    asyncio.get_running_loop().call_soon(int, "no number")

    with pytest.raises(ValueError, match="no number"):
        await task


def save_instruments(folder: Path, symbols: Iterable[str], reserve: Iterable[str] = ()) -> Path:
    path = folder / "universe" / "desk_20250902.json"
    known = {symbol: Entry(token=ord(symbol), symbol=symbol) for symbol in (*symbols, *reserve)}
    save_universe(
        path,
        Universe(
            instruments={symbol: known[symbol] for symbol in symbols},
            reserve={symbol: known[symbol] for symbol in reserve},
            missing=["Z"],
        ),
    )
    return path


async def test_the_universe_is_subscribed_and_followed_as_it_changes(tmp_path: Path) -> None:
    save_instruments(tmp_path, "AB")
    async with recording(Desk(tmp_path, mode="quote")) as desk:
        assert desk.stream.instruments == [([65, 66], "quote")]

        save_instruments(tmp_path, "ABC")
        await until(lambda: len(desk.stream.instruments) == 2)
        await until(lambda: desk.facts()["instruments"] == 3)

    assert desk.stream.instruments[-1] == ([65, 66, 67], "quote")
    assert desk.facts()["missing"] == ["Z"]


async def test_what_the_trader_wants_is_taken_from_the_reserve(tmp_path: Path) -> None:
    path = save_instruments(tmp_path, "A", reserve="BC")
    async with recording(Desk(tmp_path)) as desk:
        save_wanted(path.with_name("desk_20250902.want.json"), ["C", "A", "X"])
        await until(lambda: len(desk.stream.instruments) == 2)
        await until(lambda: desk.facts()["missing"] == ["Z", "X"])

    assert desk.stream.instruments[-1] == ([65, 67], "full")
    kept = load_universe(path)
    assert (set(kept.instruments), set(kept.reserve)) == ({"A", "C"}, {"B"})


async def test_a_spoilt_universe_is_told_and_the_last_good_one_stays(tmp_path: Path) -> None:
    path = save_instruments(tmp_path, "A")
    async with recording(Desk(tmp_path)) as desk:
        path.write_text("not json")
        await until(lambda: "is spoilt" in desk.facts()["problem"])
        assert len(desk.stream.instruments) == 1

        save_instruments(tmp_path, "AB")
        await until(lambda: len(desk.stream.instruments) == 2)
        await until(lambda: desk.facts()["problem"] == "")


async def test_the_service_is_ready_once_the_venue_has_answered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reading, writing = os.pipe()
    monkeypatch.setenv("MUHURAT_READY_FD", str(writing))

    async with recording(Desk(tmp_path)):
        await asyncio.sleep(0.05)
        assert os.read(reading, 10) == b"\n"
    os.close(reading)


def test_packets_are_counted_by_the_first_two_bytes() -> None:
    assert packets_by_header(frame(7)) == 2
    assert packets_by_header(HEARTBEAT) == 0
    assert packets_by_header(b"") == 0


def test_the_recorder_imports_nothing_heavy() -> None:
    found = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys, muhurat.capture.recorder, muhurat.venues.kite.stream; print(*sys.modules)",
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    heavy = {"numpy", "pandas", "pyarrow", "duckdb", "kiteconnect", "pydantic", "fastapi", "nicegui", "requests"}
    assert not heavy & set(found.stdout.split())
