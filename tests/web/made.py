"""A desk's folder made up for tests of the page: what its processes would have written, decisions by the engine."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, time
from functools import cache
from pathlib import Path
from typing import Any

from muhurat.calendars.calendar import calendar_for
from muhurat.clock import SystemClock, ist, ist_ns
from muhurat.heartbeat import Heartbeat
from muhurat.supervisor import lock
from muhurat.supervisor.history import History
from muhurat.supervisor.process import lock_path
from muhurat.web.decisions import Decisions
from muhurat.web.snapshot import Place, Snapshot, take
from tests.trading.tables import CE, DAY, steps, trade_day

FEED = "sensex_desk"
SERVICES = ("web", "recorder", "decode", "trader")

_QUIET = steps("09:30", 10)
_INDEX = (
    "09:15 80000 80010 79990 80000",
    "09:18 80000 80035 79995 80030",
    "09:21 80030 80045 80025 80040",
    "09:24 80040 80050 80035 80045",
    "09:27 80045 80060 80015 80020",
    *(f"{label} 80020" for label in _QUIET),
)
_PREMIUM = (
    *("09:15 100", "09:18 100", "09:21 100 103 100 102", "09:24 102 102 95 96", "09:27 96 97 95 96"),
    *(f"{label} 96" for label in _QUIET),
)
BARS = len(_INDEX)

Line = dict[str, Any]


@cache
def _told() -> tuple[str, ...]:
    return tuple(json.dumps(line) for line in trade_day(_INDEX, {CE: _PREMIUM}))


def lines() -> list[Line]:
    """A short session to 10:00: a call bought at 09:21 for 100 and sold at 09:27 for 96, at its premium's stop; then a
    put that nobody quotes."""
    return [json.loads(line) for line in _told()]


def at(text: str, day: date = DAY) -> int:
    """The instant of `HH:MM[:SS]` on the day."""
    return ist_ns(day, time.fromisoformat(text))


class DeskClock(SystemClock):
    """Desk time that the test sets, over the machine's monotonic time."""

    def __init__(self, at_ns: int, speed: float = 1.0) -> None:
        self.at_ns = at_ns
        self.speed = speed
        self.ago_s = 0.0

    def now_ns(self) -> int:
        return self.at_ns

    def monotonic(self) -> float:
        return super().monotonic() - self.ago_s


class MadeDesk:
    """A folder in which services seem to run; `look` is what the page would see."""

    def __init__(self, folder: Path, when: str = "09:31", day: date = DAY) -> None:
        self.folder = folder
        self.clock = DeskClock(at(when, day))
        self.place = Place("made", "test", folder / "run", folder / "data", calendar_for("XBOM", "FO"))
        self.decisions = Decisions(self.place.decisions_path(day))
        self.rows: list[Line] = [self._row(name) for name in SERVICES]
        self.place.run_dir.mkdir(parents=True)

    def say(
        self, service: str, detail: str = "", *, ago_s: float = 0.0, at_ns: int | None = None, **gauges: Any
    ) -> None:
        """A service's word, so many real seconds ago."""
        clock = DeskClock(self.clock.at_ns if at_ns is None else at_ns)
        clock.ago_s = ago_s
        Heartbeat(service, self.place.run_dir, clock).beat(detail, now=True, **gauges)

    def run(self, **feed: Any) -> None:
        """All services have just spoken, the feed is well but for what is said otherwise."""
        self.supervise()
        self.say("web", "http://127.0.0.1:1")
        self.record(**feed)
        self.say("decode", "ticks", feed=FEED, rows=900, receive_lag_p50_s=0.61, receive_lag_p99_s=1.1, lag_ms=20)
        self.say("trader", "flat", state="ACTIVE", why="", position=None, lag_s=0.1, ended=False)

    def supervise(self) -> None:
        self.say("supervisor", "all", services=self.rows)

    def record(self, **feed: Any) -> None:
        """The recorder's word on its feed."""
        facts = {"state": "connected", "rate": 183.4, "packets": 1000, "gaps": 0, "reconnects": 0, "gap_list": []}
        facts |= {"last_data_ns": self.clock.at_ns - 500_000_000}
        self.say("recorder", "packets", feeds={FEED: facts | feed})

    def say_disk(self, **disk: Any) -> None:
        """The recorder's word on its disk, the feed being well."""
        facts = {"state": "connected", "rate": 1.0, "packets": 1, "last_data_ns": self.clock.at_ns}
        self.say("recorder", "packets", feeds={FEED: facts}, disk=disk)

    def put(self, service: str, state: str, detail: str = "") -> None:
        """The supervisor sees a service in this state."""
        for row in self.rows:
            if row["name"] == service:
                row |= {"state": state, "detail": detail, "pid": None}
        self.supervise()

    def step(self, when: str, service: str, state: str, day: date = DAY) -> None:
        History(self.place.run_dir).note(at(when, day), service, state, "made up")

    def alert(self, when: str, what: str, level: str = "warning", day: date = DAY) -> None:
        line = {"at": ist(at(when, day)).isoformat(), "level": level, "what": what, "hint": "do this"}
        with (self.place.run_dir / "alerts.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")

    def decide(self, told: Sequence[Line]) -> None:
        """The trader says further lines."""
        self.decisions.path.parent.mkdir(parents=True, exist_ok=True)
        with self.decisions.path.open("a", encoding="utf-8") as file:
            file.writelines(json.dumps(line) + "\n" for line in told)

    def look(self) -> Snapshot:
        return take(self.place, self.clock, self.decisions)

    def _row(self, name: str) -> Line:
        since = ist(at("09:05")).isoformat(timespec="seconds")
        return {"name": name, "state": "running", "pid": 7, "since": since, "restarts": 0, "detail": "pid 7"}


@contextmanager
def supervised(desk: MadeDesk) -> Iterator[MadeDesk]:
    """The supervisor's lock is held, as it is while one lives."""
    fd = lock.take(lock_path("supervisor", desk.place.run_dir))
    assert fd is not None
    try:
        yield desk
    finally:
        os.close(fd)
