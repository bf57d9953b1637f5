"""SENSEX candles with both averages, entries and exits, as options for ECharts."""

from __future__ import annotations

from typing import Any, Final

from muhurat.web.dashboard.theme import GREEN, LONG_EMA, RED, SHORT_EMA
from muhurat.web.decisions import Decisions, Line

_BARS_IN_A_DAY: Final = 130


def chart(decisions: Decisions) -> dict[str, Any]:
    """The whole day so far; the time axis is as long as a day from the start, so that it never jumps."""
    bars = decisions.bars
    labels = [bar["label"][11:16] for bar in bars]
    room = [""] * max(0, _BARS_IN_A_DAY - len(bars))
    return {
        "animation": False,
        "textStyle": {"fontFamily": "inherit"},
        "grid": {"left": 62, "right": 14, "top": 28, "bottom": 24},
        "legend": {
            "top": 0,
            "left": 62,
            "itemWidth": 16,
            "textStyle": {"color": "#8b929c"},
            "data": ["EMA10", "EMA20"],
        },
        "tooltip": {"trigger": "axis", "axisPointer": {"type": "cross"}},
        "xAxis": {
            "type": "category",
            "data": labels + room,
            "axisLabel": {"interval": 19, "color": "#8b929c"},
            "axisTick": {"show": False},
        },
        "yAxis": {
            "scale": True,
            "axisLabel": {"color": "#8b929c"},
            "splitLine": {"lineStyle": {"color": "#8b929c", "opacity": 0.18}},
        },
        "series": [
            {
                "type": "candlestick",
                "name": "SENSEX",
                "data": [[bar["o"], bar["c"], bar["l"], bar["h"]] for bar in bars],
                "itemStyle": {"color": GREEN, "color0": RED, "borderColor": GREEN, "borderColor0": RED},
                "markPoint": {"symbolSize": 34, "data": _marks(decisions)},
            },
            _average("EMA10", SHORT_EMA, [bar["ema10"] for bar in bars]),
            _average("EMA20", LONG_EMA, [bar["ema20"] for bar in bars]),
        ],
    }


def _average(name: str, colour: str, values: list[float]) -> dict[str, Any]:
    line = {"width": 1.3, "color": colour}
    shown = [round(value, 2) for value in values]
    return {"type": "line", "name": name, "data": shown, "symbol": "none", "lineStyle": line, "color": colour}


def _marks(decisions: Decisions) -> list[dict[str, Any]]:
    marks = []
    for fill in decisions.fills:
        bar = _bar_at(decisions.bars, str(fill["at"]))
        if bar is None:
            continue
        bought = fill["action"] == "BUY"
        side = str(fill["symbol"])[-2:]
        marks.append(
            {
                "coord": [bar["label"][11:16], bar["l"] if bought else bar["h"]],
                "value": side if bought else "exit",
                "symbolRotate": 180 if bought else 0,
                "itemStyle": {"color": SHORT_EMA if bought else "#6b7280"},
                "label": {"fontSize": 9, "offset": [0, 6] if bought else [0, 0], "color": "#ffffff"},
            }
        )
    return marks


def _bar_at(bars: list[Line], moment: str) -> Line | None:
    """The bar in which a fill happened: the last one that starts at or before it."""
    found = None
    for bar in reversed(bars):
        if bar["label"][:19] <= moment[:19]:
            found = bar
            break
    return found
