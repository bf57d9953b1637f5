"""From the journal into the tick store: everything, once, whenever the service dies."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from muhurat.capture.archive.compress import compress_hour
from muhurat.capture.decode_service import READER, DecodeService, DecodeSettings, run
from muhurat.capture.journal import JournalReader, JournalWriter, journal_files, saved_position
from muhurat.clock import ManualClock, SystemClock
from muhurat.errors import StoreError
from muhurat.heartbeat import Heartbeat
from muhurat.stores.parquet import ParquetTickStore
from muhurat.stores.schema import TABLES
from muhurat.venues.kite.decode import decode_message
from tests.capture.support import FEED, HOUR_NS, MS, NINE, records_in
from tests.stores.ticks import write_universe
from tests.venues.kite.messages import LENGTHS, message, packet

SECOND = 1000 * MS
TOKEN = 408065
HEARTBEAT = b"\0"


class Desk:
    """The folders of a feed and everything that works on them."""

    def __init__(self, folder: Path) -> None:
        self.clock = ManualClock(NINE)
        self.journal = folder / "raw_ticks"
        self.universe = folder / "universe"
        self.live = folder / "run" / "live.json"
        self.ticks = folder / "ticks"
        self.heartbeat = Heartbeat("decode", folder / "run", self.clock)
        self.settings = DecodeSettings(self.journal, FEED, self.universe, self.live)
        self.writer = JournalWriter(self.journal, FEED, self.clock, sync_interval_s=None)

    def store(self) -> ParquetTickStore:
        return ParquetTickStore(self.ticks, self.clock, universe=self.universe)

    def record(self, *payloads: bytes, at_ns: int = NINE) -> None:
        self.writer.append([(payload, at_ns + number * MS, 0) for number, payload in enumerate(payloads)])

    def decode(self) -> dict[str, Any]:
        """Run the service over what is there; returns its last gauges."""
        stop = threading.Event()
        stop.set()
        with self.store() as store:
            run(self.settings, decode_message, store, self.clock, self.heartbeat, stop)
        status = json.loads((self.live.parent / "decode.status.json").read_text())
        gauges: dict[str, Any] = status["gauges"]
        return gauges

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        return list(self.store().query(sql))


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path)
    yield made
    made.writer.close()


def full(token: int = TOKEN, price: int = 157_370, at_s: int = 0, volume: int = 10, close: int = 150_000) -> bytes:
    """A packet of mode full with one bid at the price and no ask; `price` and `close` in paise."""
    words = [token, price, 7, price, volume, 0, 0, price, price, price, close, at_s, 5, 5, 5, at_s, 100, price, 1 << 16]
    return b"".join(word.to_bytes(4, "big") for word in words).ljust(184, b"\0")


def messages(count: int, chance: random.Random) -> list[bytes]:
    """Messages as they come: some packets of all lengths, now and then a heartbeat."""
    return [
        HEARTBEAT if chance.random() < 0.1 else message([any_packet(chance) for _ in range(chance.randrange(1, 12))])
        for _ in range(count)
    ]


def any_packet(chance: random.Random) -> bytes:
    """A packet of any length for one of forty instruments."""
    return bytes((0, 0, chance.randrange(40))) + packet(chance.choice(LENGTHS), 2, chance)[3:]


def expected_rows(journal: Path) -> list[tuple[Any, ...]]:
    """(seq, received, values…) of every packet in the journal, by decoding message after message."""
    found = []
    for record in records_in(journal):
        batch = decode_message(record.payload)
        indexes = sorted(int(index) for group in batch.groups for index in group.packet_index)
        for index, row in zip(indexes, batch.rows(), strict=True):
            values = (row["instrument_token"], row["last_price"], row["volume"], row["oi"])
            found.append((record.position.seq(index), record.ts_recv_ns, *values))
    return sorted(found)


def kept_rows(store: ParquetTickStore) -> list[tuple[Any, ...]]:
    columns = "seq, ts_recv_ns, instrument_token, last_price"
    lacking = {"ticks_full": "volume, oi", "ticks_quote": "volume, NULL", "ticks_ltp": "NULL, NULL"}
    tables = (f"SELECT {columns}, {more} FROM {table}" for table, more in lacking.items())
    return list(store.query(" UNION ALL ".join(tables) + " ORDER BY seq"))


def test_every_packet_of_the_journal_becomes_one_row(desk: Desk) -> None:
    chance = random.Random(1)
    for hour in range(3):
        desk.record(*messages(200, chance), at_ns=NINE + hour * HOUR_NS)
    gauges = desk.decode()
    rows = kept_rows(desk.store())
    assert rows == expected_rows(desk.journal)
    assert (gauges["records"], gauges["packets"], gauges["rows"]) == (600, len(rows), len(rows))
    assert saved_position(desk.journal, READER) == JournalReader(desk.journal, FEED, name=READER).position


def test_each_length_goes_to_its_table(desk: Desk) -> None:
    desk.record(message([packet(length, 2, random.Random(1)) for length in LENGTHS]))
    desk.decode()
    counts = {table: desk.rows(f"SELECT count(*) FROM {table}")[0][0] for table in TABLES}
    assert counts == {"ticks_full": 2, "ticks_quote": 2, "ticks_ltp": 1, "repaired_candles": 0}


def test_times_names_and_marks_come_from_record_packet_and_universe(desk: Desk) -> None:
    named = f'{{"INFY": {{"token": {TOKEN}}}, "SENSEX25X": {{"token": 9, "modelled": true}}}}'
    write_universe(desk.universe, FEED, "20250902", named)
    event_s = NINE // 10**9 - 1
    desk.record(message([full(at_s=event_s), full(9), full(77)]), at_ns=NINE + 5 * MS + 123)
    gauges = desk.decode()
    wanted = "symbol, modelled, epoch_ms(timestamp), ts_recv_ns, epoch_ms(ts_event), seq & 4095"
    received = ((NINE + 5 * MS) // MS, NINE + 5 * MS + 123)
    assert desk.rows(f"SELECT {wanted} FROM ticks_full ORDER BY seq") == [
        ("INFY", False, *received, event_s * 1000, 0),
        ("SENSEX25X", True, *received, None, 1),
        ("77", False, *received, None, 2),
    ]
    assert gauges["unknown_tokens"] == 1


def test_what_cannot_be_understood_is_counted(desk: Desk) -> None:
    good = full()
    desk.record(message([good, bytes(7), bytes(7), bytes(60)]), message([good], announced=3), message([]), b"")
    gauges = desk.decode()
    assert gauges["unknown_lengths"] == {"7": 2, "60": 1}
    assert (gauges["records"], gauges["rows"], gauges["truncated"]) == (4, 2, 1)


def test_a_second_run_goes_on_where_the_first_ended(desk: Desk) -> None:
    chance = random.Random(2)
    for _ in range(3):
        desk.record(*messages(50, chance))
        desk.decode()
    assert kept_rows(desk.store()) == expected_rows(desk.journal)


def test_a_service_that_is_late_goes_on_in_archived_hours(desk: Desk) -> None:
    desk.record(*messages(30, random.Random(1)))
    desk.decode()
    desk.record(*messages(30, random.Random(2)), at_ns=NINE + SECOND)
    desk.record(*messages(30, random.Random(3)), at_ns=NINE + HOUR_NS)
    desk.writer.close()
    expected = expected_rows(desk.journal)
    for paths in journal_files(desk.journal):
        compress_hour(paths)
        paths.bin.unlink()
    assert expected_rows(desk.journal) == expected
    assert desk.decode()["records"] == 60
    with desk.store() as store:
        assert kept_rows(store) == expected


def test_decoding_a_journal_again_from_its_start_changes_nothing(desk: Desk) -> None:
    desk.record(*messages(300, random.Random(3)))
    desk.decode()
    before = kept_rows(desk.store())
    (desk.journal / "readers" / f"{READER}.json").unlink()
    assert desk.decode()["records"] == 300
    assert kept_rows(desk.store()) == before


def test_rows_are_kept_after_a_second_and_then_the_place(desk: Desk) -> None:
    desk.record(message([full()]))
    with JournalReader(desk.journal, FEED, name=READER) as reader, desk.store() as store:
        service = DecodeService(desk.settings, decode_message, store, desk.clock, reader)
        service.step()
        assert (service.rows, saved_position(desk.journal, READER)) == (1, None)
        desk.clock.advance(1)
        service.step()
        assert saved_position(desk.journal, READER) == reader.position
        assert desk.rows("SELECT count(*) FROM ticks_full") == [(1,)]


def test_with_a_backlog_rows_are_kept_in_longer_stretches(desk: Desk) -> None:
    desk.record(*[message([full()]) for _ in range(1000)])
    with JournalReader(desk.journal, FEED, name=READER) as reader, desk.store() as store:
        service = DecodeService(desk.settings, decode_message, store, desk.clock, reader)
        service.step()
        desk.clock.advance(4)
        service.step()
        assert service.behind
        assert saved_position(desk.journal, READER) is None
        desk.clock.advance(1)
        service.step()
        assert saved_position(desk.journal, READER) is not None


def test_a_store_that_cannot_keep_rows_is_tried_again_and_the_journal_waits(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full_disk(*_: object) -> None:
        raise OSError(28, "No space left on device")

    desk.record(message([full()]))
    alarms: list[str] = []

    def tell(level: str, what: str, hint: str) -> bool:
        alarms.append(what)
        return True

    with JournalReader(desk.journal, FEED, name=READER) as reader, desk.store() as store:
        service = DecodeService(desk.settings, decode_message, store, desk.clock, reader, tell)
        service.step()
        desk.record(message([full()]), at_ns=NINE + SECOND)
        with monkeypatch.context() as patched:
            patched.setattr("muhurat.stores.parquet.partition.write_part", full_disk)
            for _ in range(3):
                desk.clock.advance(1)
                service.step()
            assert "No space left" in service.detail()
            assert service.gauges()["trouble"] == service.detail()
            assert (service.records, saved_position(desk.journal, READER)) == (1, None)
        desk.clock.advance(1)
        service.step()
        assert service.records == 2
        assert "No space left" not in service.detail()
        assert service.gauges()["trouble"] == service.gauges()["remedy"] == ""
        service.finish()
    assert kept_rows(desk.store()) == expected_rows(desk.journal)
    (alarm,) = alarms
    assert "ticks of desk cannot be kept, the journal waits: " in alarm
    assert "No space left" in alarm


def test_a_disk_without_room_for_the_smallest_file_ends_nothing(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def full_disk(*_: object) -> int:
        raise OSError(28, "No space left on device")

    desk.decode()
    desk.record(message([full()]))
    untold: list[str] = []
    room = False

    def tell(level: str, what: str, hint: str) -> bool:
        untold.append(what)
        return room

    with monkeypatch.context() as patched:
        patched.setattr(Path, "write_bytes", full_disk)
        with JournalReader(desk.journal, FEED, name=READER) as reader, desk.store() as store:
            service = DecodeService(desk.settings, decode_message, store, desk.clock, reader, tell)
            service.step()
            desk.clock.advance(1)
            service.step()
            service.report(desk.heartbeat)
            assert "the place in the journal of desk cannot be kept: No space left on device" in service.detail()
            assert not desk.live.exists()
            patched.undo()
            room = True
            desk.clock.advance(1)
            service.step()
            service.report(desk.heartbeat)
            assert service.gauges()["trouble"] == ""
    assert saved_position(desk.journal, READER) is not None
    assert desk.live.exists()
    assert len(untold) == 3  # when it began, with the first report, and once it could be told
    assert kept_rows(desk.store()) == expected_rows(desk.journal)


def test_a_store_that_never_can_ends_the_service(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise StoreError("the folder is gone for good")

    desk.record(message([full()]))
    with JournalReader(desk.journal, FEED, name=READER) as reader, desk.store() as store:
        service = DecodeService(desk.settings, decode_message, store, desk.clock, reader)
        service.step()
        desk.clock.advance(1)
        with monkeypatch.context() as patched:
            patched.setattr(store, "flush", broken)
            with pytest.raises(StoreError, match="gone for good"):
                service.step()


def test_the_live_view_has_the_last_tick_of_every_symbol(desk: Desk) -> None:
    write_universe(desk.universe, FEED, "20250902", f'{{"INFY": {{"token": {TOKEN}}}, "TCS": {{"token": 11}}}}')
    desk.record(message([full(price=155_000), full(11)]), message([full(price=156_000, volume=30)]))
    desk.decode()
    live = json.loads(desk.live.read_text())
    assert live["INFY"] == {
        "last_price": 1560.0,
        "ts": NINE // MS + 1,
        "volume": 30,
        "oi": 5,
        "bid": 1560.0,
        "ask": None,
        "net_change": 4.0,
        "modelled": False,
    }
    assert live["TCS"]["last_price"] == 1573.7


def test_the_live_view_is_written_twice_a_second_at_most(desk: Desk) -> None:
    with JournalReader(desk.journal, FEED, name=READER) as reader, desk.store() as store:
        service = DecodeService(desk.settings, decode_message, store, desk.clock, reader)
        seen = []
        for number in range(6):
            desk.record(message([full(price=100 + number)]), at_ns=NINE + number * SECOND)
            service.step()
            seen.append(json.loads(desk.live.read_text())[str(TOKEN)]["last_price"])
            desk.clock.advance(0.25)
        assert seen == [1.0, 1.0, 1.02, 1.02, 1.04, 1.04]


def test_gauges_tell_rate_lags_and_age_in_desk_time(desk: Desk) -> None:
    write_universe(desk.universe, FEED, "20250902", "{}")
    for number in range(120):
        at_ns = NINE + number * SECOND
        desk.record(message([full(at_s=at_ns // 10**9 - number % 2), full(at_s=0)]), HEARTBEAT, at_ns=at_ns)
    with JournalReader(desk.journal, FEED, name=READER) as reader, desk.store() as store:
        service = DecodeService(desk.settings, decode_message, store, desk.clock, reader)
        desk.clock.set(NINE + 121 * SECOND)
        service.step()
        gauges = service.gauges()
        assert gauges["packets_per_s"] == pytest.approx(4.0, abs=0.1)
        since_start = gauges["receive_lag_p50_since_start_s"], gauges["receive_lag_p95_since_start_s"]
        assert since_start == (0.0, 1.0)
        assert (gauges["receive_lag_p50_s"], gauges["receive_lag_p99_s"]) == (pytest.approx(0.5), pytest.approx(1.0))
        assert gauges["last_data_age_s"] == pytest.approx(2, abs=0.01)
        assert gauges["lag_ms"] == 121_000
        service.step()
        assert service.gauges()["lag_ms"] == 0
        desk.clock.advance(120)
        assert service.gauges()["packets_per_s"] == 0


def test_a_stop_finishes_what_the_journal_has(desk: Desk) -> None:
    desk.record(*messages(1000, random.Random(4)))
    desk.record(*messages(10, random.Random(5)), at_ns=NINE + HOUR_NS)
    assert desk.decode()["records"] == 1010


SERVICE = """
import signal, sys, threading
from pathlib import Path
from muhurat.capture.decode_service import DecodeSettings, run
from muhurat.clock import SystemClock
from muhurat.heartbeat import Heartbeat
from muhurat.stores.parquet import ParquetTickStore, partition
from muhurat.stores.schema import TABLES
from muhurat.venues.kite.decode import decode_message

