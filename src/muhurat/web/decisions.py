"""The trader's decisions as the page needs them: read from `decisions.jsonl` as it grows."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import msgspec

Line = dict[str, Any]


@dataclass(slots=True)
class Decisions:
    """What the trader decided on one day, by kind; `follow` reads what was added since.

    `state` and `state_why` are what risk said last; `damaged` counts lines that are no JSON object with a kind.
    """

    path: Path
    session: Line = field(default_factory=dict)
    bars: list[Line] = field(default_factory=list)
    option_bars: int = 0
    signals: list[Line] = field(default_factory=list)
    refused: list[Line] = field(default_factory=list)
    fills: list[Line] = field(default_factory=list)
    trades: list[Line] = field(default_factory=list)
    state: str = "ACTIVE"
    state_why: str = ""
    ended: bool = False
    damaged: int = 0
    _inode: int = 0
    _offset: int = 0

    def follow(self) -> bool:
        """Take in complete lines that were added; tells whether there were any. A file begun anew is read anew."""
        try:
            with self.path.open("rb") as file:
                now = os.fstat(file.fileno())
                if now.st_size < self._offset or (self._inode and now.st_ino != self._inode):
                    self._forget()
                self._inode = now.st_ino
                file.seek(self._offset)
                fresh = file.read()
        except FileNotFoundError:
            return False
        whole = fresh[: fresh.rfind(b"\n") + 1]
        for line in whole.splitlines():
            self._take(line)
        self._offset += len(whole)
        return bool(whole)

    @property
    def realised(self) -> float:
        """Net result of finished trades in rupees."""
        return round(sum(float(trade["net"]) for trade in self.trades), 2)

    @property
    def open_fill(self) -> Line | None:
        """The entry fill of the position that is open, if one is."""
        return self.fills[-1] if self.fills and self.fills[-1]["action"] == "BUY" else None

    def _of_kind(self, kind: str) -> list[Line]:
        lists = {"bar": self.bars, "signal": self.signals, "refused": self.refused, "fill": self.fills}
        return lists.get(kind, self.trades)

    def _forget(self) -> None:
        fresh = Decisions(self.path)
        for part in fields(self):
            setattr(self, part.name, getattr(fresh, part.name))

    def _take(self, text: bytes) -> None:
        try:
            line: Line = msgspec.json.decode(text, type=dict[str, Any])
        except msgspec.DecodeError:
            self.damaged += 1
            return
        match line.get("kind"):
            case "session":
                self.session = line
            case "bar" | "signal" | "refused" | "fill" | "trade" as kind:
                self._of_kind(kind).append(line)
            case "option_bar":
                self.option_bars += 1
            case "risk":
                self.state, self.state_why = str(line["state"]), str(line["reason"])
            case "session_end":
                self.ended = True
            case None:
                self.damaged += 1
            case _:
                pass  # orders, exits and watch lists are in the log for the report and for --explain
