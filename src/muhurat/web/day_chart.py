"""The day's candles, averages, entries and exits as one SVG for the report."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

from muhurat.web.decisions import Line
from muhurat.web.markup import BOUGHT, SOLD
from muhurat.web.palette import BLUE, GREEN, GREY, LONG_EMA, RED, SHORT_EMA
from muhurat.web.wording import points, rupees

_WIDTH, _HEIGHT, _LEFT, _BOTTOM, _TOP = 1020, 330, 52, 20, 14
_STEPS: Final = (1, 2, 5, 10, 20, 25, 50, 100, 200, 250, 500, 1000, 2000)
_MOST_LEVELS: Final = 6


@dataclass(frozen=True, slots=True)
class _Scale:
    """Where bars and prices lie on the picture."""

    bars: int
    low: float
    high: float

    @property
    def step(self) -> float:
        return (_WIDTH - _LEFT - 6) / self.bars

    def x(self, index: int) -> float:
        return round(_LEFT + (index + 0.5) * self.step, 1)

    def y(self, price: float) -> float:
        share = (price - self.low) / ((self.high - self.low) or 1.0)
        return round(_HEIGHT - _BOTTOM - share * (_HEIGHT - _BOTTOM - 2 * _TOP) - _TOP / 2, 1)


def day_chart(bars: Sequence[Line], fills: Sequence[Line]) -> str:
    """Candles with EMA10 and EMA20; a triangle up where an option was bought, down where one was sold."""
    if not bars:
        return '<div class="quiet">No bar was closed.</div>'
    scale = _Scale(len(bars), float(min(bar["l"] for bar in bars)), float(max(bar["h"] for bar in bars)))
    parts = [*_levels(scale), *_hours(bars, scale)]
    parts += [_candle(bar, index, scale) for index, bar in enumerate(bars)]
    parts += [_average(bars, "ema10", SHORT_EMA, scale), _average(bars, "ema20", LONG_EMA, scale)]
    parts += [_mark(fill, bars, scale) for fill in fills]
    inner = "".join(parts)
    return f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="candles of the day">{inner}</svg>'


def _levels(scale: _Scale) -> Iterator[str]:
    fitting = (step for step in _STEPS if (scale.high - scale.low) / step <= _MOST_LEVELS)
    step = next(fitting, _STEPS[-1])
    level = (int(scale.low) // step + 1) * step
    while level < scale.high:
        at = scale.y(level)
        yield f'<line x1="{_LEFT}" x2="{_WIDTH}" y1="{at}" y2="{at}" stroke="var(--line)"/>'
        yield f'<text x="{_LEFT - 6}" y="{at + 4}" text-anchor="end">{points(level).partition(".")[0]}</text>'
        level += step


def _hours(bars: Sequence[Line], scale: _Scale) -> Iterator[str]:
    for index, bar in enumerate(bars):
        if bar["label"][14:16] == "00":
            told = escape(bar["label"][11:16])
            yield f'<text x="{scale.x(index)}" y="{_HEIGHT - 4}" text-anchor="middle">{told}</text>'


def _candle(bar: Line, index: int, scale: _Scale) -> str:
    colour = GREEN if bar["c"] >= bar["o"] else RED
    x, width = scale.x(index), max(scale.step * 0.6, 1.0)
    top, bottom = scale.y(max(bar["o"], bar["c"])), scale.y(min(bar["o"], bar["c"]))
    prices = (("open", "o"), ("high", "h"), ("low", "l"), ("close", "c"))
    told = escape(f"{bar['label'][11:16]}  " + "  ".join(f"{name} {points(bar[key])}" for name, key in prices))
    wick = f'<line x1="{x}" x2="{x}" y1="{scale.y(bar["h"])}" y2="{scale.y(bar["l"])}" stroke="{colour}"/>'
    body = f'x="{x - width / 2:.1f}" y="{top}" width="{width:.1f}" height="{max(bottom - top, 0.8):.1f}"'
    return f'{wick}<rect {body} fill="{colour}"><title>{told}</title></rect>'


def _average(bars: Sequence[Line], name: str, colour: str, scale: _Scale) -> str:
    """An average is far away until it has warmed up; it is kept inside the picture."""
    held = ((index, min(max(bar[name], scale.low), scale.high)) for index, bar in enumerate(bars))
    path = " ".join(f"{scale.x(index)},{scale.y(value)}" for index, value in held)
    return f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.3"/>'


def _mark(fill: Line, bars: Sequence[Line], scale: _Scale) -> str:
    index = max((i for i, bar in enumerate(bars) if bar["label"][:19] <= fill["at"][:19]), default=0)
    bought = fill["action"] == "BUY"
    y = scale.y(bars[index]["l"]) + 9 if bought else scale.y(bars[index]["h"]) - 9
    did = "bought" if bought else "sold"
    told = escape(f"{did} {fill['symbol']} at {rupees(float(fill['price']))}, {fill['at'][11:19]}")
    place = f'transform="translate({scale.x(index)},{y:.1f})"'
    shape = BOUGHT if bought else SOLD
    return f'<polygon points="{shape}" {place} fill="{BLUE if bought else GREY}"><title>{told}</title></polygon>'
