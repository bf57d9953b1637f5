"""The checker: says, from outside the runner, that a job was not done by its deadline.

It goes by the plan of the day, not by what ran: a job that failed, that is blocked, that was never reached, or whose
day was never opened is told all the same, once per date and job. What orchestrators alert on is a run that is late;
what a desk needs is a deadline that fires though nothing ran (facts: ops, section 1a and section 6, promise 2).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import date, time, timedelta
from typing import Final

from muhurat.clock import NS_PER_S, Clock, ist, ist_ns
from muhurat.errors import MuhuratError, NotifyError
from muhurat.heartbeat import Heartbeat
from muhurat.jobs.operator import sentence
from muhurat.jobs.process import Row, State
from muhurat.jobs.runs import RunHistory, waits_for
from muhurat.jobs.standing import Expected, Kind, Standing
from muhurat.log import get_logger
from muhurat.model.run_event import RunEvent
from muhurat.notify.base import Channel, Message
from muhurat.supervisor.alerts import Alerts

CHECKER: Final = "checker"
"""The checker's name as a service, and as the one who tells."""

RUNNER_GRACE_S: Final = 60
"""So long after the beginning of BOD somebody must run it."""

_LOOK_S: Final = 0.25
_ABOUT_RUNNER: Final = "runner"


class Checker:
    """Looks at one desk's deadlines.

    `expected` says what a day should have; it raises `MuhuratError` when nobody knows. `runner_lives` says whether a
    runner has BOD of a date. `channel` reaches people besides the alerts, if there is one.
    """

    def __init__(
        self,
        history: RunHistory,
        expected: Callable[[date], Sequence[Expected]],
        runner_lives: Callable[[date], bool],
        alerts: Alerts,
        clock: Clock,
        channel: Channel | None = None,
    ) -> None:
        self._history = history
        self._expected = expected
        self._runner_lives = runner_lives
        self._alerts = alerts
        self._clock = clock
        self._channel = channel
        self._unsent: list[Message] = []
        self._said: set[tuple[date, str]] = set()
        self._trouble = ""
        self._log = get_logger(CHECKER)

    def look(self) -> int | None:
        """Tell of every deadline that has passed; returns the next instant (UTC ns) to look at, None without any."""
        now_ns = self._clock.now_ns()
        day = ist(now_ns).date()
        try:
            expected = self._expected(day)
            opened = self._history.standings(day)
            standings = [opened.get(one.process.name) or Standing(one, day) for one in expected]
            standings += [one for name, one in opened.items() if name not in {each.name for each in standings}]
            late = [standing for standing in standings if _overdue(standing, now_ns)]
            self._tell_late(day, late, expected, was_opened=bool(opened), now_ns=now_ns)
            due = [one.expected.deadline_ns for one in standings if one.expected.deadline_ns is not None]
            self._mind_the_runner(day, standings, now_ns)
            due += [ns for ns in (_runner_due(standings),) if ns is not None]
        except MuhuratError as error:
            self._tell_trouble(error)
            return None
        self._trouble = ""
        return min((instant_ns for instant_ns in due if instant_ns > now_ns), default=None)

    async def serve(self, heartbeat: Heartbeat, stop: asyncio.Event) -> None:
        """Look four times a second until `stop`; a rehearsal's time waits for us at every deadline."""
        self.look()
        heartbeat.ready()
        sending: asyncio.Task[None] | None = None
        while not stop.is_set():
            now_ns = self._clock.now_ns()
            next_ns = self.look()
            midnight_ns = ist_ns(ist(now_ns).date() + timedelta(days=1), time())
            self._clock.appoint(min(next_ns or midnight_ns, midnight_ns))
            if self._unsent and (sending is None or sending.done()):
                sending = asyncio.create_task(self._send())
            heartbeat.beat(self._trouble or _outlook(next_ns))
            await asyncio.sleep(_LOOK_S)
        self._clock.appoint(None)
        if sending is not None:
            await sending

    def _tell_late(
        self, day: date, late: Sequence[Standing], expected: Sequence[Expected], *, was_opened: bool, now_ns: int
    ) -> None:
        if not late:
            return
        rows = {standing.name: self._row(standing, day, now_ns) for standing in late}
        for name, row in rows.items():
            if self._is_news(day, name):
                self._tell(row, name, was_opened=was_opened)
        self._history.open_day(day, expected, CHECKER)
        events = [RunEvent(now_ns, day, name, Kind.LATE, who=CHECKER, why=rows[name].reason) for name in rows]
        self._history.change(day, lambda now: [event for event in events if not now[event.name].late_told])

    def _is_news(self, day: date, name: str) -> bool:
        """Whether we have not said it yet; the run log, which is to keep that for the next checker, may be full."""
        is_news = (day, name) not in self._said
        self._said = {one for one in self._said if one[0] == day} | {(day, name)}
        return is_news

    def _row(self, standing: Standing, day: date, now_ns: int) -> Row:
        """As it stood when its deadline came."""
        before_ns = (standing.expected.deadline_ns or now_ns) - 1
        return standing.row(before_ns, waits_for(standing, self._history.standings(day), now_ns))

    def _tell(self, row: Row, name: str, *, was_opened: bool) -> None:
        by = f"{ist(row.deadline_ns or 0):%H:%M}"
        if not was_opened:
            why = "the day was never opened: nothing ran"
        elif row.state is State.PENDING:
            why = "; ".join(part for part in ("" if row.attempts else "it never started", row.reason) if part)
        else:
            why = sentence(row).removeprefix(f"{name} ")
        level = "critical" if row.process.on_failure == "block" else "warning"
        what = f"{row.process.phase} {row.business_date}: {name} was not done by {by}: {why}"
        deed = "release" if row.held else "rerun"
        self._alert(level == "critical", what, f"`muhurat day status`, then `muhurat day {deed} {name}`")

    def _mind_the_runner(self, day: date, standings: Sequence[Standing], now_ns: int) -> None:
        due_ns = _runner_due(standings)
        if due_ns is None or now_ns < due_ns or self._history.alerted(day, _ABOUT_RUNNER):
            return
        waiting = [one for one in standings if one.process.phase == "BOD" and not one.is_done]
        if not waiting or self._runner_lives(day):
            return
        what = f"BOD {day}: nobody runs it, and {len(waiting)} jobs are not done"
        if self._is_news(day, _ABOUT_RUNNER):
            self._alert(True, what, "`muhurat start jobs`, or `muhurat day run bod`")
        self._history.note_alert(day, _ABOUT_RUNNER, CHECKER, what)

    def _tell_trouble(self, error: MuhuratError) -> None:
        """What keeps us from checking is as bad as a missed deadline."""
        told = f"deadlines cannot be checked: {error}"
        if told != self._trouble:
            self._alert(True, told, error.hint)
        self._trouble = told

    def _alert(self, critical: bool, what: str, hint: str) -> None:
        self._alerts.raise_("critical" if critical else "warning", what, hint)
        if self._channel is not None:
            self._unsent.append(Message(what, f"{what}\n\n{hint}"))

    async def _send(self) -> None:
        """Hand messages to the channel, one at a time, aside: a slow mail server delays no alert."""
        while self._unsent and self._channel is not None:
            message = self._unsent.pop(0)
            try:
                await asyncio.to_thread(self._channel.send, message)
            except NotifyError as error:
                self._alerts.raise_("warning", f"not sent: {message.subject}: {error}", error.hint)


def _overdue(standing: Standing, now_ns: int) -> bool:
    """Whether its deadline has passed, it is not done, and nobody was told."""
    deadline_ns = standing.expected.deadline_ns
    if deadline_ns is None or now_ns < deadline_ns or standing.late_told:
        return False
    return not (standing.is_done or standing.overridden_by)


def _runner_due(standings: Sequence[Standing]) -> int | None:
    """When at the latest somebody must run BOD."""
    begins = [
        one.expected.begins_ns
        for one in standings
        if one.process.phase == "BOD" and one.expected.begins_ns is not None and not one.skips
    ]
    return min(begins) + RUNNER_GRACE_S * NS_PER_S if begins else None


def _outlook(next_ns: int | None) -> str:
    return f"next deadline at {ist(next_ns):%H:%M}" if next_ns is not None else "no deadline ahead today"
