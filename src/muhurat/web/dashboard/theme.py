"""How the page looks: quiet surfaces, hairlines, three sizes of type, colour only for meaning."""

from __future__ import annotations

from typing import Final

from muhurat.web.markup import PARTS_CSS
from muhurat.web.palette import DARK, LIGHT

FONT: Final = 'Inter,"Segoe UI",Roboto,"Noto Sans","DejaVu Sans",sans-serif'

CSS: Final = (
    f":root {{ {LIGHT} }} body.body--dark {{ {DARK} }}"
    """
body, body.body--dark { background:var(--surface); color:var(--text); font-family:"""
    + FONT
    + """;
  font-size:13px; line-height:1.4; font-variant-numeric:tabular-nums; margin:0; }
body { --q-primary:var(--run) !important; --q-negative:var(--bad) !important; }
.q-field--outlined .q-field__control { border-radius:4px; }
.q-field--dense .q-field__control, .q-field--dense .q-field__marginal { height:32px; font-size:13px; }
.q-field--dense.q-field--labeled .q-field__control { height:40px; }
.q-field--outlined .q-field__control:before { border-color:var(--line); }
.q-field__native, .q-field__label { font-size:13px; color:var(--text); } .q-field__label { color:var(--quiet); }
.q-field__native::placeholder { color:var(--quiet); opacity:1; }
.q-tooltip { background:var(--text); color:var(--surface); font-size:11px; }
.nicegui-content { padding:0; gap:0; width:100%; }
.head { position:sticky; top:0; z-index:10; width:100%; background:var(--raised);
  border-bottom:1px solid var(--line); }
.facts { display:flex; flex-wrap:wrap; align-items:baseline; gap:4px 22px; padding:7px 16px; white-space:nowrap; }
.facts .push { margin-left:auto; }
.name, .big { font-size:17px; font-weight:600; }
.badge { padding:1px 8px; border:1px solid currentColor; border-radius:9px; font-weight:600; font-size:11px; }
.notice { padding:6px 16px; border-top:1px solid var(--line); border-left:3px solid var(--wait); }
.notice.down { border-left-color:var(--bad); }
.notice + .notice { padding-top:0; border-top:0; }
.facts a { text-decoration:none; }
.grid { display:grid; grid-template-columns:repeat(12,minmax(0,1fr)); gap:10px; width:100%; padding:10px 16px 24px; }
.panel { background:var(--raised); border:1px solid var(--line); border-radius:5px; padding:8px 12px 10px;
  min-width:0; overflow:hidden; }
.stack { display:grid; gap:10px; grid-template-rows:auto 1fr; min-width:0; }
.cap { display:flex; flex-wrap:wrap; justify-content:space-between; align-items:baseline; gap:0 20px;
  margin-bottom:4px; }
.cap h2 { margin:0; font-size:13px; line-height:20px; font-weight:600; }
.aside { color:var(--quiet); font-size:11px; }
.w12 { grid-column:span 12; } .w8 { grid-column:span 8; } .w4 { grid-column:span 4; }
@media (max-width:1100px) { .w4, .w8 { grid-column:span 12; } }
.dot { display:inline-block; width:8px; height:8px; border-radius:50%; margin-right:6px; }
.empty { color:var(--quiet); padding:8px 0 6px; }
.any { overflow-wrap:anywhere; }
.note { color:var(--quiet); padding-top:6px; }
.chart { display:flex; flex-direction:column; } .under { margin:-2px 0 2px; } .candles { width:100%; flex:1 0 340px; }
.lanes { display:grid; grid-template-columns:72px minmax(0,1fr); }
.lanes svg { display:block; width:100%; overflow:visible; }
.lanes .names { color:var(--quiet); padding-top:18px; }
.lanes .names div { height:20px; line-height:20px; overflow:hidden; text-overflow:ellipsis; white-space:nowrap; }
svg text { font-family:inherit; font-size:11px; fill:var(--quiet); }
"""
    + PARTS_CSS
    + """
@media (max-width:700px) {
  .facts { padding:6px 12px; gap:2px 14px; } .facts .push { margin-left:0; }
  .notice { padding:0 12px; margin:5px 0; overflow:hidden;
    display:-webkit-box; -webkit-box-orient:vertical; -webkit-line-clamp:2; }
  .grid { padding:8px; gap:8px; } .candles { flex-basis:250px; }
  .lanes { grid-template-columns:58px minmax(0,1fr); } .lanes .odd { display:none; }
}
"""
)


def badge(text: str, colour: str) -> str:
    return f'<span class="badge" style="color:{colour}">{text}</span>'
