"""The numbers that a strategy and the risk gate trade by, under the names of the desk file.

`Parameters` belong to the strategy, `Limits` to risk; both are part of a session's first input, so that a replay trades
by the very numbers of the day.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from datetime import time
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, Final, Literal, TypeVar

from muhurat.errors import UsageError

if TYPE_CHECKING:
    from muhurat.config import TradingSection

PremiumCheck = Literal["bar_close", "tick", "off"]
_PREMIUM_CHECKS: Final = ("bar_close", "tick", "off")
_WORDS: Final = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
_ABOVE_ZERO: Final = frozenset(
    {
        *("bar_minutes", "strike_step", "ema_short_period", "ema_long_period"),
        *("ema_tightness_threshold", "proximity_threshold", "max_daily_loss"),
    }
)
"""What is divided by."""

_T = TypeVar("_T", "Parameters", "Limits")


@dataclass(frozen=True, slots=True)
class Parameters:
    """What the strategy trades by (MISSION T2-T5). Points are index points, premiums rupees, holding times bars."""

    strategy: str = "ema_mean_reversion"
    bar_minutes: int = 3
    ema_short_period: int = 10
    ema_long_period: int = 20
    ema_tightness_threshold: float = 51.0
    proximity_threshold: float = 21.0
    minimum_bars: int = 20
    min_signal_strength: float = 80.0
    premium_confirmation: bool = True
    premium_deviation_threshold: float = 15.0
    last_entry_time: time = time(15, 0)
    take_profit_points: float = 150.0
    max_bars_ce: int = 20
    max_bars_pe: int = 10
    premium_check: PremiumCheck = "bar_close"
    stop_loss_percent: Decimal = Decimal(2)
    target_percent: Decimal = Decimal(4)
    square_off_time: time = time(15, 20)
    strike_step: int = 100
    watched_strikes: int = 5
    afternoon_from: time = time(12, 0)
    afternoon_offset: float = 175.0
    fill_delay_ms: int = 250
    quote_age_s: float = 5.0
    slippage: Decimal = Decimal(0)
    model_volatility_percent: float = 12.0
    model_rate_percent: float = 6.5


@dataclass(frozen=True, slots=True)
class Limits:
    """What risk allows (MISSION T6). Money in rupees, quantities in units. `lot_size` 0 takes the contract's own."""

    paper_capital: Decimal = Decimal(500_000)
    risk_per_trade_percent: Decimal = Decimal(2)
    max_daily_loss: Decimal = Decimal(25_000)
    daily_loss_alert_percent: Decimal = Decimal(80)
    max_trades_per_day: int = 3
    max_consecutive_losses: int = 2
    max_order_quantity: int = 1_000
    max_order_value: Decimal = Decimal(500_000)
    lot_size: int = 0


def from_desk(section: TradingSection) -> tuple[Parameters, Limits]:
    """The desk file's `trading` section; what it does not say keeps the value above."""
    given = {
        **section.indicators.model_dump(),
        **section.risk_management.model_dump(),
        **section.model_dump(exclude={"indicators", "risk_management"}),
    }
    parameters = {name: given[name] for name in _names(Parameters) if name in given}
    limits = {name: given[name] for name in _names(Limits) if name in given}
    return Parameters(**parameters), Limits(**limits)


def with_settings(parameters: Parameters, limits: Limits, settings: Sequence[str]) -> tuple[Parameters, Limits]:
    """Apply `KEY=VALUE` settings by name; a section before a dot (`risk_management.max_daily_loss`) may be named too.

    Raises `UsageError` for an unknown key, with the nearest known one, and for a value of the wrong kind.
    """
    for setting in settings:
        key, equals, text = setting.partition("=")
        name = key.strip().rpartition(".")[2]
        if not equals:
            raise UsageError(f"{setting!r} is no setting", hint="write --set KEY=VALUE")
        if name in _names(parameters):
            parameters = _with(parameters, name, text.strip())
        elif name in _names(limits):
            limits = _with(limits, name, text.strip())
        else:
            raise _unknown(name, [*_names(parameters), *_names(limits)])
    return parameters, limits


def _names(settings: Parameters | Limits | type[Parameters | Limits]) -> list[str]:
    return [field.name for field in fields(settings)]


def _unknown(name: str, known: list[str]) -> UsageError:
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(sorted(known))}"
    return UsageError(f"unknown setting {name!r}", hint=hint)


def _with(settings: _T, name: str, text: str) -> _T:
    try:
        value = _parsed(getattr(settings, name), text)
    except (ValueError, InvalidOperation, KeyError):
        raise UsageError(f"{name} cannot be {text!r}", hint=f"for example {getattr(settings, name)}") from None
    if name in _ABOVE_ZERO and not value:
        raise UsageError(f"{name} cannot be {text!r}", hint="it must be above 0")
    if name == "premium_check" and value not in _PREMIUM_CHECKS:
        raise UsageError(f"premium_check cannot be {text!r}", hint=f"known: {', '.join(_PREMIUM_CHECKS)}")
    return replace(settings, **{name: value})


def _parsed(present: Any, text: str) -> Any:
    """The text as a value of the present one's kind."""
    match present:
        case bool():
            return _WORDS[text.lower()]
        case int():
            return _not_negative(int(text))
        case float():
            return _not_negative(float(text))
        case Decimal():
            return _not_negative(Decimal(text))
        case time():
            return time.fromisoformat(text)
        case _:
            return text


def _not_negative(value: Any) -> Any:
    if not value >= 0 or value == float("inf"):
        raise ValueError(value)
    return value
