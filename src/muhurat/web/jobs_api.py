"""`/api/v1/day` and `/api/v1/jobs`: what the day's jobs do, and an operator's hands on them.

Whoever may change something is on this machine and no page of another site speaks for him: beyond loopback there is no
log-in yet, so changes are refused there. Every change is kept with who, when and why.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from datetime import date
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Final, Literal, TypeVar
from urllib.parse import urlsplit

from fastapi import APIRouter, Depends, FastAPI, HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from muhurat.clock import Clock, ist
from muhurat.errors import CalendarError, MuhuratError, UsageError
from muhurat.jobs.operator import blocking
from muhurat.jobs.process import Attempt, Row, State
from muhurat.web.jobs_desk import DEEDS, Deed, JobsDesk, row_facts

T = TypeVar("T")

_FOLLOW_EVERY_S: Final = 0.25
_CHUNK: Final = 65_536


class Wish(BaseModel):
    """The body of every change: whoever asks says why; `who` is a name to be kept with it."""

    model_config = ConfigDict(extra="forbid")

    why: str = Field(default="", max_length=1000)
    who: str = Field(default="api", min_length=1, max_length=100)


class RunWish(Wish):
    """Which jobs to run now: those of a half of the day, or those named."""

    phase: Literal["bod", "eod"] | None = None
    names: tuple[str, ...] = ()


class RerunWish(Wish):
    """Which jobs to run again: those named, or what failed and what depends on it."""

    names: tuple[str, ...] = ()
    from_failed: bool = False


def may_change(request: Request) -> None:
    """Refuse whoever is not on this machine, and what a page of another site sends."""
    if not is_of_this_machine(request):
        raise _refusal(
            403, "changes are taken from this machine only: there is no log-in yet", "ask there, or tunnel with ssh -L"
        )


def is_of_this_machine(request: Request) -> bool:
    """Whether a request comes from this machine, to a name of this machine, and from none but our own pages.

    The name counts because a foreign one may have been made to lead here (DNS rebinding).
    """
    client, asked = request.client.host if request.client else "", request.headers.get("host", "")
    try:
        host = urlsplit(f"//{asked}").hostname or ""
        origin = request.headers.get("origin")
        ours = origin is None or urlsplit(origin).netloc == asked
    except ValueError:
        return False
    return _is_loopback(client) and _is_loopback(host) and ours


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _refusal(code: int, error: str, hint: str) -> HTTPException:
    return HTTPException(code, {"error": error, "hint": hint})


def install(application: FastAPI, jobs: JobsDesk, clock: Clock) -> None:
    """Add the routes; dates are business dates, today's when none is named."""
    api = APIRouter(prefix="/api/v1")

    def today() -> date:
        return ist(clock.now_ns()).date()

    _add_questions(api, jobs, today)
    _add_logs(api, jobs, today)
    changes = APIRouter(dependencies=[Depends(may_change)])
    _add_runs(changes, jobs, today)
    for verb, deed in DEEDS.items():
        _add_deed(changes, verb, deed, jobs, today)
    api.include_router(changes)
    application.include_router(api)
    application.exception_handler(RequestValidationError)(_misunderstood)


async def _misunderstood(_: Request, error: RequestValidationError) -> Response:
    """What does not fit, without what was sent: that may be nothing that JSON can say."""
    told = [{key: one[key] for key in ("type", "loc", "msg")} for one in error.errors()]
    return Response(json.dumps({"detail": told}), 422, media_type="application/json")


def _add_questions(api: APIRouter, jobs: JobsDesk, today: Callable[[], date]) -> None:
    @api.get("/day")
    async def day(date: date | None = None) -> dict[str, Any]:
        """The day: every job with its state, what blocks the trader, and who runs the jobs."""
        wanted = date or today()
        rows = _rows(jobs, wanted)
        return {
            "date": wanted,
            "blocked": blocking(rows),
            "runner": jobs.runner(wanted),
            "problem": jobs.problem(),
            "jobs": [row_facts(row) for row in rows],
        }

    @api.get("/day/events")
    async def events(date: date | None = None) -> list[Any]:
        """All that happened to the day's jobs: when, to which, who, why."""
        wanted = date or today()
        return list(_told(lambda: jobs.history.events(wanted)))

    @api.get("/jobs")
    async def all_jobs(date: date | None = None) -> list[dict[str, Any]]:
        """Every job of the day."""
        return [row_facts(row) for row in _rows(jobs, date or today())]

    @api.get("/jobs/{name}")
    async def one_job(name: str, date: date | None = None) -> dict[str, Any]:
        """One job of the day, with its attempts."""
        return row_facts(_row(jobs, date or today(), name))


