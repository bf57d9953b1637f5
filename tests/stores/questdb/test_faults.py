"""The server stops, hangs, dies, suspends a table while ticks stream in: afterwards every tick is there, once.

`MUHURAT_QUESTDB_FAULT_S` is how long the server is away (half a second); 120 is the long form. When it is given, the
server is also stopped in an orderly way, which to a desk is like being killed and takes as long.
"""

from __future__ import annotations

import json
import os
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest

from muhurat.capture.decode_service import DecodeSettings, run
from muhurat.capture.journal import JournalWriter
from muhurat.clock import SystemClock
from muhurat.heartbeat import Heartbeat
from muhurat.stores.questdb import QuestDbTickStore, open_tick_store, outbox, server
from muhurat.supervisor.alerts import Alerts, read_alerts
from muhurat.venues.kite.decode import decode_message
from tests.capture.support import FEED
from tests.capture.test_decode_service import expected_rows, messages
from tests.servers.processes import wait_until
from tests.servers.questdb import QuestDb

FAULT_S = float(os.environ.get("MUHURAT_QUESTDB_FAULT_S", "0.5"))
LACKING = {"ticks_full": ("volume", "oi"), "ticks_quote": ("volume",), "ticks_ltp": ()}

pytestmark = [pytest.mark.servers, pytest.mark.timeout(120 + 2 * FAULT_S)]


class Desk:
    """A recorder that never rests and a decode service that follows it into the server."""

    def __init__(self, folder: Path, url: str) -> None:
        self.clock = SystemClock()
        self.journal = folder / "raw_ticks"
        self.run_dir = folder / "run"
        self._folder, self._url = folder, url
        self._writer = JournalWriter(self.journal, FEED, self.clock, sync_interval_s=None)
        self._over = [threading.Event(), threading.Event()]
        self._threads = [threading.Thread(target=self._record), threading.Thread(target=self._decode)]
        self._chance = random.Random(20250902)

    def store(self) -> QuestDbTickStore:
        universe = self._folder / "data" / "universe"
        return open_tick_store(self._url, base=self._folder, clock=self.clock, universe=universe)

    def begin(self) -> None:
        for thread in self._threads:
            thread.start()
        wait_until(lambda: self.gauges().get("rows", 0) > 500, "the first rows")

    def end(self) -> None:
        """First the recorder, then the service, which finishes what the journal has."""
        for over, thread in zip(self._over, self._threads, strict=True):
            over.set()
            thread.join(60)
        self._writer.close()

    def gauges(self) -> dict[str, Any]:
        try:
            gauges: dict[str, Any] = json.loads((self.run_dir / "decode.status.json").read_text())["gauges"]
        except FileNotFoundError:
            return {}
        return gauges

    def kept(self) -> list[tuple[Any, ...]]:
        with self.store() as store:
            found = [
                row + (None,) * (2 - len(more))
                for table, more in LACKING.items()
                for row in store.query(
                    f"SELECT {', '.join(('seq, ts_recv_ns, instrument_token, last_price', *more))} FROM {table}"
                )
            ]
        return sorted(found)

    def _record(self) -> None:
        while not self._over[0].wait(0.01):
            self._writer.append([(payload, self.clock.now_ns(), 0) for payload in messages(5, self._chance)])

    def _decode(self) -> None:
        live = self.run_dir / "live.json"
        settings = DecodeSettings(self.journal, FEED, self._folder / "data" / "universe", live, flush_s=0.05)
        heartbeat, alarm = (
            Heartbeat("decode", self.run_dir, self.clock),
            Alerts(self.run_dir, self.clock).raise_,
        )
        with self.store() as store:
            run(settings, decode_message, store, self.clock, heartbeat, self._over[1], alarm)


@pytest.fixture
def desk(tmp_path: Path, questdb: QuestDb, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    """Its patience with a silent server is shorter than a real one's."""
    monkeypatch.setattr(outbox, "REQUEST_S", 1.5)
    monkeypatch.setattr(server, "STATEMENT_S", 1.5)
    made = Desk(tmp_path, questdb.url)
    yield made
    made.end()


@contextmanager
def killed(database: QuestDb) -> Iterator[None]:
    database.kill()
    yield
    database.start()


@contextmanager
def suspended(database: QuestDb) -> Iterator[None]:
    """The log is being applied meanwhile, and whoever finishes that may lift a suspension that is just made."""

    def stays() -> bool:
        database.query("ALTER TABLE ticks_full SUSPEND WAL")
        return database.query("SELECT suspended FROM wal_tables() WHERE name = 'ticks_full'") == [[True]]

    wait_until(lambda: all(stays() for _ in range(5)), "the suspension")
    yield
    database.query("ALTER TABLE ticks_full RESUME WAL")


FAULTS: dict[str, tuple[Callable[[QuestDb], AbstractContextManager[None]], str, str]] = {
    "frozen": (QuestDb.frozen, "timed out|does not take rows", "start it|sent again"),
    "killed": (killed, "cannot be reached|does not take rows", "start it|sent again"),
    "suspended": (suspended, "has suspended the table ticks_full", "ALTER TABLE ticks_full RESUME WAL"),
}
if "MUHURAT_QUESTDB_FAULT_S" in os.environ:
    FAULTS["stopped"] = (QuestDb.stopped, "cannot be reached|does not take rows", "start it|sent again")


@pytest.mark.parametrize("fault", FAULTS)
def test_every_packet_of_the_journal_is_there_once_when_the_server_is_back(
    desk: Desk, questdb: QuestDb, fault: str
) -> None:
    strike, what, remedy = FAULTS[fault]
    desk.begin()
    with strike(questdb):
        wait_until(lambda: bool(desk.gauges()["trouble"]), "the trouble")
        time.sleep(FAULT_S)
        struck = desk.gauges()
    wait_until(lambda: not desk.gauges()["trouble"], "the end of the trouble", 60)
    desk.end()

    rows = desk.kept()
    expected = expected_rows(desk.journal)
    (alert,) = read_alerts(desk.run_dir)[:1]
    assert len(rows) > 1000
    assert len({row[0] for row in rows}) == len(rows)
    assert rows == expected
    assert any(words in struck["trouble"] for words in what.split("|"))
    assert any(words in struck["remedy"] for words in remedy.split("|"))
    assert "cannot be kept, the journal waits" in alert["what"]
