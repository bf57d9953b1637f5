"""Plays input entries to an engine: the one way in, for a live session, its recovery and its replay alike."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import msgspec

from muhurat.capture.journal.format import Position, Record
from muhurat.errors import MuhuratError
from muhurat.model.bar import Bar
from muhurat.model.tick import MessageDecoder
from muhurat.trading.engine import Engine
from muhurat.trading.inputlog import Entry


class RecordSource(Protocol):
    """A journal being read from a place on; `capture.journal.reader.JournalReader` is one."""

    def read_records(self, max_records: int = ...) -> list[Record]:
        """The next records, without waiting; none when nothing more has come."""

    def wait(self, timeout_s: float) -> bool: ...

    def close(self) -> None: ...


OpenRecords = Callable[[Position | None], RecordSource]
"""Opens the journal at a record's place, or at the day's first record."""


class Player:
    """Hands entries to an engine; records are read from the journal where the caller does not have them at hand."""

    def __init__(self, engine: Engine, decode: MessageDecoder | None = None, open_records: OpenRecords | None = None):
        self.engine = engine
        self.next_place: Position | None = None
        self.last_ts_ns = 0
        self._decode = decode
        self._open = open_records
        self._source: RecordSource | None = None

    def play(self, entry: Entry, records: Sequence[Record] | None = None) -> None:
        """Handle one entry; raises `MuhuratError` for a kind that nobody knows."""
        match entry["kind"]:
            case "records":
                self._records(self._read(entry) if records is None else records)
            case "bar":
                self.engine.on_candle(msgspec.convert(entry["bar"], Bar))
            case "timer":
                self.engine.on_timer(entry["at_ns"])
            case "command":
                self.engine.on_command(entry["command"], entry["reason"], entry["at_ns"])
            case unknown:
                raise MuhuratError(f"unknown input {unknown!r} in entry {entry['seq']}")

    def source(self) -> RecordSource:
        """The journal behind everything played so far."""
        if self._source is None:
            if self._open is None:
                raise MuhuratError("this input log refers to a journal", hint="name its folder with --journal")
            self._source = self._open(self.next_place)
        return self._source

    def close(self) -> None:
        if self._source is not None:
            self._source.close()
            self._source = None

    def _records(self, records: Sequence[Record]) -> None:
        decode, engine = self._decode, self.engine
        if decode is None:
            raise MuhuratError("this session has no decoder for recorded messages")
        for record in records:
            engine.on_message(record.ts_recv_ns, decode(record.payload))
        self.last_ts_ns = records[-1].ts_recv_ns

    def _read(self, entry: Entry) -> list[Record]:
        """The records of a range, exactly."""
        first, last, count = _place(entry["from"]), _place(entry["to"]), entry["count"]
        if self._source is None:
            self.next_place = first
        records: list[Record] = []
        while len(records) < count and (more := self.source().read_records(count - len(records))):
            records += more
        if len(records) != count or records[0].position != first or records[-1].position != last:
            raise MuhuratError(
                f"the journal does not hold the {count} records {first} to {last} of entry {entry['seq']}",
                hint="bring back the raw files of that day",
            )
        return records


def records_fields(records: Sequence[Record]) -> dict[str, Any]:
    """The fields of an entry for records that follow each other in the journal."""
    return {
        "from": _plain(records[0].position),
        "to": _plain(records[-1].position),
        "count": len(records),
    }


def _plain(place: Position) -> list[str | int]:
    return [place.hour, place.ordinal]


def _place(plain: Sequence[Any]) -> Position:
    return Position(plain[0], plain[1])
