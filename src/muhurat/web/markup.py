"""Small pieces of HTML that the page and the report are made of. Texts are escaped by who puts them in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any, Final

from muhurat.web.palette import BLUE, GREEN, GREY, LONG_EMA, RED, SHORT_EMA

PARTS_CSS: Final = """
.scroll { overflow-x:auto; }
table.rows { width:100%; border-collapse:collapse; }
table.rows th { text-align:left; font-weight:400; color:var(--quiet); white-space:nowrap; vertical-align:bottom; }
table.rows td { border-top:1px solid var(--line); white-space:nowrap; }
table.rows th, table.rows td { padding:0 9px; height:28px; }
table.rows th { height:24px; }
table.rows th:first-child, table.rows td:first-child { padding-left:0; }
table.rows th:last-child, table.rows td:last-child { padding-right:0; }
table.rows .n { text-align:right; }
table.rows .n + :not(.n) { padding-left:24px; }
table.rows td.w { white-space:normal; width:99%; line-height:1.3; padding-top:4px; padding-bottom:4px; }
table.rows tr.foot td { font-weight:600; }
.quiet { color:var(--quiet); } .good { color:var(--good); } .bad { color:var(--bad); } .wait { color:var(--wait); }
.p { display:none; }
.key { display:inline-flex; align-items:center; gap:5px; margin-left:12px; }
.key svg { width:12px; height:10px; overflow:visible; }
@media (max-width:700px) {
  .x { display:none; } .p { display:block; line-height:1.1; padding-bottom:5px; }
  table.rows { font-size:12px; } table.rows th, table.rows td { padding:0 5px; }
  table.rows .n + :not(.n) { padding-left:10px; }
}
"""

BOUGHT, SOLD = "0,-4 5,4 -5,4", "0,4 5,-4 -5,-4"
"""The points of the triangles that mean an option bought and one sold, wherever they are drawn."""


def heading(title: str, aside: str = "") -> str:
    """A panel's title; `aside` is HTML for the other end of its line."""
    right = f'<span class="aside">{aside}</span>' if aside else ""
    return f'<div class="cap"><h2>{escape(title)}</h2>{right}</div>'


def table(heads: Sequence[str], rows: Sequence[Sequence[str]], foot: Sequence[str] = ()) -> str:
    """A table of HTML cells. Letters after a colon in a head say of its column: `n` numbers, aligned right, `w` may
    wrap and takes the room that is left, `x` only where there is room. Heads without names are not shown. `foot` is a
    last row in bold."""
    names, kinds = [], []
    for head in heads:
        name, _, letters = head.partition(":")
        names.append(escape(name))
        kinds.append(" ".join(letters))
    top = "".join(f'<th class="{kind}">{name}</th>' for name, kind in zip(names, kinds, strict=True))
    top = f"<tr>{top}</tr>" if any(names) else ""
    body = "".join(_row(row, kinds) for row in rows)
    last = _row(foot, kinds, ' class="foot"') if foot else ""
    return f'<div class="scroll"><table class="rows">{top}{body}{last}</table></div>'


def empty(text: str) -> str:
    """What a panel says instead of a table: why there is nothing, and what would fill it."""
    return f'<div class="empty">{escape(text)}</div>'


def time_of_day(moment: str) -> str:
    """The time of an ISO instant, its seconds only where there is room."""
    return f'{escape(moment[11:16])}<span class="x">{escape(moment[16:19])}</span>'


def coloured(html: str, amount: float) -> str:
    """An amount in bold, green above zero and red below; its sign is in the text already."""
    kind = "good" if amount > 0 else "bad" if amount < 0 else ""
    return f'<b class="{kind}">{html}</b>'


def key(shape: str, word: str) -> str:
    """An entry of a legend: a shape drawn around the middle of a 12 by 10 box, and its word."""
    drawn = f'<svg viewBox="-6 -5 12 10" aria-hidden="true">{shape}</svg>'
    return f'<span class="key">{drawn}{word}</span>'


def index_keys() -> str:
    """The legend of the index's candles."""
    line = '<line x1="-6" x2="6" y1="0" y2="0" stroke-width="2" stroke="{}"/>'
    triangle = '<polygon points="{}" fill="{}"/>'
    return (
        key(line.format(SHORT_EMA), "EMA10")
        + key(line.format(LONG_EMA), "EMA20")
        + key(triangle.format(BOUGHT, BLUE), "bought")
        + key(triangle.format(SOLD, GREY), "sold")
    )


def dot(colour: str) -> str:
    return f'<span class="dot" style="background:{colour}"></span>'


def mark(ok: bool) -> str:
    """A tick or a cross."""
    return f'<span style="color:{GREEN}">✓</span>' if ok else f'<span style="color:{RED}">✗</span>'


def modelled(line: Mapping[str, Any]) -> str:
    """The mark of a price that no market made."""
    return ' <span class="wait">modelled</span>' if line.get("modelled") else ""


def _row(cells: Sequence[str], kinds: Sequence[str], attribute: str = "") -> str:
    inner = "".join(f'<td class="{kind}">{cell}</td>' for cell, kind in zip(cells, kinds, strict=True))
    return f"<tr{attribute}>{inner}</tr>"
