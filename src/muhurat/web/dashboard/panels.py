"""The page's panels as HTML, each from one snapshot; every panel says what would fill it while it is empty."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

from muhurat.web.dashboard.theme import AMBER, GREEN, GREY, RED, STATE_COLOURS, badge, dot
from muhurat.web.snapshot import Place, Snapshot
from muhurat.web.wording import NOTHING, clock, count, duration, points, quantity, rupees

_VERDICTS = {"ok": (GREEN, "all right"), "degraded": (AMBER, "look here"), "down": (RED, "down")}
_MODES = {"test": ("TEST · paper money", AMBER), "debug": ("DEBUG", GREY), "live": ("LIVE", RED)}
_TRADING = {"ACTIVE": GREEN, "REDUCING": AMBER, "HALTED": RED}


def header(place: Place, shot: Snapshot) -> str:
    """Who, in which mode, when, and whether all is right."""
    verdict, why = shot.verdict
    colour, word = _VERDICTS[verdict]
    mode, mode_colour = _MODES[place.mode]
    state = shot.decisions.state
    feeds = (
        "".join(_feed_dot(shot, name, facts) for name, facts in shot.status["feeds"].items())
        or dot(GREY) + "no feed yet"
    )
    result = shot.decisions.realised
    result_colour = GREEN if result > 0 else RED if result < 0 else "inherit"
    alerts = len(shot.status["alerts"])
    return (
        f'<span class="name">{escape(place.name)}</span>'
        f"{badge(mode, mode_colour)}{badge('trading ' + state, _TRADING.get(state, GREY))}"
        f'<span class="big">{clock(shot.now_ns)}</span><span class="quiet">IST · {escape(shot.session_line)}</span>'
        f"<span>{feeds}</span>"
        f'<span>day <b style="color:{result_colour}">{rupees(result, sign=True)}</b></span>'
        f"<span>{dot(RED if alerts else GREY)}{alerts} alert{'' if alerts == 1 else 's'}</span>"
        f'<span title="{escape(why)}">{dot(colour)}<b style="color:{colour}">{word}</b> '
        f'<span class="quiet">{escape(why)}</span></span>'
    )


def services(shot: Snapshot) -> str:
    rows = [
        [
            f"{dot(STATE_COLOURS.get(row['state'], GREY))}{escape(row['name'])}",
            row["state"],
            str(row["pid"] or NOTHING),
            str(row["since"])[11:19],
            str(row["restarts"]),
            escape(str(row["detail"])),
        ]
        for row in shot.status["services"]
    ]
    heads = ("service", "state", "pid:n", "since", "restarts:n", "detail:w")
    return _table("Services", heads, rows, "The supervisor has not spoken yet; start it with muhurat up.")


def feeds(shot: Snapshot) -> str:
    rows = []
    for name, facts in shot.status["feeds"].items():
        last = facts.get("last_data_ns")
        age = duration((shot.now_ns - last) / 1e9) if last else NOTHING
        stale = shot.stale_s(facts)
        rows.append(
            [
                f"{_feed_dot(shot, name, facts)}",
                f"{facts.get('rate', 0):,.0f}/s",
                count(facts.get("packets")),
                f'<span style="color:{AMBER}">stale {age}</span>' if stale is not None else age,
                str(facts.get("gaps", 0)),
                str(facts.get("reconnects", 0)),
            ]
        )
    heads = ("feed", "packets:n", "in all:n", "last data:n", "gaps:n", "reconnects:n")
    table = _table("Feeds", heads, rows, "Nothing is recorded yet; the recorder starts at the feed's hour.")
    lag = shot.decode
    if lag.get("receive_lag_p50_s") is None:
        return table
    words = (
        f"received {lag['receive_lag_p50_s']:.2f} s after the exchange's second (median), "
        f"{lag['receive_lag_p99_s']:.2f} s (p99) · {count(lag.get('rows'))} rows in the tick store"
    )
    return f'{table}<div class="quiet">{words}</div>'


def position(shot: Snapshot) -> str:
    """The open position, or the last word on why there is none."""
    held = shot.trader.get("position")
    if not held:
        refused = shot.decisions.refused[-1] if shot.decisions.refused else None
        last = f" Last signal refused at {refused['label'][11:16]}: {refused['reason']}." if refused else ""
        return f'<h2>Position</h2><div class="empty">Flat. The next entry needs a signal on a bar close.{last}</div>'
    pnl = held.get("open_net")
    colour = GREEN if (pnl or 0) > 0 else RED
    cells = {
        "quantity": quantity(int(held["quantity"]), int(held.get("lot") or 0)),
        "entry": f"{points(held.get('entry_price'))} at {str(held.get('entry_time'))[11:19]}",
        "mark": points(held.get("mark")),
        "premium stop": points(held.get("stop")),
        "target": points(held.get("target")),
        "bars left": str(held.get("bars_left", NOTHING)),
    }
    body = "".join(f'<tr><td class="quiet">{name}</td><td class="n">{value}</td></tr>' for name, value in cells.items())
    return (
        f'<h2>Position</h2><div class="big">{escape(held["symbol"])}</div>'
        f'<div style="color:{colour}" class="big">{rupees(pnl, sign=True)}</div><table class="rows">{body}</table>'
    )


def why(shot: Snapshot) -> str:
    """Each rule of the last bar: its value, its limit, its verdict."""
    if not shot.decisions.bars:
        return _table("Why", (), (), "No bar has closed yet. The first is judged three minutes after the open.")
    bar = shot.decisions.bars[-1]
    rows = [[_verdict(rule), _value(rule["value"]), _value(rule["limit"])] for rule in bar["rules"]]
    title = f"Why · bar {bar['label'][11:16]} · {bar['verdict']}"
    return _table(title, ("rule", "value:n", "limit:n"), rows, "No rule was judged on this bar: a position was open.")


def trades(shot: Snapshot) -> str:
    rows = []
    for trade in reversed(shot.decisions.trades):
        net = float(trade["net"])
        rows.append(
            [
                escape(trade["symbol"]) + (" modelled" if trade["modelled"] else ""),
                str(trade["quantity"]),
                f"{trade['entry_time'][11:19]}",
                points(float(trade["entry_price"])),
                f"{trade['exit_time'][11:19]}",
                points(float(trade["exit_price"])),
                escape(str(trade["reason"]).replace("_", " ")),
                rupees(float(trade["charges"])),
                f'<b style="color:{GREEN if net > 0 else RED}">{rupees(net, sign=True)}</b>',
            ]
        )
    heads = ("contract", "qty:n", "bought", "at:n", "sold", "at:n", "reason", "charges:n", "net:n")
    return _table("Trades", heads, rows, "No trade has been closed today.")


def alerts(shot: Snapshot) -> str:
    rows = [
        [
            f"{dot(RED if row['level'] == 'critical' else AMBER)}{row['at'][11:19]}",
            escape(row["what"]),
            escape(row["hint"]),
        ]
        for row in reversed(shot.status["alerts"][-8:])
    ]
    return _table("Alerts", ("at", "what:w", "what to do:w"), rows, "Nothing has gone wrong today.")


def _feed_dot(shot: Snapshot, name: str, facts: dict[str, Any]) -> str:
    connected = facts.get("connected")
    colour = AMBER if shot.stale_s(facts) is not None else GREEN if connected else GREY
    return f"{dot(colour)}{escape(name)}"


def _verdict(rule: dict[str, Any]) -> str:
    colour, mark = (GREEN, "✓") if rule["ok"] else (RED, "✗")
    return f'<span style="color:{colour}">{mark}</span> {escape(str(rule["name"]))}'


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return points(float(value)) if isinstance(value, float) else str(value)
    return NOTHING if value is None else escape(str(value))


def _table(title: str, heads: Sequence[str], rows: Sequence[Sequence[str]], empty: str) -> str:
    """A table; `:n` after a head aligns its column right, `:w` lets it wrap."""
    if not rows:
        return f'<h2>{escape(title)}</h2><div class="empty">{escape(empty)}</div>'
    kinds = ["n" if head.endswith(":n") else "wide" if head.endswith(":w") else "" for head in heads]
    names = [head.removesuffix(":n").removesuffix(":w") for head in heads]
    top = "".join(
        f'<th class="{kind if kind == "n" else ""}">{name}</th>' for kind, name in zip(kinds, names, strict=True)
    )
    body = "".join(
        "<tr>" + "".join(f'<td class="{kind}">{cell}</td>' for kind, cell in zip(kinds, row, strict=True)) + "</tr>"
        for row in rows
    )
    return (
        f'<h2>{escape(title)}</h2><div class="scroll"><table class="rows"><thead><tr>{top}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )
