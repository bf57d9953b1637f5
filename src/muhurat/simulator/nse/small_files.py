"""NSE's small daily files: the list of banned stocks (facts/nse.md §4) and the indices' closes (§3)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Final

from muhurat.simulator.reference.listing import indices
from muhurat.simulator.reference.prices import DayPrices

INDEX_HEADER: Final = (
    "Index Name,Index Date,Open Index Value,High Index Value,Low Index Value,Closing Index Value,Points Change,"
    "Change(%),Volume,Turnover (Rs. Cr.),P/E,P/B,Div Yield"
)
_CRORE: Final = 1e7


def banned_list(session: date, symbols: Sequence[str]) -> bytes:
    """The list for a trade date, or its NIL form when there is nobody on it."""
    if not symbols:
        return f"{_ban_title(session)} NIL\n".encode()
    lines = (f"{number},{symbol}\n" for number, symbol in enumerate(symbols, 1))
    return (f"{_ban_title(session)}\n" + "".join(lines)).encode()


def banned_header(session: date) -> bytes:
    """A list of nobody in the other form that has been seen: its title alone."""
    return f"{_ban_title(session)}\n".encode()


def index_closes(session: DayPrices) -> bytes:
    """All indices of a session; of bond indices only the close is known, and the VIX has no valuation."""
    lines = [INDEX_HEADER]
    for row, (name, _) in enumerate(indices()):
        close, previous = float(session.close[row]), float(session.previous[row])
        opened = [session.open[row], session.high[row], session.low[row]]
        bonds = is_bond_index(name)
        prices = ["-", "-", "-"] if bonds else [f"{value:.2f}" for value in opened]
        without = bonds or name == "India VIX"
        traded = ["-", "-"] if without else [f"{session.volume[row]}", f"{session.turnover[row] / _CRORE:.2f}"]
        ratios = ["-", "-", "-"] if without else ["22.35", "3.41", "1.22"]
        change = [f"{close - previous:.2f}", f"{100.0 * (close / previous - 1.0):.2f}"]
        fields = [name, f"{session.day:%d-%m-%Y}", *prices, f"{close:.2f}", *change, *traded, *ratios]
        lines.append(",".join(fields))
    return ("\n".join(lines) + "\n").encode()


def is_bond_index(name: str) -> bool:
    """Whether an index is of bonds, whose open, high and low nobody publishes."""
    return "g-sec" in name.lower()


def _ban_title(session: date) -> str:
    return f"Securities in Ban For Trade Date {session:%d-%b-%Y}:".replace(f"{session:%b}", f"{session:%b}".upper())
