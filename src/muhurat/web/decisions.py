"""The trader's decisions as the page needs them: read from `decisions.jsonl` as it grows."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

Line = dict[str, Any]


@dataclass(slots=True)
class Decisions:
    """What the trader decided on one day, by kind; `follow` reads what was added since."""

    path: Path
    session: Line = field(default_factory=dict)
    bars: list[Line] = field(default_factory=list)
    option_bars: int = 0
    signals: list[Line] = field(default_factory=list)
    refused: list[Line] = field(default_factory=list)
    fills: list[Line] = field(default_factory=list)
    trades: list[Line] = field(default_factory=list)
    state: str = "ACTIVE"
    ended: bool = False
    _offset: int = 0

    def follow(self) -> bool:
        """Take in complete lines that were added; tells whether there were any."""
        try:
            with self.path.open("rb") as file:
                file.seek(self._offset)
                fresh = file.read()
        except FileNotFoundError:
            return False
        whole = fresh[: fresh.rfind(b"\n") + 1]
        for line in whole.splitlines():
            self._take(msgspec.json.decode(line))
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

    def _take(self, line: Line) -> None:
        match line["kind"]:
            case "session":
                self.session = line
            case "bar":
                self.bars.append(line)
            case "option_bar":
                self.option_bars += 1
            case "signal":
                self.signals.append(line)
            case "refused":
                self.refused.append(line)
            case "fill":
                self.fills.append(line)
            case "trade":
                self.trades.append(line)
            case "risk":
                self.state = str(line["state"])
            case "session_end":
                self.ended = True
            case _:
                pass  # orders, exits and watch lists are in the log for the report and for --explain