def _add_logs(api: APIRouter, jobs: JobsDesk, today: Callable[[], date]) -> None:
    @api.get("/jobs/{name}/log")
    async def log(
        name: str, attempt: int | None = None, follow: bool = False, date: date | None = None
    ) -> StreamingResponse:
        """An attempt's log, the newest when none is named; with `follow`, as it grows until the attempt has ended."""
        found = _attempt(_row(jobs, date or today(), name), attempt)

        def running() -> bool:
            now = _row(jobs, found.business_date, name).attempts[found.number - 1]
            return follow and now.ended_ns is None

        return StreamingResponse(_followed(Path(found.log), running), media_type="text/plain; charset=utf-8")


def _add_runs(api: APIRouter, jobs: JobsDesk, today: Callable[[], date]) -> None:
    @api.post("/day/run")
    async def run(wish: RunWish) -> dict[str, Any]:
        """Run a half of the day now, or the jobs named; done ones stay done."""
        wanted = today()
        names = wish.names or [
            row.process.name
            for row in _rows(jobs, wanted)
            if row.process.phase == (wish.phase or "").upper() and row.state is not State.SKIPPED
        ]
        if not names:
            raise _refusal(422, "nothing to run is named", "name a phase, bod or eod, or names of jobs")
        _told(lambda: jobs.operator(wish.who).run(wanted, list(names), wish.why))
        return {"asked": list(names), "runner": jobs.runner(wanted)}

    @api.post("/day/rerun")
    async def rerun(wish: RerunWish) -> dict[str, Any]:
        """Run jobs again: those named, or with `from_failed` what failed and what depends on it."""
        wanted, operator = today(), jobs.operator(wish.who)
        if not (wish.from_failed or wish.names):
            raise _refusal(422, "nothing to run again is named", "set from_failed, or name jobs")
        if wish.from_failed:
            names = _told(lambda: operator.rerun_from_failed(wanted, wish.why))
        else:
            names = _told(lambda: operator.rerun(wanted, list(wish.names), wish.why))
        return {"asked": names, "runner": jobs.runner(wanted)}


def _add_deed(api: APIRouter, verb: str, deed: Deed, jobs: JobsDesk, today: Callable[[], date]) -> None:
    @api.post(f"/jobs/{{name}}/{verb}", name=verb, summary=f"{verb.capitalize()} a job of today.")
    async def do(name: str, wish: Wish) -> dict[str, Any]:
        wanted = today()
        _row(jobs, wanted, name)
        _told(lambda: deed(jobs.operator(wish.who), wanted, name, wish.why))
        return row_facts(_row(jobs, wanted, name))


def _told(change: Callable[[], T]) -> T:
    """What a look or a change gives. What was asked wrongly is the caller's fault, with the remedy."""
    try:
        return change()
    except UsageError as error:
        raise _refusal(409, str(error), error.hint) from error
    except CalendarError as error:
        raise _refusal(404, str(error), error.hint) from error
    except MuhuratError as error:
        raise _refusal(503, str(error), error.hint) from error


def _rows(jobs: JobsDesk, day: date) -> list[Row]:
    return _told(lambda: jobs.rows(day))


def _row(jobs: JobsDesk, day: date, name: str) -> Row:
    for row in _rows(jobs, day):
        if row.process.name == name:
            return row
    raise _refusal(404, f"{day} has no job {name!r}", "GET /api/v1/jobs names them")


def _attempt(row: Row, number: int | None) -> Attempt:
    if not row.attempts:
        raise _refusal(404, f"{row.process.name} has not run yet", "its log begins with its first attempt")
    if number is None:
        return row.attempts[-1]
    if not 1 <= number <= len(row.attempts):
        raise _refusal(404, f"{row.process.name} has no attempt {number}", f"name one from 1 to {len(row.attempts)}")
    return row.attempts[number - 1]


async def _followed(path: Path, running: Callable[[], bool]) -> AsyncIterator[bytes]:
    """A file's bytes as they come, until what writes it has ended."""
    position = 0
    while True:
        alive = running()
        while chunk := _read(path, position):
            position += len(chunk)
            yield chunk
        if not alive:
            return
        await asyncio.sleep(_FOLLOW_EVERY_S)


def _read(path: Path, position: int) -> bytes:
    try:
        with path.open("rb") as file:
            file.seek(position)
            return file.read(_CHUNK)
    except FileNotFoundError:
        return b""
