"""What an FTP server can be told to do wrong. The board is asked in the server's thread and told in the loop's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from threading import Lock
from typing import Any, Final

from muhurat.simulator.faults import Fault, FaultBoard, Kind

FAULTS: Final = {
    "missing": Kind("550 for the file, which no listing shows"),
    "forbidden": Kind("530 at login, whatever the password"),
    "unavailable": Kind("421 instead of a greeting"),
    "mute": Kind("accepts connections and says nothing"),
    "hang": Kind("opens the transfer and sends nothing"),
    "drip": Kind("sends a few bytes a second"),
    "truncated": Kind("cuts the connections in mid-transfer"),
    "short": Kind("sends half and says that all went well"),
    "empty": Kind("the file has no bytes"),
    "growing": Kind("the file is still being uploaded: it begins half there and grows"),
}
"""They last until cleared unless a request says otherwise. `path` is a path of the tree. A count counts connections
(`missing`, `empty`, `growing`, `unavailable`, `mute`), logins (`forbidden`) or transfers (the others)."""


class SharedFaultBoard(FaultBoard):
    """A fault board for two threads."""

    def __init__(self, known: Mapping[str, Kind], monotonic: Callable[[], float]) -> None:
        super().__init__(known, monotonic)
        self._lock = Lock()

    def add(self, body: bytes) -> Fault:
        """As the board says."""
        with self._lock:
            return super().add(body)

    def clear(self) -> int:
        """As the board says."""
        with self._lock:
            return super().clear()

    def showing(self, name: str, connection: int | None = None, path: str | None = None) -> Fault | None:
        """As the board says."""
        with self._lock:
            return super().showing(name, connection, path)

    def take(self, name: str, connection: int | None = None, path: str | None = None) -> Fault | None:
        """As the board says."""
        with self._lock:
            fault = super().showing(name, connection, path)
            if fault is not None:
                fault.hits += 1
                if fault.left is not None:
                    fault.left -= 1
            return fault

    def described(self) -> list[dict[str, Any]]:
        """As the board says."""
        with self._lock:
            return super().described()
