"""The decision: one pure function from what is known and what just happened to what to do.

`decide(state, event, parameters)` gives the next state and a decision, and nothing else: no clock, no order, no file.
Every mode trades through it. A decision carries each rule with the value it saw, the limit and the verdict; they are
what `--explain`, the page and the report show. For an entry a rule's `ok` says that it allows it, for an exit that it
asks for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal

from muhurat.clock import ist
from muhurat.model.bar import Bar
from muhurat.model.order import ExitReason
from muhurat.model.position import OptionSide
from muhurat.trading.contracts import Contract, signal_strike
from muhurat.trading.indicators import UNKNOWN, Averages, advance
from muhurat.trading.parameters import Parameters
from muhurat.trading.strategy import Rule, Setup, strategy_named


@dataclass(frozen=True, slots=True)
class OptionView:
    """What is known of an option: today's last price, None before its first, and the averages of its own bars."""

    contract: Contract
    price: float | None = None
    averages: Averages = UNKNOWN


@dataclass(frozen=True, slots=True)
class Held:
    """The position as the rules see it.

    `bars` counts index bars closed since the entry filled. `exit_reason` is that of a working exit, `exit_bar_ns` the
    label of the bar in which it was decided.
    """

    side: OptionSide
    symbol: str
    entry_paise: int
    filled_ns: int
    bars: int = 0
    exit_reason: ExitReason | None = None
    exit_bar_ns: int = -1


@dataclass(frozen=True, slots=True)
class State:
    """All that the next decision depends on: the index's averages, what is held, which bar last closed a position."""

    index: Averages = UNKNOWN
    held: Held | None = None
    entering: bool = False
    closed_bar_ns: int = -1


@dataclass(frozen=True, slots=True)
class BarClosed:
    """An index bar is complete, and the options' bars of its label. `premium` is the held option's price."""

    bar: Bar
    options: Mapping[tuple[Decimal, str], OptionView]
    premium: float | None = None


@dataclass(frozen=True, slots=True)
class PremiumSeen:
    """A tick of the held option, in the bar labelled `bar_ns`."""

    price: float
    bar_ns: int


@dataclass(frozen=True, slots=True)
class PremiumCandle:
    """A whole candle of the held option, where its ticks are not known."""

    bar: Bar


@dataclass(frozen=True, slots=True)
class SquareOffDue:
    """The square-off time has come, in the bar labelled `bar_ns`."""

    bar_ns: int


@dataclass(frozen=True, slots=True)
class Halted:
    """Risk wants everything closed, in the bar labelled `bar_ns`."""

    bar_ns: int


Event = BarClosed | PremiumSeen | PremiumCandle | SquareOffDue | Halted


@dataclass(frozen=True, slots=True)
class Stay:
    """Nothing to do; `verdict` says why in a word."""

    verdict: str
    rules: tuple[Rule, ...] = ()


@dataclass(frozen=True, slots=True)
class Enter:
    """Buy this option."""

    option: OptionView
    strength: float
    rules: tuple[Rule, ...]
    verdict: str = "enter"


@dataclass(frozen=True, slots=True)
class Refuse:
    """A signal that is not followed, and the first rule that said no."""

    reason: str
    side: OptionSide
    strike: int
    strength: float
    rules: tuple[Rule, ...]
    contract: Contract | None = None
    verdict: str = "refused"


@dataclass(frozen=True, slots=True)
class Exit:
    """Sell what is held. `price` is given where the market has already touched it; `again` when the exit is working
    and only its reason changes, because a weightier one holds in the same bar."""

    reason: ExitReason
    rules: tuple[Rule, ...] = ()
    price: float | None = None
    again: bool = False
    verdict: str = "exit"


Decision = Stay | Enter | Refuse | Exit


def decide(state: State, event: Event, parameters: Parameters) -> tuple[State, Decision]:
    """What to do about an event, and what to remember."""
    match event:
        case BarClosed():
            return _bar_closed(state, event, parameters)
        case PremiumSeen():
            return _leave(state, _premium_seen(state, event.price, parameters), event.bar_ns)
        case PremiumCandle():
            return _leave(state, _premium_candle(state, event.bar, parameters), event.bar.start_ns)
        case SquareOffDue():
            return _leave(state, Exit(ExitReason.SQUARE_OFF), event.bar_ns)
        case Halted():
            return _leave(state, Exit(ExitReason.HALT), event.bar_ns)


def premium_levels(entry_paise: int, parameters: Parameters) -> tuple[float, float]:
    """Stop and target of a premium paid, in rupees."""
    stop = Decimal(entry_paise) * (100 - parameters.stop_loss_percent) / 10_000
    target = Decimal(entry_paise) * (100 + parameters.target_percent) / 10_000
    return float(stop), float(target)


def warmed(state: State, bar: Bar, parameters: Parameters) -> State:
    """The state after a bar of the previous session, on which nothing is decided."""
    return replace(state, index=_advanced(state.index, bar.close, parameters))


def _advanced(averages: Averages, close: float, parameters: Parameters) -> Averages:
    return advance(averages, close, parameters.ema_short_period, parameters.ema_long_period)


