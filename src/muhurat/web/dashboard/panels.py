"""The panels on the desk itself: services, feeds, alerts. Each says what would fill it while it is empty."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape
from typing import Any, Final

from muhurat.web.dashboard.header import feed_dot
from muhurat.web.markup import dot, empty, heading, table
from muhurat.web.palette import AMBER, GREY, RED, STATE_COLOURS
from muhurat.web.snapshot import Snapshot
from muhurat.web.wording import NOTHING, clock, count, duration, number_of

_GAPS: Final = 3
_SOON_FULL_H: Final = 500
_ALERTS: Final = 6


def services(shot: Snapshot) -> str:
    """Every service with its state and its own last sentence."""
    rows = [
        [
            f"{dot(STATE_COLOURS.get(row['state'], GREY))}{escape(str(row['name']))}",
            escape(str(row["state"])),
            escape(str(row["since"])[11:19]),
            count(row["restarts"]),
            str(row["pid"] or NOTHING),
            _sentence(shot, row),
        ]
        for row in shot.status["services"]
    ]
    if not rows:
        return heading("Services") + empty("The supervisor has not spoken yet. It begins with: muhurat up")
    return heading("Services") + table(("service", "state", "since:x", "restarts:n", "pid:nx", "says:w"), rows)


def feeds(shot: Snapshot) -> str:
    """What each feed brings, how late, and what it missed."""
    if not shot.status["feeds"]:
        return heading("Feeds") + empty("Nothing is recorded yet. The recorder starts at the feed's hour.")
    rows = [_feed(shot, name, facts) for name, facts in shot.status["feeds"].items()]
    heads = ("feed", "rate:n", "last data:n", "gaps:n", "reconnects:n")
    notes = [*_kept(shot), *_published(shot), *_lag(shot), *_room(shot), *_doubts(shot), *_gaps(shot)]
    told = "".join(f'<div class="note">{note}</div>' for note in notes)
    return heading("Feeds") + table(heads, rows) + told


def alerts(shot: Snapshot) -> str:
    """Today's newest alerts, the newest first."""
    rows = [
        [
            f"{dot(RED if row['level'] == 'critical' else AMBER)}{escape(row['at'][11:19])}",
            f"{escape(row['what'])} <span class='quiet'>{escape(row['hint'])}</span>",
        ]
        for row in reversed(shot.alerts[-_ALERTS:])
    ]
    title = heading("Alerts", number_of(len(shot.alerts), "alert") + " today" if rows else "")
    anchor = '<span id="alerts"></span>'
    return anchor + title + (table(("at", "what:w"), rows) if rows else empty("Nothing has gone wrong today."))


def _sentence(shot: Snapshot, row: Mapping[str, Any]) -> str:
    """The service's own words while it runs, the supervisor's when it does not."""
    name = str(row["name"])
    word = shot.spoken.get(name)
    if row["state"] != "running" or word is None:
        return f'<span class="quiet">{escape(str(row["detail"]))}</span>'
    silent = shot.silent_s(name)
    late = f'<span class="wait">silent {duration(silent)}</span> ' if silent is not None else ""
    return f'{late}<span class="quiet">{escape(word.detail)}</span>'


def _feed(shot: Snapshot, name: str, facts: Mapping[str, Any]) -> list[str]:
    age, state = shot.age_s(facts), str(facts.get("state") or "")
    told = NOTHING if age is None else duration(age)
    stale = shot.stale_s(facts) is not None
    rate = f"{facts.get('rate') or 0:,.0f}/s" if state == "connected" else f'<span class="quiet">{escape(state)}</span>'
    return [
        f"{feed_dot(shot, facts)}{escape(name)}",
        rate,
        f'<span class="wait">stale {told}</span>' if stale else told,
        _counted(facts.get("gaps")),
        _counted(facts.get("reconnects")),
    ]


def _kept(shot: Snapshot) -> Iterator[str]:
    """Packets received beside ticks kept; a decoder counts its own run, so after its restart they differ."""
    packets = sum(int(feed.get("packets") or 0) for feed in shot.status["feeds"].values())
    told = f"{count(packets)} packets received"
    if shot.decoders:
        told += f", {count(sum(int(gauges.get('rows') or 0) for gauges in shot.decoders.values()))} ticks kept"
    behind = max((float(gauges.get("lag_ms") or 0) / 1000 for gauges in shot.decoders.values()), default=0.0)
    if behind > max(1.0, shot.speed):
        told += f', <span class="wait">{duration(behind)} behind</span>'
    yield told


def _lag(shot: Snapshot) -> Iterator[str]:
    for feed, gauges in shot.decoders.items():
        p50, p99 = gauges.get("receive_lag_p50_s"), gauges.get("receive_lag_p99_s")
        if p50 is not None and p99 is not None:
            whose = f"{escape(feed)}: " if len(shot.decoders) > 1 else ""
            yield f"{whose}received {p50:.2f} s after the exchange's second, {p99:.2f} s at p99 (last minute)"


def _published(shot: Snapshot) -> Iterator[str]:
    """What went to the stream; what did not is amber, though the journal has it."""
    for feed, gauges in shot.publishers.items():
        whose = f"{escape(feed)}: " if len(shot.publishers) > 1 else ""
        told = f"{whose}{count(gauges.get('published_records') or 0)} messages published"
        if dropped := gauges.get("dropped_records"):
            told += f', <span class="wait">{count(dropped)} dropped</span>'
        if (behind := float(gauges.get("lag_s") or 0)) > max(1.0, shot.speed):
            told += f', <span class="wait">{duration(behind)} behind</span>'
        yield told


def _room(shot: Snapshot) -> Iterator[str]:
    """The disk of the journal: what is free, and for how long that will do."""
    disk = shot.status["disk"]
    free, left = disk.get("free_bytes"), disk.get("hours_left")
    if disk.get("error"):
        yield f'<span class="wait">the free space of the disk is not known: {escape(str(disk["error"]))}</span>'
    if free is None:
        return
    told = f"{free / 1e9:,.1f} GB free on the disk"
    if left is not None:
        told += f", full in {duration(3600 * left)}" if left < _SOON_FULL_H else ", enough for weeks"
    yield f'<span class="wait">{told}</span>' if disk.get("trouble") else told


def _doubts(shot: Snapshot) -> Iterator[str]:
    for gauges in shot.decoders.values():
        doubts = {
            "of unknown length": sum((gauges.get("unknown_lengths") or {}).values()),
            "of unknown instruments": gauges.get("unknown_tokens") or 0,
            "cut short": gauges.get("truncated") or 0,
        }
        told = ", ".join(f"{count(number)} {what}" for what, number in doubts.items() if number)
        if told:
            yield f'<span class="wait">packets that were not understood: {told}</span>'


def _gaps(shot: Snapshot) -> Iterator[str]:
    """The gap that is open now, then the newest of those that were closed."""
    for name, feed in shot.status["feeds"].items():
        if since := feed.get("gap_since_ns"):
            yield f'<span class="wait">{escape(name)}: nothing has come since {clock(int(since))}</span>'
        for gap in reversed(feed.get("gap_list", [])[-_GAPS:]):
            length = duration((int(gap["to_ns"]) - int(gap["from_ns"])) / 1e9)
            span = f"{clock(int(gap['from_ns']))} to {clock(int(gap['to_ns']))}"
            yield f"gap {span}, {length}: {escape(str(gap['reason']))}"


def _counted(number: int | None) -> str:
    return f'<span class="wait">{count(number)}</span>' if number else count(number)
