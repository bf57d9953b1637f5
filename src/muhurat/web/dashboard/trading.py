"""The panels on trading: the index, the position, the rules of the last bar, the day's trades."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from html import escape
from typing import Any, Final

from muhurat.clock import NS_PER_S, ist, to_ns
from muhurat.web.decisions import Decisions, Line
from muhurat.web.markup import coloured, empty, heading, index_keys, mark, modelled, table
from muhurat.web.palette import AMBER
from muhurat.web.snapshot import STALE_S, Snapshot
from muhurat.web.trade_table import trade_table
from muhurat.web.wording import (
    clock,
    contract,
    count,
    duration,
    number_of,
    percent,
    plain,
    points,
    quantity,
    rule_words,
    rupees,
    value_of,
)

_LATE_S: Final = 5.0
_BAR_S: Final = 180.0
_NS_PER_MS: Final = 1_000_000


def index_heading(shot: Snapshot) -> str:
    """Where the index stands, since when, and what the lines of the chart are."""
    title = heading("SENSEX · three-minute bars", index_keys())
    bars = shot.decisions.bars
    price, at = _index_now(shot)
    if price is None or not bars:
        return title
    change = price - bars[0]["o"]
    moved = f"{points(change, sign=True)} ({percent(change / bars[0]['o'], sign=True)}) since the open"
    told = f'<span class="big">{points(price)}</span> {coloured(moved, change)} {at}{modelled(bars[-1])}'
    return f'{title}<div class="under">{told}</div>'


def _index_now(shot: Snapshot) -> tuple[float | None, str]:
    """The index's last tick of today and its time, amber when it is old; else the last bar's close."""
    bars = shot.decisions.bars
    tick = shot.live.get(str(bars[-1]["symbol"])) if bars else None
    at_ns = int(tick["ts"]) * _NS_PER_MS if tick else 0
    if not tick or tick["last_price"] is None or ist(at_ns).date() != shot.day:
        at = f"close of the bar {bars[-1]['label'][11:16]}" if bars else ""
        return (float(bars[-1]["c"]) if bars else None), f'<span class="quiet">{escape(at)}</span>'
    old = shot.in_session and (shot.now_ns - at_ns) / NS_PER_S > max(STALE_S, 2 * shot.speed)
    return float(tick["last_price"]), f'<span class="{"wait" if old else "quiet"}">at {clock(at_ns)}</span>'


def position(shot: Snapshot) -> str:
    """The open position as the trader sees it, or why there is none."""
    held = shot.trader
    symbol = held.get("position")
    if not symbol:
        return heading("Position") + empty(_why_flat(shot.decisions))
    entry = shot.decisions.open_fill or {}
    signal = shot.decisions.signals[-1] if shot.decisions.signals else {}
    name = contract(signal) if signal.get("symbol") == symbol else str(symbol)
    unrealised = float(held.get("unrealised") or 0)
    since = str(held.get("entry_time") or entry.get("at", ""))[11:19]
    cells = [
        ("quantity", quantity(int(held.get("quantity") or 0), held.get("lot"))),
        ("bought", f"{rupees(held.get('entry'))}{f' at {escape(since)}' if since else ''}"),
        ("now", f"{rupees(held.get('price'))}{_late(shot)}"),
        *((word, rupees(held[field])) for word, field in (("stop", "stop"), ("target", "target")) if field in held),
        *((("bars left", count(held["bars_left"])),) if held.get("bars_left") is not None else ()),
    ]
    rows = [[f'<span class="quiet">{word}</span>', value] for word, value in cells]
    result = coloured(rupees(unrealised, sign=True), unrealised)
    return (
        heading("Position", _doubt(shot) or "before charges")
        + f'<div class="cap"><span class="big">{escape(name)}</span><span class="big">{result}</span></div>'
        + table((":", ":n"), rows)
    )


def why(shot: Snapshot) -> str:
    """Each rule of the last bar: its value, its limit, its verdict."""
    bars = shot.decisions.bars
    if not bars:
        return heading("Why") + empty("No bar has closed yet. The first is judged three minutes after the open.")
    bar = bars[-1]
    verdict = str(bar["verdict"])
    title = heading("Why", f"bar {escape(bar['label'][11:16])}{_age(shot, bar)}{_side(bar)}")
    told = f'<div class="big">{escape(plain(verdict))}</div>'
    if not bar["rules"]:
        return title + told + empty("No rule was judged on this bar: the entry filled in it.")
    leaving = verdict.startswith(("hold", "exit"))
    rows = [[_judged(rule, leaving=leaving), _value(rule), _limit(rule)] for rule in bar["rules"]]
    return title + told + table((("exit rule" if leaving else "rule"), "value:n", "limit:n"), rows)


def trades(shot: Snapshot) -> str:
    """The day's finished trades, the newest first, with their sum; then what became of the other signals."""
    seen = shot.decisions
    body = trade_table(seen.trades[::-1]) if seen.trades else empty("No trade has been closed today.")
    return heading("Trades", number_of(len(seen.signals), "signal") + " today") + body + _refused(seen)


