"""Are we all right; if not, what is wrong, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from muhurat.jobs.process import Row, State
from muhurat.web.snapshot import Snapshot
from muhurat.web.wording import count, duration, number_of

ENDED_BADLY: Final = frozenset({State.FAILED, State.LOST})
_TO_COME: Final = frozenset({State.PENDING, State.LATE, State.RUNNING})

HEALTHY_STATES: Final = frozenset({"running", "waiting", "finished", "starting", "stopping", "unsupervised"})
_BROKEN: Final = frozenset({"refused", "unreachable", "disconnected", "stale"})

Word = Literal["ok", "degraded", "down"]


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong, and what a person does about it; `down` when the desk does not work for it."""

    what: str
    do: str
    down: bool = False


def verdict(shot: Snapshot) -> tuple[Word, str]:
    """One word for the whole desk, and why."""
    found = problems(shot)
    if not found:
        return "ok", f"{number_of(len(shot.status['services']), 'service')} as they should be"
    why = "; ".join(f"{problem.what} ({problem.do})" for problem in found)
    return ("down" if any(problem.down for problem in found) else "degraded"), why


def wanting(jobs: Sequence[Row]) -> list[Row]:
    """The blocking jobs that failed, were lost, or are late and not done; none that a person waived."""
    found = [row for row in jobs if row.process.on_failure == "block" and not row.overridden_by]
    return [row for row in found if row.state in ENDED_BADLY or (row.late and row.state in _TO_COME)]


def problems(shot: Snapshot) -> list[Problem]:
    """Everything that is wrong, the worst first."""
    found = [
        *_of_supervisor(shot),
        *_of_services(shot),
        *_of_jobs(shot),
        *_of_feeds(shot),
        *_of_room(shot),
        *_of_reading(shot),
        *_of_streams(shot),
    ]
    return sorted(found, key=lambda problem: not problem.down)


def _of_supervisor(shot: Snapshot) -> Iterator[Problem]:
    match shot.status["supervisor"]:
        case "running":
            return
        case "not running":
            alive = any(row["state"] == "unsupervised" for row in shot.status["services"])
            told = "; services run on unwatched" if alive else ""
            yield Problem(f"the supervisor does not run{told}", "start it: muhurat up", down=not alive)
        case state:
            yield Problem(f"the supervisor is {state}", "see logs/supervisor.log")


def _of_services(shot: Snapshot) -> Iterator[Problem]:
    for row in shot.status["services"]:
        name, state, detail = str(row["name"]), row["state"], str(row["detail"]).partition("; see ")[0]
        log = f"see logs/{name}_output.log"
        if state == "fatal":
            yield Problem(f"{name} given up: {detail}", f"{log}, then muhurat start {name}", down=True)
        elif state == "gone":
            yield Problem(f"{name} is gone", "start the desk: muhurat up", down=True)
        elif state == "stopped":
            yield Problem(f"{name} {detail or 'stopped'}", f"start it again: muhurat start {name}")
        elif state == "backoff":
            yield Problem(f"{name}: {detail}", f"it is tried again by itself; {log}")
        elif state not in HEALTHY_STATES:
            yield Problem(f"{name} {state}: {detail}", log)
        elif state == "running" and (silent := shot.silent_s(name)):
            yield Problem(f"{name} has been silent for {duration(silent)}", f"{log}, or muhurat restart {name}")


def _of_jobs(shot: Snapshot) -> Iterator[Problem]:
    """What keeps the day from being prepared; a job that only warns is for its panel."""
    if shot.jobs_trouble is not None:
        yield Problem(*shot.jobs_trouble)
    bad = wanting(shot.jobs)
    yield from (_ended_badly(row) for row in bad if row.state in ENDED_BADLY)
    yield from _late([row for row in bad if row.state not in ENDED_BADLY])


def _late(rows: Sequence[Row]) -> Iterator[Problem]:
    """Several in one line: mostly they are late because of one that failed."""
    look = "see the page of jobs, or muhurat day status"
    if len(rows) > 1:
        yield Problem(f"{len(rows)} jobs are late: {', '.join(row.process.title for row in rows)}", look)
    for row in rows if len(rows) == 1 else ():
        runs = " and still runs" if row.state is State.RUNNING else ""
        yield Problem(f"{row.process.title} is late{runs}: {row.reason}".removesuffix(": "), look)


def _ended_badly(row: Row) -> Problem:
    word = "failed" if row.state is State.FAILED else "was lost"
    hint = row.attempts[-1].hint if row.attempts else ""
    again = f"muhurat day rerun {row.process.name}"
    return Problem(f"{row.process.title} {word}: {row.reason}", f"{hint}; then {again}" if hint else again)


def _of_feeds(shot: Snapshot) -> Iterator[Problem]:
    """What the recorder says of its feeds; a broken connection counts until the close, silence in the session."""
    before_close = shot.session is not None and shot.now_ns < shot.session.close_ns
    for name, feed in shot.status["feeds"].items():
        yield from _of_disk(name, feed)
        if feed.get("problem"):
            yield Problem(f"{name}: {feed['problem']}", "see logs/recorder.log")
        if before_close and feed.get("state") == "refused":
            what = f"login needed: {name} is refused" if feed.get("login_needed") else f"{name} is refused"
            yield Problem(what, "the venue wants a new session: muhurat login; the recorder takes it up itself")
        elif before_close and feed.get("state") in _BROKEN:
            yield Problem(f"{name} is {feed['state']}", "the recorder connects again by itself; is the token of today?")
        elif (stale := shot.stale_s(feed)) is not None:
            yield Problem(f"no data on {name} for {duration(stale)}", "see logs/recorder.log; is the token of today?")


def _of_disk(name: str, feed: Mapping[str, Any]) -> Iterator[Problem]:
    if feed.get("disk_error"):
        waiting = f"{count(feed.get('buffered_records', 0))} records of {name} wait in memory"
        yield Problem(f"the disk refuses: {waiting}", "make room on it; they are written as soon as it takes them")
    if feed.get("sync_error"):
        yield Problem(f"{name} does not come to the disk itself: {feed['sync_error']}", "look at the disk's health")
    if feed.get("dropped_records"):
        yield Problem(f"{count(feed['dropped_records'])} records of {name} were dropped", "see logs/recorder.log")


def _of_room(shot: Snapshot) -> Iterator[Problem]:
    """A disk that will be full before the day is done, as long as somebody records on it and it refuses nothing yet."""
    trouble = shot.status["disk"].get("trouble")
    refuses = any(feed.get("disk_error") for feed in shot.status["feeds"].values())
    if trouble and shot.runs("recorder") and not refuses:
        yield Problem(trouble["what"], trouble["hint"])


def _of_reading(shot: Snapshot) -> Iterator[Problem]:
    if shot.decisions.damaged:
        lines = number_of(shot.decisions.damaged, "line")
        yield Problem(f"{lines} of today's decisions cannot be read", f"look at {shot.decisions.path}")
    for feed, gauges in shot.decoders.items():
        if trouble := gauges.get("trouble"):
            remedy = f"{gauges['remedy']}; " if gauges.get("remedy") else ""
            told = f"ticks of {feed} are not kept: {trouble}"
            yield Problem(told, f"{remedy}nothing is lost, the journal has them; they are kept as soon as it can be")
        if damaged := gauges.get("damaged"):
            places = number_of(int(damaged), "place")
            yield Problem(f"the journal of {feed} is damaged in {places}", "see: muhurat journal verify")


def _of_streams(shot: Snapshot) -> Iterator[Problem]:
    """What followers on other hosts do not get; the journal has it."""
    running = any(name.partition("_")[0] == "publish" and shot.runs(name) for name in shot.spoken)
    for feed, gauges in shot.publishers.items():
        if running and gauges.get("state") == "away":
            waiting = number_of(int(gauges["behind_records"]), "record")
            yield Problem(f"the stream of {feed} is away, {waiting} wait in the journal", "is Redis up? muhurat check")
        if lost := gauges.get("dropped_records"):
            told = f"{number_of(int(lost), 'record')} of {feed} were left out of its stream"
            yield Problem(told, "followers lack them; the journal has them")
