"""What a repair found and did."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Recovery:
    """What an hour's files hold once they are whole, and what had to be done to them."""

    hour: str
    bin_size: int = 0
    ctl_size: int = 0
    idx_size: int = 0
    records: int = 0
    latest_ts_ns: int = 0
    closed: bool = False
    dropped_rows: int = 0
    recovered_records: int = 0
    recovered_lines: int = 0
    torn_bytes: int = 0
    damaged: tuple[tuple[int, int], ...] = ()
    torn_files: tuple[Path, ...] = field(default=())

    @property
    def repaired(self) -> bool:
        """Whether anything had to be repaired."""
        return bool(self.dropped_rows or self.recovered_records or self.recovered_lines or self.torn_bytes)

    @property
    def lost(self) -> str:
        """What is not there any more, in words; empty when a repair brought everything back."""
        names = ", ".join(path.name for path in self.torn_files)
        told = [f"{self.torn_bytes:,} torn bytes kept aside as {names}"] if self.torn_bytes else []
        told += [f"bytes {start:,} to {end:,} are damaged" for start, end in self.damaged]
        if self.dropped_rows > self.recovered_records + self.recovered_lines:
            told.append(f"{self.dropped_rows:,} rows of the index had lost what they told of")
        return "; ".join(told)

    def report(self) -> dict[str, Any]:
        """The repair as an entry of the `.ctl` file."""
        return {
            "event": "recovered",
            "hour": self.hour,
            "records": self.recovered_records,
            "lines": self.recovered_lines,
            "dropped_rows": self.dropped_rows,
            "torn_bytes": self.torn_bytes,
            "torn_files": [path.name for path in self.torn_files],
            "damaged": [list(span) for span in self.damaged],
        }


class RepairInterrupted(OSError):
    """The disk refused in the middle of a repair, which is to be begun again; `done` is what has been cut already."""

    def __init__(self, error: OSError, done: Recovery) -> None:
        super().__init__(error.errno, error.strerror)
        self.done = done
