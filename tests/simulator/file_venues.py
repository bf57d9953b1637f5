"""What tests of simulated file venues share: a browser's manners, desk instants, and a client."""

from __future__ import annotations

from datetime import date, time
from pathlib import Path
from typing import Final

import httpx

from muhurat.clock import ClockPage, ist_ns
from muhurat.simulator.conductor import Conductor

FRIDAY: Final = date(2026, 11, 20)
BROWSER: Final = {"User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"}
AS_FAST_AS_POSSIBLE: Final = 1e6


def at(text: str, day: date = FRIDAY) -> int:
    """The instant of a time of day in India."""
    return ist_ns(day, time.fromisoformat(text))


def conductor_at(folder: Path, now_ns: int) -> Conductor:
    """A conductor whose time stands at an instant until it is advanced."""
    return Conductor(ClockPage.create(folder / "clock", now_ns), AS_FAST_AS_POSSIBLE)


def client(url: str, **headers: str) -> httpx.AsyncClient:
    """A client that looks like a browser, unless told otherwise."""
    manners = {**BROWSER, **headers}
    return httpx.AsyncClient(base_url=url, headers=manners, trust_env=False, timeout=20, verify=False)
