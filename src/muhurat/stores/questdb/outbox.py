"""Rows on their way to the server: kept here until the server has them in its tables.

One request is one transaction of one table. Requests that failed, in doubt or not, are sent again, which changes
nothing: rows are known by their keys. A request that was accepted is not sent again while its transaction is in the
table's log; should the server have lost it (it was restored, or lost power), it is.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from numpy.typing import NDArray
from questdb import Protocol, QuestDBError, QuestDBErrorCode, Sender

from muhurat.clock import Clock
from muhurat.errors import StoreError
from muhurat.log import redact
from muhurat.stores.questdb.address import Address
from muhurat.stores.questdb.server import Server, unauthorised
from muhurat.stores.questdb.wal import WalState, wal_states
from muhurat.stores.schema import Table

PATIENCE_S: Final = 10.0
"""So long the server may take to apply what it accepted."""

REQUEST_S: Final = 10.0
"""So long it may be silent about a request, besides what that takes at 1.5 MB a second."""

ROWS_AT_ONCE: Final = 50_000
"""In a request; so many are sent without waiting for `flush`, which would take too long with many more."""

_LEAST_BYTES_PER_S: Final = 3 << 19
_FIRST_LOOK_S: Final = 0.002
_LONGEST_LOOK_S: Final = 0.1
_FOR_GOOD: Final = frozenset({QuestDBErrorCode.ConfigError, QuestDBErrorCode.TlsError, QuestDBErrorCode.BadDataFrame})


class _Piece(NamedTuple):
    columns: Mapping[str, NDArray[Any]]
    feed: str


@dataclass(slots=True)
class _Lane:
    """A table's rows: not yet accepted, and accepted as part of the transactions up to `transaction`."""

    table: Table
    waiting: list[_Piece] = field(default_factory=list)
    accepted: list[_Piece] = field(default_factory=list)
    transaction: int = 0

    @property
    def full(self) -> bool:
        """Whether as many rows wait as one request takes."""
        return sum(len(piece.columns["timestamp"]) for piece in self.waiting) >= ROWS_AT_ONCE

    def take_back(self) -> None:
        """What was accepted is to be sent again."""
        self.waiting = self.accepted + self.waiting
        self.accepted = []


