"""Candles for options that have none, priced from the index's candles and marked as modelled.

An option's open, high, low and close are Black-76 prices at the index's own, the forward carried at the interest rate;
the volatility is one number for all strikes. That is a stand-in to follow a signal with, not a market.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import time
from decimal import Decimal
from math import exp
from typing import Final

from muhurat.clock import NS_PER_S, ist_ns
from muhurat.errors import UsageError
from muhurat.model.bar import Bar
from muhurat.model.instrument import nearest_strike
from muhurat.optionchain.black76 import black76
from muhurat.trading.contracts import CALL, PUT, Contract, by_strike
from muhurat.trading.parameters import Parameters
from muhurat.trading.recorded import sibling

_YEAR_NS: Final = 365 * 86_400 * NS_PER_S
_TICK: Final = 20
_EXPIRES_AT: Final = time(15, 30)


def model_missing(
    contracts: Sequence[Contract], with_candles: Iterable[str], index_bars: Sequence[Bar], parameters: Parameters
) -> tuple[list[Contract], list[Bar]]:
    """Modelled contracts and candles for every strike that a signal on these bars could take and that has none.

    Raises `UsageError` when no contract of the week is known whose expiry and name could be taken.
    """
    if not contracts:
        raise UsageError("no option is known whose expiry could be modelled", hint="name a dump: --instruments FILE")
    have, listed = frozenset(with_candles), by_strike(contracts)
    made: list[Contract] = []
    bars: list[Bar] = []
    for strike in _strikes(index_bars, parameters):
        for side in (CALL, PUT):
            contract = listed.get((strike, side)) or sibling(contracts[0], strike, side)
            if contract.symbol not in have:
                made.append(replace(contract, modelled=True))
                bars += [modelled_bar(contract, bar, parameters) for bar in index_bars]
    return made, bars


def modelled_bar(contract: Contract, index: Bar, parameters: Parameters) -> Bar:
    """An option's candle while the index made one; a put is dearest where the index is lowest."""
    opened, closed = (_price(contract, at, index.start_ns, parameters) for at in (index.open, index.close))
    ends = [_price(contract, at, index.start_ns, parameters) for at in (index.high, index.low)]
    return Bar(
        symbol=contract.symbol,
        start_ns=index.start_ns,
        end_ns=index.end_ns,
        open=opened,
        high=max(ends),
        low=min(ends),
        close=closed,
        volume=0,
        modelled=True,
    )


def _price(contract: Contract, spot: float, at_ns: int, parameters: Parameters) -> float:
    """The model's price in whole ticks of 0.05, one tick at least."""
    years = max(0, ist_ns(contract.expiry, _EXPIRES_AT) - at_ns) / _YEAR_NS
    rate, volatility = parameters.model_rate_percent / 100, parameters.model_volatility_percent / 100
    forward = spot * exp(rate * years)
    price = black76(forward, float(contract.strike), years, volatility, rate, call=contract.side == CALL)
    return max(1, round(price * _TICK)) / _TICK


def _strikes(index_bars: Sequence[Bar], parameters: Parameters) -> Iterator[Decimal]:
    step = parameters.strike_step
    low = nearest_strike(min(bar.low for bar in index_bars) - parameters.afternoon_offset, step)
    high = nearest_strike(max(bar.high for bar in index_bars), step)
    return (Decimal(strike) for strike in range(low, high + step, step))
