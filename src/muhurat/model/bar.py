"""Price bars."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Bar:
    """Open, high, low, close in rupees (index points) and volume in units over `[start_ns, end_ns)`.

    The label of a bar is its start. `modelled` marks prices that no market made (a simulator's fill-in).
    """

    symbol: str
    start_ns: int
    end_ns: int
    open: float
    high: float
    low: float
    close: float
    volume: int
    ticks: int = 0
    modelled: bool = False
