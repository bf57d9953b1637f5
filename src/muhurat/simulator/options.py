"""What a simulation is to be made of, common to all venues."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path


@dataclass(frozen=True, slots=True)
class SimOptions:
    """The simulated day and where its prices come from: synthetic unless candles or a journal are named."""

    day: date
    seed: int = 1
    candles: Path | None = None
    journal: Path | None = None
    rate_limits: bool = True