class Outbox:
    """Takes rows and sends them; `flush` says when the server has them for good."""

    def __init__(self, server: Server, clock: Clock, prepare: Callable[[], None]) -> None:
        """`prepare` sees to it that the tables are there; it is called before anything is sent."""
        self._server = server
        self._prepare = prepare
        self._clock = clock
        self._lanes: dict[str, _Lane] = {}
        self._sender: Sender | None = None
        self._waits_for_flush = False  # since sending early failed

    def __bool__(self) -> bool:
        """Whether there is anything that the server may not have."""
        return any(lane.waiting or lane.accepted for lane in self._lanes.values())

    def add(self, table: Table, columns: Mapping[str, NDArray[Any]], feed: str) -> None:
        self._lanes.setdefault(table.name, _Lane(table)).waiting.append(_Piece(columns, feed))

    @property
    def full(self) -> bool:
        """Whether rows should be sent before the next `flush`."""
        return not self._waits_for_flush and any(lane.full for lane in self._lanes.values())

    def send_early(self) -> None:
        """Send what fills a request; raises `StoreError`, after which everything waits for `flush`."""
        lanes = [lane for lane in self._lanes.values() if lane.full]
        self._waits_for_flush = True
        self._prepare()
        states = self._states(lanes)
        for lane in lanes:
            self._send(lane, after=states[lane.table.name].known)
        self._waits_for_flush = False

    def flush(self) -> None:
        """Send what waits and wait until it is in the tables; raises `StoreError`, mostly not permanent, otherwise."""
        self._prepare()
        busy = [lane for lane in self._lanes.values() if lane.waiting or lane.accepted]
        states = self._states(busy)
        for lane in busy:
            if lane.accepted and states[lane.table.name].known < lane.transaction:
                lane.take_back()
        for lane in busy:
            if lane.waiting:
                self._send(lane, after=states[lane.table.name].known)
        self._await_applied(busy)
        self._waits_for_flush = False

    def close(self) -> None:
        """Let go of the connection; what was not flushed is forgotten."""
        self._lanes.clear()
        if self._sender is not None:
            self._sender.close(flush=False)
            self._sender = None

    def _states(self, lanes: list[_Lane]) -> dict[str, WalState]:
        """The logs of all tables; raises `StoreError` when one of ours is suspended, before more is piled up there."""
        states = wal_states(self._server)
        for lane in lanes:
            if lane.table.name not in states:
                raise StoreError(
                    f"{self._server.address.place} has no table {lane.table.name} any more",
                    hint="start the decode service again: it makes its tables",
                )
            states[lane.table.name].refuse_suspended(self._server.address.place)
        return states

    def _await_applied(self, lanes: list[_Lane]) -> None:
        end, pause_s = self._clock.monotonic() + PATIENCE_S, _FIRST_LOOK_S
        states = self._states(lanes)
        while late := [lane for lane in lanes if states[lane.table.name].applied < lane.transaction]:
            if self._clock.monotonic() > end:
                raise self._lag(states[late[0].table.name])
            time.sleep(pause_s)
            pause_s = min(pause_s * 2, _LONGEST_LOOK_S)
            states = self._states(lanes)
        for lane in lanes:
            lane.accepted = []

    def _lag(self, state: WalState) -> StoreError:
        return StoreError(
            f"{self._server.address.place} lags: what it accepted for {state.table} is not in the table after "
            f"{PATIENCE_S:g} s",
            permanent=False,
            hint="give the server a quicker disk or more workers; SELECT * FROM wal_tables() shows how it gets on",
        )

    def _send(self, lane: _Lane, after: int) -> None:
        """Have a table's rows accepted, as transactions `after` those that its log had before.

        A connection goes on writing to a table that was dropped since it first wrote there, into nothing, and another
        of the same name has been made meanwhile (seen of 9.3.2): so the log has to have grown.
        """
        self._request(lane)
        known = self._states([lane])[lane.table.name].known
        if known <= after:
            self._hang_up()
            raise StoreError(
                f"{self._server.address.place} accepted rows of {lane.table.name} that are not in its log",
                permanent=False,
                hint="they are sent again",
            )
        lane.accepted, lane.waiting = lane.accepted + lane.waiting, []
        lane.transaction = known

    def _request(self, lane: _Lane) -> None:
        from muhurat.stores.questdb.frames import batches, frame  # pandas, which who only asks does without

        frames = (frame(lane.table, columns, feed) for columns, feed in lane.waiting)
        try:
            for batch in batches(frames, ROWS_AT_ONCE):
                with self._connected().transaction(lane.table.name) as transaction:
                    for rows in batch:
                        transaction.dataframe(rows, at="timestamp")
        except QuestDBError as error:
            self._hang_up()
            raise _failure(self._server.address, error) from error

    def _connected(self) -> Sender:
        if self._sender is None:
            sender = _sender(self._server.address)
            sender.establish()  # type: ignore[no-untyped-call]
            self._sender = sender
        return self._sender

    def _hang_up(self) -> None:
        sender, self._sender = self._sender, None
        if sender is not None:
            sender.close(flush=False)


def _sender(address: Address) -> Sender:
    """The official client, told to do nothing by itself: neither to send early nor to try again."""
    return Sender(
        Protocol.Https if address.tls else Protocol.Http,
        address.host,
        address.port,
        username=address.user or None,
        password=address.password or None,
        tls_roots=address.ca or None,
        auto_flush=False,
        retry_timeout=0,
        request_timeout=int(REQUEST_S * 1000),
        request_min_throughput=_LEAST_BYTES_PER_S,
    )


def _failure(address: Address, error: QuestDBError) -> StoreError:
    told = redact(_told(str(error)))
    if error.code is QuestDBErrorCode.AuthError:
        return unauthorised(address)
    full = "errno: 28" in told
    return StoreError(
        f"{address.place} does not take rows: {told}",
        permanent=error.code in _FOR_GOOD,
        hint="make room on the server's disk" if full else "see the server's log; the rows are sent again",
    )


def _told(text: str) -> str:
    """The server's own sentence, when the client quotes its answer."""
    try:
        return str(json.loads(text[text.index("{") :])["message"])
    except (ValueError, KeyError, TypeError):
        return text
