"""The day's candles, averages, entries and exits as one SVG for the report."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape
from typing import Any, Final

_WIDTH, _HEIGHT, _LEFT, _BOTTOM, _TOP = 1020, 340, 58, 22, 12
_UP, _DOWN, _SHORT, _LONG = "#2f9e63", "#d64545", "#3d7fd9", "#c98a1b"
_STEPS: Final = (1, 2, 5, 10, 20, 25, 50, 100, 200, 250, 500, 1000)

Line = dict[str, Any]


def day_chart(bars: Sequence[Line], fills: Sequence[Line]) -> str:
    """Candles with EMA10 (blue) and EMA20 (amber); a triangle up where an option was bought, down where it was sold."""
    if not bars:
        return '<div class="quiet">No bar was closed.</div>'
    low, high = min(bar["l"] for bar in bars), max(bar["h"] for bar in bars)
    step_x = (_WIDTH - _LEFT - 10) / len(bars)

    def x(index: float) -> float:
        return round(_LEFT + (index + 0.5) * step_x, 1)

    def y(price: float) -> float:
        share = (price - low) / ((high - low) or 1)
        return round(_HEIGHT - _BOTTOM - share * (_HEIGHT - _BOTTOM - _TOP), 1)

    parts = [*_scales(bars, low, high, x, y)]
    for index, bar in enumerate(bars):
        parts.append(_candle(bar, x(index), max(step_x * 0.62, 1.0), y))
    for name, colour in (("ema10", _SHORT), ("ema20", _LONG)):
        path = " ".join(f"{x(index)},{y(_within(bar[name], low, high))}" for index, bar in enumerate(bars))
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.4"/>')
    parts += [_mark(fill, bars, x, y) for fill in fills]
    drawing = f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="candles of the day">{"".join(parts)}</svg>'
    told = "blue: EMA10, amber: EMA20, triangle up: bought, triangle down: sold"
    return f'{drawing}<div class="quiet">{told}</div>'


def _scales(
    bars: Sequence[Line], low: float, high: float, x: Callable[[float], float], y: Callable[[float], float]
) -> list[str]:
    parts = []
    step = next((step for step in _STEPS if (high - low) / step <= 6), 2000)
    level = (int(low) // step + 1) * step
    while level < high:
        line = f'<line x1="{_LEFT}" x2="{_WIDTH}" y1="{y(level)}" y2="{y(level)}" stroke="var(--line)"/>'
        parts.append(f'{line}<text x="{_LEFT - 6}" y="{y(level) + 4}" text-anchor="end">{level:,}</text>')
        level += step
    for index, bar in enumerate(bars):
        if bar["label"][14:16] == "00":
            parts.append(f'<text x="{x(index)}" y="{_HEIGHT - 6}" text-anchor="middle">{bar["label"][11:16]}</text>')
    return parts


def _candle(bar: Line, at: float, width: float, y: Callable[[float], float]) -> str:
    colour = _UP if bar["c"] >= bar["o"] else _DOWN
    top, bottom = y(max(bar["o"], bar["c"])), y(min(bar["o"], bar["c"]))
    told = (
        f"{bar['label'][11:16]}  open {bar['o']:,.2f}  high {bar['h']:,.2f}  low {bar['l']:,.2f}  close {bar['c']:,.2f}"
    )
    wick = f'<line x1="{at}" x2="{at}" y1="{y(bar["h"])}" y2="{y(bar["l"])}" stroke="{colour}"/>'
    body = f'<rect x="{at - width / 2:.1f}" y="{top}" width="{width:.1f}" height="{max(bottom - top, 0.8):.1f}"'
    return f'{wick}{body} fill="{colour}"><title>{told}</title></rect>'


def _mark(fill: Line, bars: Sequence[Line], x: Callable[[float], float], y: Callable[[float], float]) -> str:
    index = max((i for i, bar in enumerate(bars) if bar["label"][:19] <= fill["at"][:19]), default=0)
    bought = fill["action"] == "BUY"
    at_y = y(bars[index]["l"]) + 10 if bought else y(bars[index]["h"]) - 10
    shape = "0,-6 6,5 -6,5" if bought else "0,6 6,-5 -6,-5"
    price = float(fill["price"])
    told = escape(f"{'bought' if bought else 'sold'} {fill['symbol']} at {price:,.2f}, {fill['at'][11:19]}")
    place = f'transform="translate({x(index)},{at_y:.1f})"'
    return f'<polygon points="{shape}" {place} fill="{_SHORT if bought else "#6b7280"}"><title>{told}</title></polygon>'


def _within(value: float, low: float, high: float) -> float:
    return min(max(value, low), high)
