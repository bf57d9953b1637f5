"""What a strategy is, and which ones there are.

A strategy states rules about one closed bar; it holds no state, places no order and knows no mode. The kernel asks it
for its entry rules while nothing is held and for its exit rules while something is. A new strategy is a file in
`strategies/` and a line in `STRATEGIES`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Any, Final, Protocol, cast

from muhurat.errors import MuhuratError
from muhurat.model.bar import Bar
from muhurat.model.order import ExitReason
from muhurat.model.position import OptionSide
from muhurat.trading.indicators import Averages
from muhurat.trading.parameters import Parameters

STRATEGIES: Final[Mapping[str, str]] = {
    "ema_mean_reversion": "muhurat.trading.strategies.ema_mean_reversion",
}
"""Every strategy by the name that the desk file uses, and its module, which is imported when it is asked for."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One condition as it was judged: the value seen, the limit it was held against, and whether it held."""

    name: str
    value: float | int | str | None
    limit: float | int | str | None
    ok: bool

    def as_dict(self) -> dict[str, Any]:
        return {"name": self.name, "value": self.value, "limit": self.limit, "ok": self.ok}


@dataclass(frozen=True, slots=True)
class Setup:
    """What a bar offers: the side it speaks for, each rule's verdict, and how strong the signal is (75 to 100).

    It is a signal when every rule holds; the strength is judged after that, by the kernel.
    """

    side: OptionSide
    rules: tuple[Rule, ...]
    strength: float

    @property
    def signals(self) -> bool:
        return all(rule.ok for rule in self.rules)


class Strategy(Protocol):
    """The face that a strategy's module shows."""

    def setup(self, bar: Bar, averages: Averages, parameters: Parameters) -> Setup:
        """The entry rules of a closed index bar, with the averages that include it."""

    def exits(
        self, side: OptionSide, bar: Bar, averages: Averages, bars_held: int, parameters: Parameters
    ) -> tuple[tuple[ExitReason, Rule], ...]:
        """The exit rules for a held side; `bars_held` counts the bar of the entry and this one."""


@cache
def strategy_named(name: str) -> Strategy:
    """The strategy of a name; raises `MuhuratError` naming the known ones."""
    if name not in STRATEGIES:
        raise MuhuratError(f"unknown strategy {name!r}", hint=f"known: {', '.join(STRATEGIES)}")
    return cast(Strategy, import_module(STRATEGIES[name]))
