"""EMA mean reversion: buy an option when the index touches its short average while the two averages lie close together.

The desk's own strategy, version 2.0 (seed T; MISSION T3, T4). A call is bought on a rising bar in a rising market, a
put on a falling bar in a falling one.
"""

from __future__ import annotations

from muhurat.model.bar import Bar
from muhurat.model.order import ExitReason
from muhurat.model.position import OptionSide
from muhurat.trading.contracts import CALL, PUT
from muhurat.trading.indicators import Averages
from muhurat.trading.parameters import Parameters
from muhurat.trading.strategy import Rule, Setup


def setup(bar: Bar, averages: Averages, parameters: Parameters) -> Setup:
    """The entry rules, for a call on a rising bar and for a put otherwise."""
    side = CALL if bar.close > bar.open else PUT
    body, spread = bar.close - bar.open, averages.fast - averages.slow
    proximity = _proximity(side, bar, averages)
    rising = side == CALL
    rules = (
        Rule("bars", averages.bars, parameters.minimum_bars, averages.bars >= parameters.minimum_bars),
        Rule("candle", body, "> 0" if rising else "< 0", body > 0 if rising else body < 0),
        Rule("trend", spread, "> 0" if rising else "< 0", spread > 0 if rising else spread < 0),
        Rule(
            "tightness",
            averages.distance,
            parameters.ema_tightness_threshold,
            averages.distance <= parameters.ema_tightness_threshold,
        ),
        Rule("proximity", proximity, parameters.proximity_threshold, proximity < parameters.proximity_threshold),
    )
    return Setup(side, rules, _strength(averages.distance, proximity, parameters))


def exits(
    side: OptionSide, bar: Bar, averages: Averages, bars_held: int, parameters: Parameters
) -> tuple[tuple[ExitReason, Rule], ...]:
    """The exit rules on the index; each rule holds when it asks for the exit."""
    beyond = bar.close - averages.slow
    spread = averages.fast - averages.slow
    sign, against = (1, "< 0") if side == CALL else (-1, "> 0")
    longest = parameters.max_bars_ce if side == CALL else parameters.max_bars_pe
    far = parameters.take_profit_points
    return (
        (ExitReason.EMA20_STOP, Rule("ema20_stop", beyond, against, sign * beyond < 0)),
        (ExitReason.TAKE_PROFIT, Rule("take_profit", abs(beyond), far, abs(beyond) > far)),
        (ExitReason.CROSSOVER, Rule("crossover", spread, against, sign * spread < 0)),
        (ExitReason.TIME, Rule("time", bars_held, longest, bars_held >= longest)),
    )


def _proximity(side: OptionSide, bar: Bar, averages: Averages) -> float:
    """How near the bar came to the short average: from its open, or from the end that reached towards it."""
    towards = bar.low if side == CALL else bar.high
    return min(abs(bar.open - averages.fast), abs(towards - averages.fast))


def _strength(distance: float, proximity: float, parameters: Parameters) -> float:
    """100 when the averages meet and the bar touches them, 75 at both limits."""
    loose = distance / parameters.ema_tightness_threshold
    far = proximity / parameters.proximity_threshold
    return 25.0 * (4.0 - 0.5 * loose - 0.5 * far)
