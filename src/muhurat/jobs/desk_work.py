"""What jobs may have done by the desk's own parts, which `app` puts together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Check:
    """One question of the go / no-go, answered; `ok` is None where the desk file asks for no answer."""

    name: str
    ok: bool | None
    detail: str


class DeskWork(Protocol):
    """The desk's own parts, as far as jobs use them."""

    def prepare_universe(self, *, again: bool) -> dict[str, int]:
        """Choose the day's instruments of every feed and write the universe files; how many by feed."""

    def write_report(self, day: date) -> tuple[bool, str, Sequence[Path]]:
        """Write a day's report; whether the day was sound, one sentence, and the files."""

    def write_quality(self, day: date, progress: Callable[[str], None]) -> tuple[dict[str, Any], str, Path]:
        """Write how good a day's recording is; the report, one sentence, and the file. `progress` hears each feed."""

    def venue_clock_offset_s(self) -> float:
        """How far the desk's clock is ahead of the venue's, in seconds; raises `VenueError`."""

    def public_ip(self) -> tuple[str, str] | None:
        """The address that others see us come from, and the registered one; None when the desk names none. Raises
        `VenueError`."""

    def limits(self) -> str | None:
        """The trader's limits in one sentence; None on a desk that does not trade."""
