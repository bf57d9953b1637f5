"""What a trading session is given before its first tick: all of it is the first entry of the input log."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final

import msgspec

from muhurat.calendars.session import Window
from muhurat.clock import NS_PER_S, ist_ns
from muhurat.model.bar import Bar
from muhurat.trading.bars import GRACE_S
from muhurat.trading.contracts import Contract
from muhurat.trading.parameters import Limits, Parameters

_END_AFTER_S: Final = GRACE_S + 3


@dataclass(frozen=True, slots=True)
class SessionFacts:
    """One day of one desk, self-contained.

    `windows` are the stretches of trading; `contracts` the options of the current week; `history` the previous
    session's bars of the index and of the options, in order of time. `balance_paise` is fixed for the day. `mode` is a
    label for the ledger and the report: nothing decides by it. `broker` names one of `simulated.BROKERS`. `banned` are
    the stocks of the day's F&O ban list, None when there is no such list.
    """

    day: date
    mode: str
    windows: tuple[Window, ...]
    contracts: tuple[Contract, ...]
    history: tuple[Bar, ...]
    balance_paise: int
    broker: str
    index_symbol: str = "SENSEX"
    index_token: int = 265
    feed: str = ""
    parameters: Parameters = field(default_factory=Parameters)
    limits: Limits = field(default_factory=Limits)
    banned: tuple[str, ...] | None = None

    @property
    def square_off_ns(self) -> int:
        """When every position is sold."""
        return ist_ns(self.day, self.parameters.square_off_time)

    @property
    def end_ns(self) -> int:
        """When the last bar has been closed and nothing more can happen."""
        return self.windows[-1].close_ns + _END_AFTER_S * NS_PER_S

    def label_of(self, instant_ns: int) -> int:
        """The label of the bar in which an instant lies; before the open that of the first bar."""
        width_ns = self.parameters.bar_minutes * 60 * NS_PER_S
        begun = [window.open_ns for window in self.windows if window.open_ns <= instant_ns]
        open_ns = begun[-1] if begun else self.windows[0].open_ns
        return open_ns + max(0, instant_ns - open_ns) // width_ns * width_ns


def to_entry(facts: SessionFacts) -> dict[str, Any]:
    """The facts as the fields of an input log's first entry."""
    return {"facts": msgspec.to_builtins(facts)}


def from_entry(entry: dict[str, Any]) -> SessionFacts:
    """The facts that an input log begins with; raises `msgspec.ValidationError` when they are none."""
    return msgspec.convert(entry["facts"], SessionFacts, strict=False)
