"""How the page looks: one set of tokens for dark and light, colour only for meaning."""

from __future__ import annotations

from typing import Final

GREEN, RED, AMBER, BLUE, VIOLET, GREY = "#2f9e63", "#d64545", "#c98a1b", "#3d7fd9", "#8a63d2", "#8b929c"
SHORT_EMA, LONG_EMA = "#3d7fd9", "#c98a1b"

STATE_COLOURS: Final = {
    "running": GREEN,
    "starting": BLUE,
    "stopping": AMBER,
    "backoff": AMBER,
    "waiting": GREY,
    "finished": BLUE,
    "stopped": GREY,
    "fatal": RED,
    "gone": RED,
    "unsupervised": AMBER,
}

CSS: Final = """
:root { --surface:#f7f7f5; --raised:#ffffff; --line:#dedfdc; --text:#1d2126; --quiet:#6b7280; }
body.body--dark { --surface:#14171b; --raised:#1b1f24; --line:#2b3138; --text:#e6e8ea; --quiet:#939ba5; }
body { background:var(--surface); color:var(--text); font-family:Inter,"Segoe UI",Roboto,"DejaVu Sans",sans-serif;
  font-size:13px; font-variant-numeric:tabular-nums; margin:0; }
.nicegui-content { padding:0; gap:0; width:100%; }
.head { position:sticky; top:0; z-index:10; display:flex; flex-wrap:wrap; align-items:center; gap:6px 18px; width:100%;
  padding:7px 16px; background:var(--raised); border-bottom:1px solid var(--line); }
.head .name { font-size:16px; font-weight:600; }
.badge { padding:1px 8px; border:1px solid currentColor; border-radius:9px; font-size:12px; font-weight:600; }
.grid { display:grid; grid-template-columns:repeat(12,minmax(0,1fr)); gap:12px; width:100%; padding:12px 16px; }
.panel { background:var(--raised); border:1px solid var(--line); border-radius:6px; padding:10px 12px;
  overflow:hidden; }
.panel h2 { margin:0 0 6px; font-size:12px; line-height:16px; font-weight:600; letter-spacing:.02em;
  color:var(--quiet); }
.w12 { grid-column:span 12; } .w8 { grid-column:span 8; } .w7 { grid-column:span 7; }
.w6 { grid-column:span 6; } .w5 { grid-column:span 5; } .w4 { grid-column:span 4; }
@media (max-width:1000px) { .w4,.w5,.w6,.w7,.w8 { grid-column:span 12; } }
table.rows { width:100%; border-collapse:collapse; }
table.rows th { text-align:left; font-weight:500; color:var(--quiet); padding:0 8px 4px 0; white-space:nowrap; }
table.rows td { padding:0 8px 0 0; height:28px; border-top:1px solid var(--line); white-space:nowrap; }
table.rows td.wide { white-space:normal; width:99%; color:var(--quiet); }
table.rows .n { text-align:right; }
.scroll { overflow-x:auto; }
.quiet { color:var(--quiet); } .big { font-size:18px; font-weight:600; }
.dot { display:inline-block; width:9px; height:9px; border-radius:50%; margin-right:6px; }
.empty { color:var(--quiet); padding:14px 0; }
svg text { font-family:inherit; font-size:11px; fill:var(--quiet); }
"""


def dot(colour: str) -> str:
    return f'<span class="dot" style="background:{colour}"></span>'


def badge(text: str, colour: str) -> str:
    return f'<span class="badge" style="color:{colour}">{text}</span>'
