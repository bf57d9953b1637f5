"""What a simulation is to be made of, common to all venues."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path


@dataclass(frozen=True, slots=True)
class SimOptions:
    """The simulated day and where its prices come from: synthetic unless candles or a journal are named.

    `files` is a folder of real files by host and path, such as `nsearchives.nseindia.com/content/fo/fo_secban.csv`;
    file venues serve one of those, at any time of the day, before they make one. `latency_s` is how long a file takes
    to begin, in real seconds: drawn evenly between the two.
    """

    day: date
    seed: int = 1
    candles: Path | None = None
    journal: Path | None = None
    rate_limits: bool = True
    files: Path | None = None
    latency_s: tuple[float, float] = (0.0, 0.0)
