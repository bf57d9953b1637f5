"""Numbers, times and names as an Indian desk reads them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from muhurat.clock import ist

NOTHING: Final = "–"
_MINUS: Final = "−"


class RuleWords(NamedTuple):
    """How one of the strategy's rules is told: what its value is, its unit, and how the limit binds it."""

    what: str
    unit: str = ""
    limit: str = ""


_RULES: Final = {
    "bars": RuleWords("bars of history", "", "≥"),
    "candle": RuleWords("candle, close − open", "pt"),
    "trend": RuleWords("short − long average", "pt"),
    "tightness": RuleWords("averages apart", "pt", "≤"),
    "proximity": RuleWords("open or extreme to short average", "pt", "<"),
    "signal_strength": RuleWords("signal strength", "", "≥"),
    "last_entry_time": RuleWords("bar closes at", "", "≤"),
    "closed_this_bar": RuleWords("position closed in this bar"),
    "option_data": RuleWords("premium", "₹"),
    "premium_history": RuleWords("bars of the premium", "", "≥"),
    "premium_deviation": RuleWords("premium's averages apart", "₹", "≤"),
    "ema20_stop": RuleWords("close − long average", "pt"),
    "take_profit": RuleWords("distance to long average", "pt", ">"),
    "crossover": RuleWords("short − long average", "pt"),
    "time": RuleWords("bars held", "", "≥"),
    "premium_stop": RuleWords("premium, stop", "₹", "≤"),
    "premium_target": RuleWords("premium, target", "₹", "≥"),
}

_REASONS: Final = {
    "ema20_stop": "EMA20 stop",
    "option_data": "no premium known",
    "premium_history": "too few bars of the premium",
    "premium_deviation": "premium's averages too far apart",
    "signal_strength": "signal too weak",
    "last_entry_time": "after the last entry time",
    "closed_this_bar": "a position closed in this bar",
    "max_trades": "trades of the day used up",
    "daily_loss": "daily loss limit reached",
    "open_position": "a position is open",
    "banned": "the underlying is banned today",
    "size": "no lot fits the risk per trade",
}


def rule_words(name: str) -> RuleWords:
    """The words for a rule; one that is not known is called by its own name."""
    return _RULES.get(name, RuleWords(name.replace("_", " ")))


def rupees(amount: float | None, *, sign: bool = False) -> str:
    """`₹1,23,456.50` with Indian grouping; a sign always when asked for; null is a dash, never 0."""
    if amount is None:
        return NOTHING
    return f"{_sign_of(round(amount, 2), always=sign)}₹{_grouped(f'{abs(amount):.2f}')}"


def points(value: float | None, *, sign: bool = False) -> str:
    """Index points with two decimals."""
    if value is None:
        return NOTHING
    return f"{_sign_of(round(value, 2), always=sign)}{_grouped(f'{abs(value):.2f}')}"


def percent(share: float | None, *, sign: bool = False) -> str:
    """A share of one as `−0.44 %`."""
    return NOTHING if share is None else f"{points(100 * share, sign=sign)} %"


def quantity(units: int, lot: int | None = None) -> str:
    """`40 (2 lots)`; only the units where the lot is not known."""
    if not lot:
        return _grouped(str(units))
    lots = units // lot
    return f"{_grouped(str(units))} ({lots} lot{'' if lots == 1 else 's'})"


def count(number: int | None) -> str:
    """A whole number with Indian grouping."""
    return NOTHING if number is None else _grouped(str(number))


def value_of(value: Any, unit: str = "") -> str:
    """Whatever a rule looked at: numbers as numbers, rupees where the unit says so, texts as they are."""
    match value:
        case None:
            return NOTHING
        case bool():
            return "yes" if value else "no"
        case float():
            return rupees(value) if unit == "₹" else points(value)
        case int():
            return count(value)
        case _:
            return str(value)


def number_of(number: int, word: str) -> str:
    """`1 alert`, `3 alerts`."""
    return f"{count(number)} {word}{'' if number == 1 else 's'}"


def duration(seconds: float) -> str:
    """`2 h 14 m`, `3 m 5 s`, `7 s`; of days only the days and hours."""
    left = max(0, round(seconds))
    days, hours, minutes, secs = left // 86_400, left % 86_400 // 3600, left % 3600 // 60, left % 60
    if days:
        return f"{days} d {hours} h"
    if hours:
        return f"{hours} h {minutes} m"
    return f"{minutes} m {secs} s" if minutes else f"{secs} s"


def clock(instant_ns: int | None, *, seconds: bool = True) -> str:
    """A time of day in India."""
    if not instant_ns:
        return NOTHING
    return f"{ist(instant_ns):%H:%M:%S}" if seconds else f"{ist(instant_ns):%H:%M}"


def plain(name: str) -> str:
    """A reason or a verdict in words: `refused:max_trades` is `refused: trades of the day used up`."""
    head, colon, reason = name.rpartition(":")
    return f"{head}{colon}{' ' if colon else ''}{_REASONS.get(reason, reason.replace('_', ' '))}"


def contract(line: Mapping[str, Any]) -> str:
    """`80500 PE` of a signal or a trade."""
    return f"{line['strike']:g} {line['side']}" if "strike" in line and "side" in line else str(line.get("symbol", ""))


def _sign_of(value: float, *, always: bool) -> str:
    return _MINUS if value < 0 else "+" if always and value > 0 else ""


def _grouped(digits: str) -> str:
    whole, dot, decimals = digits.partition(".")
    head, tail = whole[:-3], whole[-3:]
    parts: list[str] = []
    while head:
        parts.insert(0, head[-2:])
        head = head[:-2]
    return ",".join([*parts, tail]) + dot + decimals
