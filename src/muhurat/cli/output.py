"""What a verb prints: tables for people, JSON for programs, both from the same rows."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from enum import Enum
from functools import cache
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import msgspec
    from rich.console import Console
    from rich.text import Text

_WIDTH_WITHOUT_TERMINAL: Final = 160


def print_json(document: object) -> None:
    """Print one document: indented, numbers as numbers, times in ISO 8601."""
    import msgspec

    sys.stdout.write(msgspec.json.format(_encode(document), indent=2).decode() + "\n")


def print_json_lines(rows: Iterable[object]) -> None:
    """Print each row as one line of JSON, as it comes."""
    for row in rows:
        sys.stdout.write(_encode(row).decode() + "\n")


def print_table(rows: Sequence[Mapping[str, object]], *, title: str | None = None, empty: str = "nothing") -> None:
    """Print rows as a table with the first row's keys as columns, or one word when there are none."""
    from rich import box
    from rich.table import Table

    if not rows:
        print(f"{title}: {empty}" if title else empty)
        return
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for name, value in rows[0].items():
        table.add_column(_heading(name), justify="right" if _is_number(value) else "left")
    for row in rows:
        table.add_row(*(_cell(value) for value in row.values()))
    _console().print(table)


def print_fields(fields: Mapping[str, object]) -> None:
    """Print one record, a field a line."""
    from rich.table import Table

    table = Table.grid(padding=(0, 2))
    for name, value in fields.items():
        table.add_row(_heading(name), _cell(value))
    _console().print(table)


def print_rows(rows: Sequence[Mapping[str, object]], *, as_json: bool, title: str | None = None) -> None:
    """Print rows as one JSON line each, or as a table."""
    if as_json:
        print_json_lines(rows)
    else:
        print_table(rows, title=title)


def print_record(record: Mapping[str, object], *, as_json: bool) -> None:
    """Print one record as a JSON document, or a field a line."""
    if as_json:
        print_json(record)
    else:
        print_fields(record)


def _encode(document: object) -> bytes:
    return _encoder().encode(document)


@cache
def _encoder() -> msgspec.json.Encoder:
    import msgspec

    return msgspec.json.Encoder(enc_hook=_plain, decimal_format="number")


def _plain(value: Any) -> Any:
    """What JSON has no word for: numbers and arrays of numpy, paths and the like."""
    if hasattr(value, "tolist"):
        return value.tolist()
    return str(value)


def _console() -> Console:
    from rich.console import Console

    return Console(highlight=False, width=None if sys.stdout.isatty() else _WIDTH_WITHOUT_TERMINAL)


def _heading(name: str) -> str:
    return name.replace("_", " ")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)


def _cell(value: object) -> Text:
    from rich.text import Text

    return Text(_text(value))


def _text(value: object) -> str:
    match value:
        case None:
            return "–"
        case bool():
            return "yes" if value else "no"
        case float() | Decimal():
            return f"{value:,.2f}"
        case Enum():
            return str(value.value)
        case datetime():
            return value.isoformat(sep=" ", timespec="seconds")
        case date() | time():
            return value.isoformat()
        case list() | tuple():
            return ", ".join(map(_text, value))
        case _:
            return str(value)
