"""The trading part of a day's report, read off the lines that the engine said."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from muhurat.model.money import deepest_fall, plain_rupees, to_paise
from muhurat.trading.inputlog import Entry

_TRADE_FIELDS: Final = (
    *("symbol", "side", "strike", "quantity", "signal_time", "entry_time", "entry_price"),
    *("exit_time", "exit_price", "reason", "charges", "net"),
)


@dataclass(frozen=True, slots=True)
class TradingReport:
    """One session in numbers. Money in rupees; `trades` as `muhurat trade --json` prints them.

    `win_rate` is the share of trades with a net profit, None without trades; `profit_factor` is gross profit over gross
    loss, None without a loss; `max_drawdown` the deepest fall of the running net result. `open_position` is the symbol
    that was still held at the end. `ended` tells whether the session was seen through.
    """

    date: str
    mode: str
    balance: float
    bars: int
    option_bars: int
    signals: int
    trades: tuple[dict[str, Any], ...]
    refused: dict[str, int]
    exits: dict[str, int]
    charges: float
    net: float
    wins: int
    losses: int
    win_rate: float | None
    average_net: float | None
    profit_factor: float | None
    max_drawdown: float
    modelled_trades: int
    risk: tuple[dict[str, Any], ...]
    late_ticks: int
    open_position: str | None
    ended: bool

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def trading_report(lines: Iterable[Entry]) -> TradingReport:
    """The report of one session's lines, in the order in which they were said."""
    by_kind: dict[str, list[Entry]] = {}
    for line in lines:
        by_kind.setdefault(line["kind"], []).append(line)
    session = by_kind.get("session", [{}])[0]
    end = by_kind.get("session_end", [{}])[-1]
    trades = by_kind.get("trade", [])
    nets = [to_paise(trade["net"]) for trade in trades]
    return TradingReport(
        date=session.get("date", ""),
        mode=session.get("mode", ""),
        balance=session.get("balance", 0.0),
        bars=len(by_kind.get("bar", [])),
        option_bars=len(by_kind.get("option_bar", [])),
        signals=len(by_kind.get("signal", [])),
        trades=tuple(trade_fields(trade) for trade in trades),
        refused=refused_counts(by_kind.get("refused", [])),
        exits=dict(sorted(Counter(trade["reason"] for trade in trades).items())),
        charges=plain_rupees(sum(to_paise(trade["charges"]) for trade in trades)),
        net=plain_rupees(sum(nets)),
        modelled_trades=sum(trade["modelled"] for trade in trades),
        risk=tuple(by_kind.get("risk", [])),
        late_ticks=end.get("ticks", {}).get("late", 0),
        open_position=end.get("open"),
        ended=bool(end),
        **_quality(nets),
    )


def debug_document(lines: Sequence[Entry], *, explain: bool) -> dict[str, Any]:
    """What `muhurat trade --mode debug --json` prints; with `explain` every index bar's evaluation too."""
    report = trading_report(lines)
    document: dict[str, Any] = {
        "date": report.date,
        "trades": list(report.trades),
        "refused": report.refused,
        "net": report.net,
    }
    if explain:
        document["bars"] = [
            {key: value for key, value in line.items() if key != "kind"} for line in lines if line["kind"] == "bar"
        ]
    return document


def trade_fields(trade: Entry) -> dict[str, Any]:
    """A trade line as the command line and the report print it; `modelled` only where prices were."""
    fields = {name: trade[name] for name in _TRADE_FIELDS}
    return fields | {"modelled": True} if trade["modelled"] else fields


def refused_counts(lines: Iterable[Entry]) -> dict[str, int]:
    """How often each reason said no to a signal."""
    return dict(sorted(Counter(line["reason"] for line in lines).items()))


def _quality(nets: Sequence[int]) -> dict[str, Any]:
    wins, losses = [net for net in nets if net > 0], [net for net in nets if net < 0]
    return {
        "wins": len(wins),
        "losses": len(losses),
        "win_rate": len(wins) / len(nets) if nets else None,
        "average_net": plain_rupees(round(sum(nets) / len(nets))) if nets else None,
        "profit_factor": sum(wins) / -sum(losses) if losses else None,
        "max_drawdown": plain_rupees(deepest_fall(nets)),
    }
