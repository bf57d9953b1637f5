"""What BSE publishes, as the jobs see it: frozen facts, and the contract of those who get them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Protocol

from muhurat.venues.nse.base import Bhavcopy

__all__ = ["Bhavcopy", "BseFiles", "Master", "Progress", "fo_bhavcopy_name"]

Progress = Callable[[int, int | None], None]
"""Is told bytes so far and in total, where that is known."""


@dataclass(frozen=True, slots=True)
class Master:
    """A master file that was unpacked and found sound.

    `member` is its dated name in BSE's archive, `kinds` counts its rows by instrument type; `warnings` are oddities
    that do not make it wrong.
    """

    path: Path
    member: str
    dated: date
    rows: int
    kinds: Mapping[str, int]
    warnings: tuple[str, ...] = ()


class BseFiles(Protocol):
    """BSE's public files. Everything raises `VenueError` (`NotPublished`, `Blocked`, `Malformed`, `Unavailable`) or
    `DiskTrouble`, and leaves earlier files as they were when it does. `folder` is where the files go."""

    def scrip_master(self, folder: Path, earliest: date, latest: date, progress: Progress | None = None) -> Master:
        """The master of scrips as `SCRIP.TXT`, dated from `earliest` to `latest`."""

    def contract_master(self, folder: Path, earliest: date, latest: date, progress: Progress | None = None) -> Master:
        """The master of derivatives contracts as `EQD.csv`, dated from `earliest` to `latest`."""

    def fo_bhavcopy(self, day: date, folder: Path, progress: Progress | None = None) -> Bhavcopy:
        """The day's derivatives bhavcopy, left in `folder` under its `fo_bhavcopy_name`."""

    def read_fo_bhavcopy(self, path: Path, day: date) -> Bhavcopy:
        """A derivatives bhavcopy that is already here, with the same checks."""


def fo_bhavcopy_name(day: date) -> str:
    """BSE's name of a day's derivatives bhavcopy (facts: NSE and BSE, section 2)."""
    return f"BhavCopy_BSE_FO_0_0_0_{day:%Y%m%d}_F_0000.CSV"
