"""Everything the page shows at one moment, as plain data: read from what the desk's processes wrote."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Final

import msgspec

from muhurat.calendars.calendar import Calendar
from muhurat.calendars.session import Session
from muhurat.capture.companions import decoders, publishers
from muhurat.clock import NS_PER_S, Clock, ist
from muhurat.errors import CalendarError
from muhurat.heartbeat import read_heartbeats
from muhurat.jobs.process import Row
from muhurat.supervisor.history import read_history
from muhurat.web.decisions import Decisions, Line
from muhurat.web.jobs_desk import JobsDesk, Trouble
from muhurat.web.status import desk_status
from muhurat.web.wording import clock as clock_text
from muhurat.web.wording import duration

STALE_S: Final = 7.0
"""How old a feed's last data may be inside the session: desk seconds, but never under half a real second."""

SILENT_S: Final = 5.0
"""How long a running service may say nothing; real seconds."""

_PRESENT: Final = frozenset({"running", "unsupervised", "stopping"})


@dataclass(frozen=True, slots=True)
class Place:
    """Where a desk keeps what the page reads."""

    name: str
    mode: str
    run_dir: Path
    data_dir: Path
    calendar: Calendar
    jobs: JobsDesk | None = None

    def decisions_path(self, day: date) -> Path:
        return self.data_dir / "trading" / f"{day:%Y%m%d}" / "decisions.jsonl"


@dataclass(frozen=True, slots=True)
class Spoken:
    """A service's last word: its sentence, when it said it (desk time), and for how many real seconds since nothing."""

    detail: str
    at_ns: int
    silent_s: float


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One moment of the desk. `trader` are its gauges of today, `decoders` and `publishers` those of each by its feed.

    `live` is the last tick of every instrument as the decode service shows it: `last_price`, `ts` in epoch ms and more.
    `jobs` are the day's, in order; none on a desk without jobs. `jobs_trouble` is what is wrong with their registry.
    """

    now_ns: int
    speed: float
    session_line: str
    session: Session | None
    status: dict[str, Any]
    spoken: Mapping[str, Spoken]
    trader: Mapping[str, Any]
    live: Mapping[str, Mapping[str, Any]]
    decoders: Mapping[str, Mapping[str, Any]]
    publishers: Mapping[str, Mapping[str, Any]]
    history: list[Line]
    decisions: Decisions
    jobs: Sequence[Row] = ()
    jobs_trouble: Trouble | None = None

    @property
    def day(self) -> date:
        return ist(self.now_ns).date()

    @property
    def in_session(self) -> bool:
        return self.session is not None and self.session.contains(self.now_ns)

    @property
    def trading_state(self) -> tuple[str, str]:
        """What the desk may do and why, as the trader says; `OFF` while there is none, `OVER` after its session."""
        if not self.runs("trader"):
            return "OFF", ""
        if self.trader.get("ended"):
            return "OVER", ""
        if self.trader.get("state"):
            return str(self.trader["state"]), str(self.trader.get("why") or "")
        return self.decisions.state, self.decisions.state_why

    @property
    def alerts(self) -> list[Line]:
        """Today's alerts, oldest first."""
        return [alert for alert in self.status["alerts"] if alert["at"][:10] == self.day.isoformat()]

    def runs(self, service: str) -> bool:
        """Whether a service has a process, watched or not."""
        return any(row["name"] == service and row["state"] in _PRESENT for row in self.status["services"])

    def silent_s(self, service: str) -> float | None:
        """How long a service has said nothing when that is too long; real seconds."""
        word = self.spoken.get(service)
        return word.silent_s if word is not None and word.silent_s > SILENT_S else None

    def age_s(self, feed: Mapping[str, Any]) -> float | None:
        """How old a feed's last data was when its recorder last spoke, or is now if that has fallen silent."""
        last = feed.get("last_data_ns")
        return (self._heard_ns() - int(last)) / NS_PER_S if last else None

    def stale_s(self, feed: Mapping[str, Any]) -> float | None:
        """How long a feed has been without data, when that is too long inside the session; desk seconds."""
        heard_ns = self._heard_ns()
        window = (
            next((each for each in self.session.windows if each.contains(heard_ns)), None) if self.session else None
        )
        if window is None:
            return None
        age_s = (heard_ns - max(int(feed.get("last_data_ns") or 0), window.open_ns)) / NS_PER_S
        return age_s if age_s > max(STALE_S, 0.5 * self.speed) else None

    def _heard_ns(self) -> int:
        """The instant that the recorder's gauges are of: in a rehearsal a second of real time is minutes."""
        word = self.spoken.get("recorder")
        return self.now_ns if word is None or word.silent_s > SILENT_S else min(word.at_ns, self.now_ns)


def take(place: Place, clock: Clock, decisions: Decisions) -> Snapshot:
    """Read the desk as it is now; `decisions` is followed, so keep it between calls."""
    now_ns = clock.now_ns()
    day = ist(now_ns).date()
    decisions.follow()
    heartbeats = read_heartbeats(place.run_dir)
    todays = {name: word for name, word in heartbeats.items() if ist(int(word["at_ns"])).date() == day}
    line, session = _session(place.calendar, now_ns)
    jobs, trouble = place.jobs.look(day) if place.jobs is not None else ((), None)
    return Snapshot(
        now_ns=now_ns,
        speed=clock.speed,
        session_line=line,
        session=session,
        status=desk_status(place.run_dir),
        spoken={name: _spoken(word, clock.monotonic()) for name, word in heartbeats.items()},
        trader=todays.get("trader", {}).get("gauges", {}),
        live=_live(place.run_dir / "live.json"),
        decoders=decoders(todays),
        publishers=publishers(todays),
        history=read_history(place.run_dir),
        decisions=decisions,
        jobs=jobs,
        jobs_trouble=trouble,
    )


def _spoken(word: Mapping[str, Any], monotonic: float) -> Spoken:
    return Spoken(str(word["detail"]), int(word["at_ns"]), max(0.0, monotonic - float(word["monotonic"])))


def _live(path: Path) -> Mapping[str, Mapping[str, Any]]:
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, dict[str, Any]])
    except FileNotFoundError:
        return {}


def _session(calendar: Calendar, now_ns: int) -> tuple[str, Session | None]:
    """The session's state with the time to its next edge, and today's session if there is one."""
    segment = "F&O" if calendar.segment == "FO" else calendar.segment
    day = ist(now_ns).date()
    try:
        session = calendar.session(day)
    except CalendarError as error:
        return f"{segment} hours unknown: {error}", None
    if session is None:
        return f"{segment} closed ({calendar.why(day)}) · {_next_opening(calendar, day)}", None
    special = "" if session.kind == "regular" else f" {session.kind} session"
    for window in session.windows:
        if now_ns < window.open_ns:
            return f"{segment}{special} closed · opens in {duration((window.open_ns - now_ns) / NS_PER_S)}", session
        if now_ns < window.close_ns:
            return f"{segment}{special} open · closes in {duration((window.close_ns - now_ns) / NS_PER_S)}", session
    return f"{segment} closed · {_next_opening(calendar, day)}", session


def _next_opening(calendar: Calendar, day: date) -> str:
    """When the next session opens; said so when the calendar does not reach that far."""
    try:
        upcoming = calendar.next_session(day)
    except CalendarError:
        return "the next opening is not in the calendar"
    return f"opens {ist(upcoming.open_ns):%a %d %b} {clock_text(upcoming.open_ns, seconds=False)}"
