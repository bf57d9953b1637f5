"""SENSEX candles with both averages, entries and exits, as options for ECharts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from muhurat.calendars.session import Session
from muhurat.clock import NS_PER_S, ist
from muhurat.web.dashboard.theme import FONT
from muhurat.web.decisions import Decisions, Line
from muhurat.web.wording import contract, plain, rupees

_UP, _DOWN, _SHORT, _LONG, _SOLD = "#2f9e6b", "#d65454", "#4186dc", "#c98f2b", "#8b929c"
_WORDS, _GRID = "#7f8792", "rgba(128,136,148,0.18)"
_BAR_NS: Final = 3 * 60 * NS_PER_S
_NO_BAR: Final = "-"
_TOOLTIP: Final = "background:var(--raised);color:var(--text);border-color:var(--line);box-shadow:none;font-size:12px"


def chart(decisions: Decisions, session: Session | None) -> dict[str, Any]:
    """The whole day so far; the time axis is as long as the session from the start, so that it never jumps."""
    bars = {_label(bar["label"]): bar for bar in decisions.bars}
    labels = sorted({*_session_labels(session), *bars})
    shown = [bars.get(label) for label in labels]
    return {
        "animation": False,
        "textStyle": {"fontFamily": FONT, "color": _WORDS},
        "grid": {"left": 52, "right": 12, "top": 10, "bottom": 22},
        "tooltip": {
            "trigger": "axis",
            "axisPointer": {"type": "cross", "label": {"backgroundColor": "#5b626c"}},
            "extraCssText": _TOOLTIP,
            "textStyle": {"color": "inherit", "fontSize": 12},
            "padding": [4, 8],
            "confine": True,
        },
        "xAxis": {
            "type": "category",
            "data": labels,
            "axisLabel": {"color": _WORDS, "interval": 19, "hideOverlap": True},
            "axisTick": {"show": False},
            "axisLine": {"lineStyle": {"color": _GRID}},
        },
        "yAxis": {
            "scale": True,
            "axisLabel": {"color": _WORDS},
            "splitLine": {"lineStyle": {"color": _GRID}},
            "axisPointer": {"label": {"precision": 2}},
        },
        "graphic": [_word("" if bars else "No bar has closed yet.")],
        "series": [
            _candles(shown),
            _average("EMA10", _SHORT, shown, "ema10"),
            _average("EMA20", _LONG, shown, "ema20"),
            _marks("bought", [fill for fill in decisions.fills if fill["action"] == "BUY"], decisions),
            _marks("sold", [fill for fill in decisions.fills if fill["action"] != "BUY"], decisions),
        ],
    }


def _session_labels(session: Session | None) -> list[str]:
    if session is None:
        return []
    starts = (at for window in session.windows for at in range(window.open_ns, window.close_ns, _BAR_NS))
    return [f"{ist(at):%H:%M}" for at in starts]


def _candles(shown: Sequence[Line | None]) -> dict[str, Any]:
    return {
        "type": "candlestick",
        "name": "SENSEX",
        "data": [[bar["o"], bar["c"], bar["l"], bar["h"]] if bar else _NO_BAR for bar in shown],
        "itemStyle": {"color": _UP, "color0": _DOWN, "borderColor": _UP, "borderColor0": _DOWN},
    }


def _average(name: str, colour: str, shown: Iterable[Line | None], field: str) -> dict[str, Any]:
    return {
        "type": "line",
        "name": name,
        "data": [round(bar[field], 2) if bar else _NO_BAR for bar in shown],
        "symbol": "none",
        "lineStyle": {"width": 1.2, "color": colour},
        "color": colour,
        "z": 3,
    }


def _marks(name: str, fills: Iterable[Line], decisions: Decisions) -> dict[str, Any]:
    """Small triangles clear of the candles: below the bar's low where it was bought, above its high where sold."""
    bought = name == "bought"
    data = []
    for fill in fills:
        bar = bar_at(decisions.bars, str(fill["at"]))
        if bar is not None:
            data.append([_label(bar["label"]), bar["l"] if bought else bar["h"], _told(fill, decisions)])
    return {
        "type": "scatter",
        "name": name,
        "data": data,
        "encode": {"x": 0, "y": 1, "tooltip": [2]},
        "symbol": "triangle",
        "symbolSize": [9, 8],
        "symbolRotate": 0 if bought else 180,
        "symbolOffset": [0, 10] if bought else [0, -10],
        "itemStyle": {"color": _SHORT if bought else _SOLD, "opacity": 1},
        "z": 4,
    }


def _told(fill: Line, decisions: Decisions) -> str:
    """`80500 PE ₹338.15`, and of a sale why."""
    trade = next((each for each in decisions.trades if each["exit_time"] == fill["at"]), None)
    signal = next((each for each in reversed(decisions.signals) if each.get("symbol") == fill["symbol"]), fill)
    reason = f", {plain(str(trade['reason']))}" if trade and fill["action"] != "BUY" else ""
    return f"{contract(signal)} {rupees(float(fill['price']))}{reason}"


def bar_at(bars: Sequence[Line], moment: str) -> Line | None:
    """The bar in which something happened: the last one that begins at or before it."""
    return next((bar for bar in reversed(bars) if bar["label"][:19] <= moment[:19]), None)


def _label(moment: str) -> str:
    return moment[11:16]


def _word(text: str) -> dict[str, Any]:
    """A word in the middle; emptied, not left out, because ECharts merges what it is given into what it shows."""
    style = {"text": text, "fill": _WORDS, "font": f"13px {FONT}"}
    return {"id": "word", "type": "text", "left": "center", "top": "middle", "style": style}
