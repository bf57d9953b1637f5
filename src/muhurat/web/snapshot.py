"""Everything the page shows at one moment, as plain data: read from what the desk's processes wrote."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from muhurat.calendars.calendar import Calendar
from muhurat.clock import NS_PER_S, Clock, ist
from muhurat.errors import CalendarError
from muhurat.heartbeat import read_heartbeats
from muhurat.supervisor.history import read_history
from muhurat.web.decisions import Decisions
from muhurat.web.status import desk_status
from muhurat.web.wording import clock as clock_text
from muhurat.web.wording import duration

HEALTHY_STATES: Final = frozenset({"running", "waiting", "finished", "starting"})
STALE_S: Final = 7.0
"""How old a feed's last data may be inside the session: desk seconds, but never under half a real second."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a desk keeps what the page reads."""

    name: str
    mode: str
    run_dir: Path
    data_dir: Path
    calendar: Calendar

    def decisions_path(self, day: Any) -> Path:
        return self.data_dir / "trading" / f"{day:%Y%m%d}" / "decisions.jsonl"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One moment of the desk."""

    now_ns: int
    speed: float
    session_line: str
    session: tuple[int, int] | None
    status: dict[str, Any]
    trader: dict[str, Any]
    decode: dict[str, Any]
    history: list[dict[str, Any]]
    decisions: Decisions

    @property
    def verdict(self) -> tuple[str, str]:
        """`("ok" | "degraded" | "down", why)`: the answer to "are we all right?"."""
        services = self.status["services"]
        failed = [row["name"] for row in services if row["state"] in ("fatal", "gone")]
        if self.status["supervisor"] != "running":
            return "down", "the supervisor does not run; start it with `muhurat up`"
        if failed:
            return "down", f"{', '.join(failed)} given up; see its log, then `muhurat start`"
        shaky = [row["name"] for row in services if row["state"] not in HEALTHY_STATES]
        if shaky:
            return "degraded", f"{', '.join(shaky)} not running"
        stale = [name for name, feed in self.status["feeds"].items() if self.stale_s(feed) is not None]
        if stale:
            return "degraded", f"no data on {', '.join(stale)}"
        return "ok", f"{len(services)} services as they should be"

    def stale_s(self, feed: dict[str, Any]) -> float | None:
        """How long a connected feed has been without data, when that is too long inside the session; desk seconds."""
        last = feed.get("last_data_ns")
        if not last or self.session is None or not self.session[0] < self.now_ns < self.session[1]:
            return None
        age_s = (self.now_ns - max(int(last), self.session[0])) / NS_PER_S
        return age_s if age_s > max(STALE_S, 0.5 * self.speed) else None


def take(place: Place, clock: Clock, decisions: Decisions) -> Snapshot:
    """Read the desk as it is now; `decisions` is followed, so keep it between calls."""
    now_ns = clock.now_ns()
    decisions.follow()
    heartbeats = read_heartbeats(place.run_dir)
    line, edges = _session(place.calendar, now_ns)
    return Snapshot(
        now_ns=now_ns,
        speed=clock.speed,
        session_line=line,
        session=edges,
        status=desk_status(place.run_dir),
        trader=heartbeats.get("trader", {}).get("gauges", {}),
        decode=heartbeats.get("decode", {}).get("gauges", {}),
        history=read_history(place.run_dir),
        decisions=decisions,
    )


def _session(calendar: Calendar, now_ns: int) -> tuple[str, tuple[int, int] | None]:
    """The session's state with the time to its next edge, and today's edges if it trades."""
    day = ist(now_ns).date()
    try:
        session = calendar.session(day)
        upcoming = calendar.next_session(day) if session is None or now_ns >= session.close_ns else session
    except CalendarError as error:
        return f"hours unknown: {error}", None
    edges = (session.open_ns, session.close_ns) if session else None
    segment = "F&O" if calendar.segment == "FO" else calendar.segment
    if session and session.open_ns <= now_ns < session.close_ns:
        left = duration((session.close_ns - now_ns) / NS_PER_S)
        return f"{segment} open · closes in {left}", edges
    if upcoming is session and session is not None:
        return f"{segment} closed · opens in {duration((session.open_ns - now_ns) / NS_PER_S)}", edges
    opens = f"{ist(upcoming.open_ns):%a %d %b} {clock_text(upcoming.open_ns, seconds=False)}"
    why = "" if session else f" ({calendar.why(day)})"
    return f"{segment} closed{why} · opens {opens}", edges
