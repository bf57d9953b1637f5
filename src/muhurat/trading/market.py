"""What the engine knows of the market: bars in the making, the options' last prices and averages, and the touch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal

import numpy as np

from muhurat.model.bar import Bar
from muhurat.model.instrument import nearest_strike
from muhurat.model.tick import TickGroup
from muhurat.trading.bars import BarBuilder
from muhurat.trading.contracts import Contract, by_strike, watched
from muhurat.trading.indicators import advance
from muhurat.trading.kernel import OptionView
from muhurat.trading.orders import Quote
from muhurat.trading.session import SessionFacts

_QUOTED = ("exchange_timestamp", "last_price", "bid_price_1", "ask_price_1", "low", "high")


class MarketView:
    """The session's instruments as they are known now."""

    def __init__(self, facts: SessionFacts) -> None:
        self.contracts: dict[str, Contract] = {each.symbol: each for each in facts.contracts}
        self.options: dict[tuple[Decimal, str], OptionView] = {
            key: OptionView(contract) for key, contract in by_strike(facts.contracts).items()
        }
        self.centre: int | None = None
        self._parameters = facts.parameters
        self._by_strike = by_strike(facts.contracts)
        symbols = {contract.token: contract.symbol for contract in facts.contracts}
        modelled = frozenset(each.symbol for each in facts.contracts if each.modelled)
        self.builder = BarBuilder(
            {**symbols, facts.index_token: facts.index_symbol},
            facts.windows,
            facts.parameters.bar_minutes,
            modelled,
        )

    def is_option(self, symbol: str) -> bool:
        return symbol in self.contracts

    def view(self, symbol: str) -> OptionView:
        """What is known of an option of the day's contracts."""
        contract = self.contracts[symbol]
        return self.options[contract.strike, contract.side]

    def price_of(self, symbol: str) -> float | None:
        """An option's last price of today; None before its first."""
        return self.view(symbol).price

    def take_bar(self, bar: Bar, *, today: bool = True) -> None:
        """Move an option's averages on, and its price when the bar is of today."""
        contract = self.contracts[bar.symbol]
        key = (contract.strike, contract.side)
        view = self.options[key]
        p = self._parameters
        averages = advance(view.averages, bar.close, p.ema_short_period, p.ema_long_period)
        self.options[key] = replace(view, averages=averages, price=bar.close if today else view.price)

    def recentred(self, spot: float, keep: frozenset[str]) -> tuple[str, ...] | None:
        """The symbols to watch when the strike nearest to the index has moved; None while it has not."""
        step = self._parameters.strike_step
        centre = nearest_strike(spot, step)
        if centre == self.centre:
            return None
        self.centre = centre
        return watched(self._by_strike, centre, step, self._parameters.watched_strikes, keep)

    def quotes(self, group: TickGroup, ts_recv_ns: int, wanted: dict[int, str]) -> Iterator[Quote]:
        """The touch of the wanted tokens in a message's packets, in their order."""
        columns = group.columns
        if "bid_price_1" not in columns:
            return
        rows = np.flatnonzero(np.isin(columns["instrument_token"], list(wanted)))
        for row in rows.tolist():
            symbol = wanted[int(columns["instrument_token"][row])]
            at_s, last, bid, ask, low, high = (columns[name][row].item() for name in _QUOTED)
            modelled = self.contracts[symbol].modelled
            yield Quote(symbol, ts_recv_ns, at_s, last, bid, ask, low, high, modelled)
