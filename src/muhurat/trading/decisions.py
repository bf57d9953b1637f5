"""What the engine says of its decisions: one JSON object per line of `decisions.jsonl`.

The page, the report and `--explain` read these lines. Each has a `kind`, its fields in a fixed order, times in ISO 8601
with India's offset and money in rupees, so that equal decisions are equal bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from muhurat.clock import ist
from muhurat.model.bar import Bar
from muhurat.model.money import plain_rupees
from muhurat.model.order import Fill, Order
from muhurat.model.position import Trade
from muhurat.trading.contracts import Contract
from muhurat.trading.indicators import Averages
from muhurat.trading.kernel import Decision, Exit, Refuse
from muhurat.trading.risk import Approved, Refused
from muhurat.trading.strategy import Rule

Line = dict[str, Any]


def when(instant_ns: int) -> str:
    """An instant as lines write it."""
    return ist(instant_ns).isoformat()


def plain_strike(strike: Decimal | int) -> int | float:
    """A strike as a JSON number, whole where it is."""
    return int(strike) if strike == int(strike) else float(strike)


def session_line(day: str, mode: str, balance_paise: int, contracts: int, history: int) -> Line:
    return {
        "kind": "session",
        "date": day,
        "mode": mode,
        "balance": plain_rupees(balance_paise),
        "contracts": contracts,
        "history_bars": history,
    }


def evaluated_line(bar: Bar, averages: Averages, decision: Decision, ticket: Approved | Refused | None) -> Line:
    """An index bar with its averages, every rule that was judged on it, and the verdict: risk's where it was asked."""
    rules, verdict = list(decision.rules), decision.verdict
    match decision:
        case Refuse() | Exit():
            verdict = f"{verdict}:{decision.reason}"
    if isinstance(ticket, Refused):
        rules.append(Rule(ticket.reason, ticket.value, ticket.limit, False))
        verdict = f"refused:{ticket.reason}"
    return {
        "kind": "bar",
        **_candle(bar),
        "ema10": averages.fast,
        "ema20": averages.slow,
        "rules": [rule.as_dict() for rule in rules],
        "verdict": verdict,
        "modelled": bar.modelled,
    }


def option_bar_line(bar: Bar) -> Line:
    return {"kind": "option_bar", **_candle(bar), "modelled": bar.modelled}


def watch_line(centre: int, symbols: Sequence[str]) -> Line:
    return {"kind": "watch", "centre": centre, "symbols": list(symbols)}


def signal_line(
    label_ns: int, side: str, strike: float, strength: float, contract: Contract | None, premium: float | None
) -> Line:
    return {
        "kind": "signal",
        "label": when(label_ns),
        "side": side,
        "strike": strike,
        "symbol": contract.symbol if contract else None,
        "display": contract.display_symbol if contract else None,
        "strength": strength,
        "premium": premium,
    }


def refused_line(label_ns: int, side: str, strike: float, reason: str, value: Any, limit: Any) -> Line:
    return {
        "kind": "refused",
        "label": when(label_ns),
        "side": side,
        "strike": strike,
        "reason": reason,
        "value": value,
        "limit": limit,
    }


def order_line(order: Order) -> Line:
    return {
        "kind": "order",
        "id": order.id,
        "at": when(order.decided_ns),
        "purpose": order.purpose.value,
        "action": order.action.value,
        "symbol": order.symbol,
        "quantity": order.quantity,
        "reference": plain_rupees(order.reference_paise),
        "reason": order.reason,
    }


def ended_line(order_id: str, at_ns: int, reason: str) -> Line:
    return {"kind": "order_ended", "id": order_id, "at": when(at_ns), "reason": reason}


def fill_line(fill: Fill) -> Line:
    return {
        "kind": "fill",
        "id": fill.id,
        "order": fill.order_id,
        "at": when(fill.at_ns),
        "symbol": fill.symbol,
        "action": fill.action.value,
        "quantity": fill.quantity,
        "price": plain_rupees(fill.price_paise),
        "modelled": fill.modelled,
    }


def exit_line(at_ns: int, symbol: str, reason: str, rules: Sequence[Rule], *, again: bool) -> Line:
    """The decision to sell; `again` when only the reason of a working exit changes."""
    return {
        "kind": "exit",
        "at": when(at_ns),
        "symbol": symbol,
        "reason": reason,
        "rules": [rule.as_dict() for rule in rules if rule.ok],
        "again": again,
    }


def trade_line(trade: Trade) -> Line:
    """A finished trade, with the field names of `muhurat trade --json`."""
    return {
        "kind": "trade",
        "id": trade.id,
        "symbol": trade.symbol,
        "side": trade.side,
        "strike": plain_strike(trade.strike),
        "quantity": trade.quantity,
        "strength": trade.strength,
        "signal_time": when(trade.signal_ns),
        "entry_time": when(trade.entry_ns),
        "entry_price": plain_rupees(trade.entry_paise),
        "exit_time": when(trade.exit_ns),
        "exit_price": plain_rupees(trade.exit_paise),
        "reason": trade.reason.value,
        "charges": plain_rupees(trade.charges_paise),
        "net": plain_rupees(trade.net_paise),
        "modelled": trade.modelled,
    }


def risk_line(at_ns: int, state: str, reason: str, realised_paise: int) -> Line:
    """The trading state changed, or a limit came near (`reason` daily_loss_near)."""
    return {
        "kind": "risk",
        "at": when(at_ns),
        "state": state,
        "reason": reason,
        "realised": plain_rupees(realised_paise),
    }


def end_line(at_ns: int, trades: int, realised_paise: int, still_open: str | None, ticks: Line) -> Line:
    return {
        "kind": "session_end",
        "at": when(at_ns),
        "trades": trades,
        "net": plain_rupees(realised_paise),
        "open": still_open,
        "ticks": ticks,
    }


def _candle(bar: Bar) -> Line:
    return {
        "symbol": bar.symbol,
        "label": when(bar.start_ns),
        "o": bar.open,
        "h": bar.high,
        "l": bar.low,
        "c": bar.close,
        "v": bar.volume,
    }
