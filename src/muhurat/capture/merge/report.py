"""What a merge found: how much both sides have, and what each of them missed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from muhurat.capture.merge.source import Source
from muhurat.capture.merge.table import HEARTBEATS, Ints, Table, is_whole
from muhurat.clock import NS_PER_S, ist


class Missed:
    """Packets that one side did not receive though the other did."""

    def __init__(self, window_ns: int) -> None:
        self.packets = 0
        self.messages = 0
        self.by_instrument: Counter[int] = Counter()
        self.spans: list[tuple[int, int, int]] = []
        self._window_ns = window_ns

    def add(self, other: Table, packets: Ints) -> None:
        """Take account of packets of the other side; `messages` are those among them that are no packets inside."""
        packets = packets[other.stream[packets] != HEARTBEATS]
        whole = is_whole(other.stream[packets])
        self.packets += len(packets)
        self.messages += int(whole.sum())
        tokens, counts = np.unique(other.stream[packets][~whole], return_counts=True)
        self.by_instrument.update(dict(zip(tokens.tolist(), counts.tolist(), strict=True)))
        self._add_times(np.sort(other.packet_ts[packets]))

    def _add_times(self, ts: Ints) -> None:
        """Packets not farther apart than the window make one span."""
        for run in np.split(ts, np.flatnonzero(np.diff(ts) > self._window_ns) + 1):
            if not len(run):
                continue
            begin, end, count = int(run[0]), int(run[-1]), len(run)
            if self.spans and abs(begin - self.spans[-1][1]) <= self._window_ns:
                before = self.spans.pop()
                begin, end, count = min(begin, before[0]), max(end, before[1]), count + before[2]
            self.spans.append((begin, end, count))

    def told(self, names: Mapping[int, str]) -> dict[str, Any]:
        """For people and programs; instruments by name where there is one, else by number, most missed first."""
        spans = [{"from": _iso(begin), "to": _iso(end), "packets": count} for begin, end, count in self.spans]
        instruments = {names.get(token, str(token)): count for token, count in self.by_instrument.most_common()}
        return {"packets": self.packets, "instruments": instruments, "spans": spans}


@dataclass
class Report:
    """The figures of a merge, growing with it. Heartbeats are counted apart from packets."""

    a: Source
    b: Source
    window_ns: int
    both: int = 0
    whole_messages: int = 0
    heartbeats: int = 0
    records: int = 0
    bytes: int = 0
    out: list[Path] = field(default_factory=list)
    missed_by_a: Missed = field(init=False)
    missed_by_b: Missed = field(init=False)
    _later_ns: int = 0

    def __post_init__(self) -> None:
        self.missed_by_a = Missed(self.window_ns)
        self.missed_by_b = Missed(self.window_ns)

    @property
    def packets(self) -> int:
        return self.both + self.missed_by_a.packets + self.missed_by_b.packets

    def add(self, a: Table, b: Table, pairs: tuple[Ints, Ints], only: tuple[Ints, Ints]) -> None:
        """Take account of pairs (packets of `a`, packets of `b`) and of what only either has."""
        only_a, only_b = only
        self.heartbeats += _beats(a, pairs[0]) + _beats(a, only_a) + _beats(b, only_b)
        data = a.stream[pairs[0]] != HEARTBEATS
        mine, theirs = pairs[0][data], pairs[1][data]
        self.both += len(mine)
        self.whole_messages += int(is_whole(a.stream[mine]).sum())
        self._later_ns += int((b.packet_ts[theirs] - a.packet_ts[mine]).sum())
        self.missed_by_b.add(a, only_a)
        self.missed_by_a.add(b, only_b)

    def told(self, names: Mapping[int, str]) -> dict[str, Any]:
        """The document that `--json` prints."""
        whole = self.whole_messages + self.missed_by_a.messages + self.missed_by_b.messages
        return {
            "packets": self.packets,
            "only_a": self.missed_by_b.packets,
            "only_b": self.missed_by_a.packets,
            "both": self.both,
            "whole_messages": whole,
            "heartbeats": self.heartbeats,
            "records": self.records,
            "bytes": self.bytes,
            "out": [str(path) for path in self.out],
            "window_s": self.window_ns / NS_PER_S,
            "b_later_ms": round(self._later_ns / self.both / 1e6, 3) if self.both else None,
            "a": _side(self.a, self.missed_by_a, names),
            "b": _side(self.b, self.missed_by_b, names),
        }


def _side(source: Source, missed: Missed, names: Mapping[int, str]) -> dict[str, Any]:
    return {
        "records": source.records,
        "bytes": source.bytes,
        "torn_bytes": source.torn_bytes,
        "damaged": [list(span) for span in source.damaged],
        "missed": missed.told(names),
    }


def _beats(side: Table, packets: Ints) -> int:
    beating: NDArray[np.bool_] = side.stream[packets] == HEARTBEATS
    return int(beating.sum())


def _iso(ts_ns: int) -> str:
    return ist(ts_ns).isoformat(timespec="milliseconds")
