"""The composition root: desk settings become objects here, and only here are concrete parts named."""

from __future__ import annotations

import asyncio
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from muhurat.clock import Clock, clock_from_environment
from muhurat.config import Desk, Known, load_desk
from muhurat.heartbeat import Heartbeat
from muhurat.log import configure, register_secret

if TYPE_CHECKING:
    from muhurat.calendars.calendar import Calendar
    from muhurat.stores.base import TickStore
    from muhurat.supervisor.spec import ServiceSpec, Window
    from muhurat.supervisor.supervisor import Supervisor
    from muhurat.web.snapshot import Place

VENUES: Final = frozenset({"kite"})
UNIVERSES: Final = frozenset({"sensex_atm"})
_DECODE_LINGERS_S: Final = 120
_TRADER_LINGERS_S: Final = 120


def known() -> Known:
    """The names that this version's registries know."""
    from muhurat.stores.registry import TICK_STORES
    from muhurat.trading.strategy import STRATEGIES

    return Known(VENUES, frozenset(STRATEGIES), frozenset(TICK_STORES), UNIVERSES)


def open_desk(source: Path, overlays: Sequence[Path]) -> Desk:
    """The desk of a file; raises `ConfigError` with every problem. Its secrets are hidden from every log from now on."""
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


def place_of(desk: Desk) -> Place:
    """What the page and the report need to know of a desk."""
    from muhurat.web.snapshot import Place

    mode = desk.trading.mode if desk.trading else "debug"
    return Place(desk.desk.name, mode, desk.run_dir, desk.data_dir, calendar_of(desk))


def tick_store(desk: Desk, clock: Clock) -> TickStore:
    from muhurat.stores.registry import open_tick_store

    return open_tick_store(desk.stores.ticks, base=desk.folder, clock=clock, universe=desk.data_dir / "universe")


def supervisor(desk: Desk) -> Supervisor:
    """The supervisor of a desk's services, with its log set up."""
    from muhurat.supervisor.supervisor import Supervisor

    clock = _start("supervisor", desk)
    chosen = desk.supervisor
    return Supervisor(
        services(desk),
        desk.run_dir,
        desk.logs_dir,
        clock,
        check_interval_s=chosen.health.check_interval,
        shutdown_s=chosen.timeouts.shutdown,
    )


def services(desk: Desk) -> list[ServiceSpec]:
    """What the desk file asks to be kept running, in the order of the day."""
    from muhurat.supervisor.spec import SessionWindow

    calendar = calendar_of(desk)
    found = [_service(desk, "web", ("web",), None)]
    if desk.feeds:
        starts = tuple(feed.start for feed in desk.feeds.values())
        stops = tuple(feed.stop for feed in desk.feeds.values())
        recording = SessionWindow(calendar, starts, stops)
        decoding = SessionWindow(calendar, starts, stops, _DECODE_LINGERS_S)
        found.append(_service(desk, "recorder", ("capture", "run"), recording))
        found.append(_service(desk, "decode", ("capture", "decode"), decoding))
    if desk.trading is not None and desk.trading.mode != "debug":
        feed = desk.feeds[desk.trading.feed]
        trading = SessionWindow(calendar, (feed.start,), (feed.stop,), _TRADER_LINGERS_S)
        found.append(_service(desk, "trader", ("trade", "--mode", desk.trading.mode), trading))
    return found


def _service(desk: Desk, name: str, verb: tuple[str, ...], window: Window | None) -> ServiceSpec:
    from muhurat.supervisor.spec import Patience, ServiceSpec

    chosen = desk.supervisor
    overlays = tuple(part for overlay in desk.overlays for part in ("--overlay", str(overlay)))
    return ServiceSpec(
        name=name,
        command=(sys.executable, "-m", "muhurat", *verb, "--desk", str(desk.source), *overlays),
        window=window,
        patience=Patience(
            start_s=chosen.timeouts.start,
            stop_s=chosen.timeouts.process_shutdown,
            first_delay_s=chosen.retry.initial_delay,
            longest_delay_s=chosen.retry.max_delay,
            burst=chosen.retry.burst,
            burst_window_s=chosen.retry.burst_window,
            healthy_after_s=chosen.retry.healthy_after,
        ),
        memory_limit_mb=chosen.health.memory_limit_mb,
    )


def run_web(desk: Desk) -> None:
    """The page's process."""
    from muhurat.web.server import serve

    clock = _start("web", desk)
    heartbeat = Heartbeat("web", desk.run_dir, clock)
    asyncio.run(serve(place_of(desk), clock, heartbeat, desk.web.host, desk.web.port))


def _start(service: str, desk: Desk) -> Clock:
    """A service's clock, with its log set up on it."""
    clock = clock_from_environment()
    configure(service, desk.logs_dir, clock=clock, level=desk.desk.log_level)
    return clock


def _stop_event() -> threading.Event:
    """Set by SIGTERM and SIGINT: finish and leave."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return stop
