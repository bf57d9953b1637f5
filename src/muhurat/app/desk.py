"""A desk out of its file: settings, calendar, stores and the venue's session, as objects."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from muhurat.clock import ENVIRONMENT_VARIABLE, Clock, ClockPage, SimulatedClock, clock_from_environment
from muhurat.config import Desk, KiteSection, Known, load_desk, read_dotenv
from muhurat.errors import UsageError
from muhurat.log import configure, register_secret

if TYPE_CHECKING:
    from muhurat.calendars.calendar import Calendar
    from muhurat.stores.base import TickStore
    from muhurat.venues.kite.login import KiteToken, TokenFile
    from muhurat.venues.kite.rest import KiteRest
    from muhurat.web.jobs_desk import JobsDesk
    from muhurat.web.snapshot import Place

VENUES: Final = frozenset({"kite"})
"""Venues that a desk file may name."""


def known() -> Known:
    """The names that this version's registries know."""
    from muhurat.capture.universe import UNIVERSES
    from muhurat.stores.registry import SCHEMES
    from muhurat.trading.strategy import STRATEGIES

    return Known(VENUES, frozenset(STRATEGIES), SCHEMES, frozenset(UNIVERSES))


def open_desk(source: Path, overlays: Sequence[Path] = ()) -> Desk:
    """The desk of a file, its secrets hidden from every log; raises `ConfigError` with every problem."""
    desk = load_desk(source, overlays, known=known())
    if desk.venues.kite is not None:
        for secret in (desk.venues.kite.api_secret, desk.venues.kite.api_key):
            register_secret(secret)
    return desk


def calendar_of(desk: Desk) -> Calendar:
    """The desk's calendar with its overlays: those it names, or the file that `calendar import` writes."""
    from muhurat.calendars.calendar import calendar_for, desk_overlays

    chosen = desk.calendar
    overlays = tuple(desk.path(path) for path in chosen.overlays) or desk_overlays(desk.folder, chosen.mic)
    return calendar_for(chosen.mic, chosen.segment, overlays)


def place_of(desk: Desk, jobs: JobsDesk | None = None) -> Place:
    """What the page and the report need to know of a desk."""
    from muhurat.web.snapshot import Place

    mode = desk.trading.mode if desk.trading else "debug"
    return Place(desk.desk.name, mode, desk.run_dir, desk.data_dir, calendar_of(desk), jobs)


def tick_store(desk: Desk, clock: Clock) -> TickStore:
    from muhurat.stores.registry import open_tick_store

    return open_tick_store(desk.stores.ticks, base=desk.folder, clock=clock, universe=desk.data_dir / "universe")


def kite(desk: Desk) -> KiteSection:
    """The desk's Kite settings; raises `UsageError` without."""
    if desk.venues.kite is None:
        raise UsageError(f"{desk.source} has no section venues.kite", hint="add it, even empty: `kite: {}`")
    return desk.venues.kite


def token_file(desk: Desk) -> TokenFile:
    """Where the desk keeps its Kite session."""
    from muhurat.venues.kite.login import API_KEY_VARIABLE, TokenFile

    of_the_file = {API_KEY_VARIABLE: api_key} if (api_key := kite(desk).api_key) else {}
    environment = {**of_the_file, **read_dotenv(desk.folder / ".env"), **os.environ}
    return TokenFile(desk.path(kite(desk).token_file), environment)


def kite_rest(desk: Desk, clock: Clock) -> KiteRest:
    """Kite's REST API with the desk's session."""
    from muhurat.venues.kite.rest import KiteRest

    return KiteRest(kite(desk).root, token_file(desk).read, clock)


def log_in(desk: Desk, request_token: str) -> KiteToken:
    """Trade a request token for the day's session and keep it."""
    from muhurat.venues.kite.login import exchange

    chosen = kite(desk)
    if not (chosen.api_key and chosen.api_secret):
        raise UsageError(
            f"{desk.source} gives no venues.kite.api_key and api_secret",
            hint="they are at developers.kite.trade; put them into .env",
        )
    token = exchange(chosen.root, chosen.api_key, chosen.api_secret, request_token)
    register_secret(token.access_token)
    token_file(desk).write(token, clock_of(desk))
    return token_file(desk).read()


def save_token(desk: Desk, session: dict[str, str]) -> None:
    """Keep a Kite session for the desk's services; its values are hidden from every log."""
    from muhurat.venues.kite.login import KiteToken

    for name in ("access_token", "api_secret"):
        register_secret(session[name])
    token = KiteToken(session["api_key"], session["access_token"], session["api_secret"], session["user_id"])
    token_file(desk).write(token, clock_of(desk))


def clock_of(desk: Desk) -> Clock:
    """The clock that the environment names, else that of the rehearsal this desk is in, else the machine's."""
    page = desk.path(desk.desk.clock) if desk.desk.clock else None
    if ENVIRONMENT_VARIABLE not in os.environ and page is not None and page.exists():
        rehearsal = ClockPage(page)
        if rehearsal.conducted():
            return SimulatedClock(rehearsal)
    return clock_from_environment()


def start(service: str, desk: Desk) -> Clock:
    """A service's clock, with its log set up on it."""
    clock = clock_of(desk)
    configure(service, desk.logs_dir, clock=clock, level=desk.desk.log_level)
    return clock


def stop_event() -> threading.Event:
    """Set by SIGTERM and SIGINT: finish and leave."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return stop