def _refused(seen: Decisions) -> str:
    """The signals that were not followed, by reason; not the ones that were never looked at."""
    if not seen.refused:
        return ""
    reasons = Counter(str(line["reason"]) for line in seen.refused).most_common()
    told = ", ".join(f"{escape(plain(reason))} ({count(number)})" for reason, number in reasons)
    return f'<div class="note">{number_of(len(seen.refused), "signal")} refused: {told}</div>'


def _why_flat(told: Decisions) -> str:
    if told.ended:
        return "Flat. The session is over."
    if not told.refused:
        return "Flat. The next entry needs a signal on a bar's close."
    last = told.refused[-1]
    seen = last["value"] is not None and last["limit"] is not None
    limit = f" ({value_of(last['value'])}, limit {value_of(last['limit'])})" if seen else ""
    refused = f"{contract(last)} at {last['label'][11:16]}, was refused: {plain(last['reason'])}{limit}"
    return f"Flat. The last signal, {refused}."


def _doubt(shot: Snapshot) -> str:
    """Why the position may not be what it was: nobody is there to say so, or he who is says nothing."""
    word, silent = shot.spoken.get("trader"), shot.silent_s("trader")
    if not shot.runs("trader"):
        return f'<span class="wait">as of {clock(word.at_ns if word else None)}: the trader does not run</span>'
    return f'<span class="wait">stale: the trader is silent for {duration(silent)}</span>' if silent else ""


def _late(shot: Snapshot) -> str:
    behind = float(shot.trader.get("lag_s") or 0)
    return f' <span class="wait">stale {duration(behind)}</span>' if behind > max(_LATE_S, shot.speed) else ""


def _age(shot: Snapshot, bar: Line) -> str:
    """How long ago the bar ended, as long as that tells anything."""
    seconds = (shot.now_ns - to_ns(datetime.fromisoformat(bar["label"]))) / NS_PER_S - _BAR_S
    return f", ended {duration(seconds)} ago" if shot.in_session and seconds > 0 else ""


def _side(bar: Line) -> str:
    """For which side the entry rules were judged: the candle's direction chooses it."""
    limits = {rule["name"]: str(rule["limit"]) for rule in bar["rules"]}
    sides = {">": "CE", "<": "PE"}
    side = sides.get(limits.get("candle", "")[:1])
    return f", judged for a {side}" if side else ""


def _judged(rule: dict[str, Any], *, leaving: bool) -> str:
    """An entry rule allows or forbids; an exit rule asks for the exit or keeps quiet."""
    told = escape(rule_words(str(rule["name"])).what)
    if not leaving:
        return f"{mark(rule['ok'])} {told}"
    return f'<b style="color:{AMBER}">▸ {told}</b>' if rule["ok"] else f'<span class="quiet">·</span> {told}'


def _value(rule: dict[str, Any]) -> str:
    unit = rule_words(str(rule["name"])).unit
    told = escape(value_of(rule["value"], unit))
    return f'{told} <span class="quiet">{unit}</span>' if unit == "pt" else told


def _limit(rule: dict[str, Any]) -> str:
    words, limit = rule_words(str(rule["name"])), rule["limit"]
    binds = f"{words.limit} " if words.limit and not str(limit).startswith(("<", ">")) else ""
    return f'<span class="quiet">{escape(binds + value_of(limit))}</span>'
