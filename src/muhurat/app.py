"""The composition root: desk settings become objects here, and only here are concrete parts named."""

from __future__ import annotations

import asyncio
import signal
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from muhurat.clock import NS_PER_S, Clock, clock_from_environment, ist
from muhurat.config import Desk, FeedSection, Known, load_desk
from muhurat.errors import ConfigError, ConfigProblem, MuhuratError
from muhurat.heartbeat import Heartbeat
from muhurat.log import configure, register_secret

if TYPE_CHECKING:
    from muhurat.calendars.calendar import Calendar
    from muhurat.stores.base import TickStore
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
