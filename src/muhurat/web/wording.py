"""Numbers and times as an Indian desk reads them."""

from __future__ import annotations

from typing import Final

from muhurat.clock import ist

NOTHING: Final = "–"


def rupees(amount: float | None, *, sign: bool = False) -> str:
    """`₹1,23,456.50` with Indian grouping; a sign always when asked for; null is a dash, never 0."""
    if amount is None:
        return NOTHING
    whole, _, paise = f"{abs(amount):.2f}".partition(".")
    mark = "-" if amount < 0 else "+" if sign else ""
    return f"{mark}₹{_grouped(whole)}.{paise}"


def points(value: float | None) -> str:
    """Index points or a premium with two decimals."""
    return NOTHING if value is None else f"{value:,.2f}"


def quantity(units: int, lot: int) -> str:
    """`40 (2 lots)`."""
    lots = units // lot if lot else 0
    return f"{units} ({lots} lot{'' if lots == 1 else 's'})"


def count(number: int | None) -> str:
    """A whole number with Indian grouping."""
    return NOTHING if number is None else _grouped(str(number))


def duration(seconds: float) -> str:
    """`2 h 14 m`, `3 m 5 s`, `7 s`."""
    left = max(0, round(seconds))
    hours, minutes, secs = left // 3600, left % 3600 // 60, left % 60
    if hours:
        return f"{hours} h {minutes} m"
    return f"{minutes} m {secs} s" if minutes else f"{secs} s"


def clock(instant_ns: int | None, *, seconds: bool = True) -> str:
    """A time of day in India."""
    if not instant_ns:
        return NOTHING
    return f"{ist(instant_ns):%H:%M:%S}" if seconds else f"{ist(instant_ns):%H:%M}"


def _grouped(digits: str) -> str:
    head, tail = digits[:-3], digits[-3:]
    parts: list[str] = []
    while head:
        parts.insert(0, head[-2:])
        head = head[:-2]
    return ",".join([*parts, tail])
