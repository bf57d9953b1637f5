"""What waits in memory while the disk refuses: bounded in bytes, the oldest given up first, every loss counted."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from muhurat.capture.journal.format import AFTER_GAP
from muhurat.capture.journal.writer import Message
from muhurat.clock import NS_PER_S, ist

_OVERHEAD_BYTES: Final = 200


class Note(NamedTuple):
    """An entry for the `.ctl` file, waiting among the messages where it happened."""

    entry: dict[str, Any]
    ts_recv_ns: int


Item = Message | Note


def gap_entry(from_ns: int, to_ns: int, reason: str, **more: Any) -> dict[str, Any]:
    """The `.ctl` entry of a span in which records were, or may have been, lost."""
    return {
        "event": "gap",
        "from": ist(from_ns).isoformat(timespec="milliseconds"),
        "to": ist(to_ns).isoformat(timespec="milliseconds"),
        "from_ns": from_ns,
        "to_ns": to_ns,
        "seconds": round((to_ns - from_ns) / NS_PER_S, 3),
        "reason": reason,
        **more,
    }


class Backlog:
    """Items in order of arrival. `dropped_records` counts what had to be given up, ever."""

    def __init__(self, most_bytes: int) -> None:
        self.bytes = self.records = self.dropped_records = 0
        self._most_bytes = most_bytes
        self._items: deque[Item] = deque()
        self._lost: tuple[int, int, int] | None = None  # first instant, records, bytes not yet told of

    def __len__(self) -> int:
        return len(self._items)

    def add(self, items: Sequence[Item]) -> None:
        """Append; gives up the oldest beyond the bound."""
        for item in items:
            self._items.append(item)
            self._account(item, 1)
        while self.bytes > self._most_bytes and self._items:
            self._drop(self._items.popleft())

    def first(self, most_bytes: int) -> list[Item]:
        """The oldest items, about so many bytes of them, which stay; what was lost before them stands in front."""
        self._tell_loss()
        taken: list[Item] = []
        size = 0
        for item in self._items:
            size += _size(item)
            if taken and size > most_bytes:
                break
            taken.append(item)
        return taken

    def done(self, count: int) -> None:
        """The oldest `count` items are safe."""
        for _ in range(count):
            self._account(self._items.popleft(), -1)

    def _account(self, item: Item, sign: int) -> None:
        self.bytes += sign * _size(item)
        self.records += sign * (not isinstance(item, Note))

    def _drop(self, item: Item) -> None:
        self._account(item, -1)
        if isinstance(item, Note):
            if item.entry.get("event") == "gap":  # what it tells of is to be told by the gap that takes its place
                from_ns = int(item.entry["from_ns"])
                first_ns, records, size = self._lost or (from_ns, 0, 0)
                self._lost = (min(first_ns, from_ns), records, size)
            return
        payload, ts_ns, _ = item
        first_ns, records, size = self._lost or (ts_ns, 0, 0)
        self._lost = (first_ns, records + 1, size + len(payload))
        self.dropped_records += 1

    def _tell_loss(self) -> None:
        """Put the gap before what is left, and its mark on the first message behind it."""
        if self._lost is None:
            return
        (first_ns, records, size), self._lost = self._lost, None
        until_ns = first_ns
        for place, item in enumerate(self._items):
            if not isinstance(item, Note):
                payload, until_ns, flags = item
                self._items[place] = (payload, until_ns, flags | AFTER_GAP)
                break
        note = Note(gap_entry(first_ns, until_ns, "the disk refused", records=records, bytes=size), until_ns)
        self._items.appendleft(note)
        self._account(note, 1)


def _size(item: Item) -> int:
    return _OVERHEAD_BYTES + (0 if isinstance(item, Note) else len(item[0]))