partition._SIZES, partition._SAME_SIZE = (200, 1000), 3
folder, clock, stop = Path(sys.argv[1]), SystemClock(), threading.Event()
signal.signal(signal.SIGTERM, lambda *_: stop.set())
settings = DecodeSettings(
    folder / "raw_ticks", "desk", folder / "universe", folder / "run/live.json", flush_s=0.01, flush_rows=500
)
with ParquetTickStore(folder / "ticks", clock, universe=folder / "universe") as store:
    run(settings, decode_message, store, clock, Heartbeat("decode", folder / "run", clock), stop)
"""


@pytest.mark.slow
def test_killed_again_and_again_it_neither_loses_nor_doubles_a_tick(tmp_path: Path) -> None:
    chance = random.Random(20250902)
    clock = SystemClock()
    writer = JournalWriter(tmp_path / "raw_ticks", FEED, clock, sync_interval_s=None)
    stop = threading.Event()

    def record() -> None:
        while not stop.wait(0.03):
            writer.append([(payload, clock.now_ns(), 0) for payload in messages(20, chance)])

    recorder = threading.Thread(target=record)
    recorder.start()
    moments = random.Random(7)
    for _ in range(6):
        service = start_service(tmp_path)
        time.sleep(moments.random() * 0.25)
        service.kill()
        service.wait()
    stop.set()
    recorder.join()
    writer.close()

    last = start_service(tmp_path)
    last.send_signal(signal.SIGTERM)
    assert last.wait(60) == 0

    store = ParquetTickStore(tmp_path / "ticks", clock, universe=tmp_path / "universe")
    rows = kept_rows(store)
    assert len(rows) > 500
    assert rows == expected_rows(tmp_path / "raw_ticks")
    assert sum(held.rows for held in store.coverage()) == len(rows)


def start_service(folder: Path) -> subprocess.Popen[bytes]:
    """A process that follows the journal; returns when it says that it is ready."""
    environment = {**os.environ, "MUHURAT_READY_FD": "1"}
    service = subprocess.Popen([sys.executable, "-c", SERVICE, str(folder)], stdout=subprocess.PIPE, env=environment)
    assert service.stdout
    assert service.stdout.readline() == b"\n"
    return service


def test_zerodhas_own_message_is_found_by_the_missions_names(desk: Desk, samples: Path) -> None:
    write_universe(desk.universe, FEED, "20250902", f'{{"INFY": {{"token": {TOKEN}, "asset_class": "equity_cash"}}}}')
    desk.record((samples / "kite" / "packets" / "mocks_ticker_full.message.bin").read_bytes())
    desk.decode()
    names = "symbol, asset_class, last_price, best_bid_price, len(depth.buy), epoch(exchange_timestamp)"
    assert desk.rows(f"SELECT {names} FROM ticks_full_named") == [
        ("INFY", "equity_cash", 1573.7, 1573.4, 5, 1625461887.0)
    ]
