"""The day's finished trades as a table, the same on the page and in the report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any, Final

from muhurat.web.markup import coloured, modelled, table, time_of_day
from muhurat.web.wording import contract, count, plain, rupees

_HEADS: Final = (
    *("contract", "quantity:nx", "bought", "at:n", "sold", "at:n", "reason:x"),
    *("charges:nx", "net:n"),
)


def trade_table(trades: Sequence[Mapping[str, Any]]) -> str:
    """A row per trade, and their sum when there are several. Prices in rupees per unit, `net` after charges."""
    charges, net = (sum(float(trade[name]) for trade in trades) for name in ("charges", "net"))
    foot = ["all", "", "", "", "", "", "", rupees(charges), _result(net)]
    return table(_HEADS, [_row(trade) for trade in trades], foot if len(trades) > 1 else ())


def _row(trade: Mapping[str, Any]) -> list[str]:
    reason = escape(plain(str(trade["reason"])))
    symbol = f'<span class="quiet x">{escape(str(trade["symbol"]))}</span>'
    return [
        f'{escape(contract(trade))} {symbol}{modelled(trade)}<span class="p quiet">{reason}</span>',
        count(int(trade["quantity"])),
        time_of_day(trade["entry_time"]),
        rupees(float(trade["entry_price"])),
        time_of_day(trade["exit_time"]),
        rupees(float(trade["exit_price"])),
        reason,
        rupees(float(trade["charges"])),
        _result(float(trade["net"])),
    ]


def _result(amount: float) -> str:
    return coloured(rupees(amount, sign=True), amount)