def _bar_closed(state: State, event: BarClosed, parameters: Parameters) -> tuple[State, Decision]:
    state = warmed(state, event.bar, parameters)
    held = state.held
    if held is None:
        return state, _entry(state, event, parameters)
    if event.bar.end_ns <= held.filled_ns:
        return state, Stay("hold")
    held = replace(held, bars=held.bars + 1)
    state = replace(state, held=held)
    rules = _exit_rules(held, event, state.index, parameters)
    wanted = [reason for reason, rule in rules if rule.ok]
    shown = tuple(rule for _, rule in rules)
    if not wanted:
        return state, Stay("hold", shown)
    return _leave(state, Exit(min(wanted, key=lambda reason: reason.rank), shown), event.bar.start_ns)


def _exit_rules(
    held: Held, event: BarClosed, averages: Averages, parameters: Parameters
) -> list[tuple[ExitReason, Rule]]:
    """Every exit rule of a bar, in order of weight."""
    strategy = strategy_named(parameters.strategy)
    rules = list(strategy.exits(held.side, event.bar, averages, held.bars, parameters))
    if parameters.premium_check == "bar_close" and event.premium is not None:
        premium = event.premium
        stop, target = premium_levels(held.entry_paise, parameters)
        rules.append((ExitReason.PREMIUM_STOP, Rule("premium_stop", premium, stop, premium <= stop)))
        rules.append((ExitReason.PREMIUM_TARGET, Rule("premium_target", premium, target, premium >= target)))
    return sorted(rules, key=lambda each: each[0].rank)


def _leave(state: State, decision: Exit | None, bar_ns: int) -> tuple[State, Decision]:
    """Turn a wish to exit into a decision: none without a position, and only a better reason while one is working."""
    held = state.held
    if held is None or decision is None:
        return state, Stay("hold" if held else "flat")
    if held.exit_reason is not None:
        if bar_ns != held.exit_bar_ns or decision.reason.rank >= held.exit_reason.rank:
            return state, Stay("exiting", decision.rules)
        decision = replace(decision, again=True, price=None)
    held = replace(held, exit_reason=decision.reason, exit_bar_ns=bar_ns)
    return replace(state, held=held, closed_bar_ns=bar_ns), decision


def _premium_seen(state: State, price: float, parameters: Parameters) -> Exit | None:
    if state.held is None or parameters.premium_check != "tick":
        return None
    stop, target = premium_levels(state.held.entry_paise, parameters)
    if price <= stop:
        return Exit(ExitReason.PREMIUM_STOP, (Rule("premium_stop", price, stop, True),))
    if price >= target:
        return Exit(ExitReason.PREMIUM_TARGET, (Rule("premium_target", price, target, True),))
    return None


def _premium_candle(state: State, bar: Bar, parameters: Parameters) -> Exit | None:
    """A gap is sold at the open, a touch at the level; a candle that spans both levels is the stop (MISSION T4)."""
    if state.held is None or parameters.premium_check != "tick":
        return None
    stop, target = premium_levels(state.held.entry_paise, parameters)
    if bar.low <= stop:
        rule = Rule("premium_stop", bar.low, stop, True)
        return Exit(ExitReason.PREMIUM_STOP, (rule,), price=min(bar.open, stop))
    if bar.high >= target:
        rule = Rule("premium_target", bar.high, target, True)
        return Exit(ExitReason.PREMIUM_TARGET, (rule,), price=max(bar.open, target))
    return None


def _entry(state: State, event: BarClosed, parameters: Parameters) -> Decision:
    setup = strategy_named(parameters.strategy).setup(event.bar, state.index, parameters)
    strong = setup.strength >= parameters.min_signal_strength
    strength = Rule("signal_strength", setup.strength, parameters.min_signal_strength, strong)
    if state.entering:
        return Stay("entering", (*setup.rules, strength))
    if not setup.signals:
        return Stay("no_signal", (*setup.rules, strength))
    return _follow(state, event, setup, strength, parameters)


def _follow(state: State, event: BarClosed, setup: Setup, strength: Rule, parameters: Parameters) -> Decision:
    """A signal: take its option, unless one of the further rules says no; the first that does is the reason."""
    bar = event.bar
    strike = signal_strike(
        bar.close, bar.end_ns, parameters.strike_step, parameters.afternoon_from, parameters.afternoon_offset
    )
    option = event.options.get((Decimal(strike), setup.side))
    gates = (strength, *_time_rules(state, bar, parameters), *_option_rules(option, parameters))
    rules = (*setup.rules, *gates)
    refused = next((rule.name for rule in gates if not rule.ok), None)
    if refused is not None or option is None:
        contract = option.contract if option else None
        return Refuse(refused or "option_data", setup.side, strike, setup.strength, rules, contract)
    return Enter(option, setup.strength, rules)


def _time_rules(state: State, bar: Bar, parameters: Parameters) -> tuple[Rule, ...]:
    closes = ist(bar.end_ns).time()
    last = parameters.last_entry_time
    rules: tuple[Rule, ...] = (Rule("last_entry_time", closes.isoformat(), last.isoformat(), closes <= last),)
    if state.closed_bar_ns == bar.start_ns:
        rules += (Rule("closed_this_bar", None, None, False),)
    return rules


def _option_rules(option: OptionView | None, parameters: Parameters) -> tuple[Rule, ...]:
    if option is None or option.price is None:
        return (Rule("option_data", None, option.contract.symbol if option else None, False),)
    rules = [Rule("option_data", option.price, option.contract.symbol, True)]
    if parameters.premium_confirmation:
        bars, distance = option.averages.bars, option.averages.distance
        least, most = parameters.minimum_bars, parameters.premium_deviation_threshold
        rules.append(Rule("premium_history", bars, least, bars >= least))
        rules.append(Rule("premium_deviation", distance, most, distance <= most))
    return tuple(rules)
