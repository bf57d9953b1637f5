"""Writing an overlay as a calendar file, so that what was imported can be read and edited by hand."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from datetime import date
from pathlib import Path

from muhurat.calendars.layer import HOLIDAY, Entry, Layer, Named, Span
from muhurat.calendars.session import SessionKind

_HEAD = """\
# A desk's own calendar lines, laid over the package's. Written by `muhurat calendar import`, which keeps the lines and
# loses comments; edit by hand as you like: docs/calendars.md.
"""
_LISTS = {HOLIDAY: "holidays", SessionKind.REGULAR.value: "regular"}

Line = tuple[date, Entry, tuple[str, ...]]


def write_overlay(layer: Layer, path: Path) -> None:
    """Put a layer's text in the place of `path` at once, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(path.name + ".new")
    fresh.write_text(overlay_text(layer), encoding="utf-8")
    fresh.replace(path)


def overlay_text(layer: Layer) -> str:
    """The TOML text of an overlay, its lines in the order of their days."""
    lines = list(_lines(layer))
    parts = [_HEAD, f"mic = {_text(layer.mic)}\n"]
    if layer.covers is not None:
        parts.append(f"covers = {{ from = {layer.covers[0]}, to = {layer.covers[1]} }}\n")
    for kind, table in _LISTS.items():
        rows = [f"  {{ {', '.join(_fields(line, layer))} }},\n" for line in lines if line[1].kind == kind]
        if rows:
            parts.append(f"\n{table} = [\n{''.join(rows)}]\n")
    for segment, hours in layer.hours.items():
        for row in hours:
            fields = [f"segment = {_text(segment)}", f"since = {row.since}", _trading(row.trading)]
            parts.append(_table("hours", [*fields, *_named(row.named), f"source = {_text(row.source)}"]))
    parts.extend(
        _table("special", [f"kind = {_text(line[1].kind)}", *_fields(line, layer)])
        for line in lines
        if line[1].kind not in _LISTS
    )
    return "".join(parts)


def _lines(layer: Layer) -> Iterator[Line]:
    """One line per day and entry, with the segments that share it."""
    shared: dict[tuple[date, Entry], list[str]] = {}
    for (segment, day), entry in sorted(layer.days.items(), key=lambda item: (item[0][1], item[0][0])):
        shared.setdefault((day, entry), []).append(segment)
    for (day, entry), segments in shared.items():
        yield day, entry, tuple(segments)


def _fields(line: Line, layer: Layer) -> list[str]:
    day, entry, segments = line
    fields = [f"day = {day}", f"name = {_text(entry.name)}"]
    if entry.trading is not None:
        fields.append(_trading(entry.trading))
    fields += _named(entry.named)
    if set(segments) != set(layer.segments):
        fields.append(f"segments = [{', '.join(map(_text, segments))}]")
    if entry.replaces:
        fields.append("replaces = true")
    return [*fields, f"source = {_text(entry.source)}"]


def _table(name: str, fields: Iterable[str]) -> str:
    return f"\n[[{name}]]\n" + "".join(f"{field}\n" for field in fields)


def _trading(spans: Iterable[Span]) -> str:
    return f"trading = [{', '.join(map(_span, spans))}]"


def _named(named: Named) -> list[str]:
    pairs = ", ".join(f"{name} = {_span(span)}" for name, span in named)
    return [f"named = {{ {pairs} }}"] if named else []


def _span(span: Span) -> str:
    return f"[{_text(span[0].isoformat())}, {_text(span[1].isoformat())}]"


def _text(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)
