"""How far the server has come with what it accepted.

QuestDB answers as soon as rows are in a table's log. They become visible when the log is applied; of a table that is
suspended (its disk was full, say) it goes on accepting rows and applies none (QuestDB's documentation, "Monitoring and
alerting"). So an accepted request says little, and `wal_tables()` says what has become of it.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Final

from muhurat.clock import Clock
from muhurat.errors import StoreError
from muhurat.stores.questdb.server import Server

_STATES = "SELECT name, suspended, writerTxn, sequencerTxn, errorTag, errorMessage FROM wal_tables()"

_LOOK_EVERY_S: Final = 0.02


@dataclass(frozen=True, slots=True)
class WalState:
    """A table's log: transactions in it (`known`), how many of them are in the table (`applied`), and why no more."""

    table: str
    suspended: bool
    applied: int
    known: int
    why: str

    def refuse_suspended(self, place: str) -> None:
        """Raise `StoreError`, which time and a person can mend, when rows stay invisible."""
        if self.suspended:
            raise StoreError(
                f"{place} has suspended the table {self.table}{self.why}: what it accepts stays invisible",
                permanent=False,
                hint=f"remove the cause, then have the server run: ALTER TABLE {self.table} RESUME WAL",
            )


def wal_states(server: Server) -> dict[str, WalState]:
    """The log of every table."""
    return {row["name"]: _state(row) for row in server.table(_STATES)}


def await_applied(server: Server, clock: Clock, table: str, patience_s: float) -> None:
    """Wait until everything in a table's log is in the table; raises `StoreError` when nothing moves for so long."""
    place, applied, end = server.address.place, -1, 0.0
    while True:
        state = wal_states(server)[table]
        state.refuse_suspended(place)
        if state.applied >= state.known:
            return
        if state.applied > applied:
            applied, end = state.applied, clock.monotonic() + patience_s
        if clock.monotonic() > end:
            raise StoreError(f"{place} lags: the log of {table} is not applied after {patience_s:g} s", permanent=False)
        time.sleep(_LOOK_EVERY_S)


def _state(row: dict[str, object]) -> WalState:
    why = ", ".join(str(row[name]) for name in ("errorTag", "errorMessage") if row[name])
    return WalState(
        table=str(row["name"]),
        suspended=bool(row["suspended"]),
        applied=int(str(row["writerTxn"])),
        known=int(str(row["sequencerTxn"])),
        why=f" ({why})" if why else "",
    )
