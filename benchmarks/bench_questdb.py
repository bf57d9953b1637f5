"""Decoded ticks into a private QuestDB until they can be queried; the baseline is the official client's dataframe().

The rows are of 320 instruments in mode full, as the decode service hands them over. The baseline gets them as one
finished pandas frame and is done when the server has accepted them. Ours makes frames of the arrays, sends them, and
waits until the server has them in its table. Both are measured in turns, each into an empty table of the same kind.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any, Final

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from questdb import Protocol, Sender

from benchmarks import Result
from muhurat.clock import SystemClock
from muhurat.stores.base import TickStore, hour_number, make_seq
from muhurat.stores.questdb.frames import frame
from muhurat.stores.registry import open_tick_store
from muhurat.stores.schema import TABLES, Kind
from tests.servers.processes import short_folder
from tests.servers.questdb import QuestDb

TABLE: Final = TABLES["ticks_full"]
FEED: Final = "bench"
HOUR: Final = "20250902_1000"
INSTRUMENTS: Final = 320
MESSAGES: Final = 250
PIECES: Final = 2
TURNS: Final = 4

Columns = dict[str, NDArray[Any]]


def run() -> list[Result]:
    """Nothing, with a word to stderr, on a machine where no QuestDB can be run."""
    folder = short_folder("questdb")
    try:
        server = QuestDb(folder)
        server.start()
        try:
            return [measured(server, folder)]
        finally:
            server.kill()
    except pytest.skip.Exception as missing:
        print(f"questdb is not measured: {missing}", file=sys.stderr)
        return []
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def measured(server: QuestDb, folder: Path) -> Result:
    """The median over turns after one that does not count."""
    pieces = [piece(number) for number in range(PIECES)]
    whole = pd.concat([frame(TABLE, columns, FEED) for columns in pieces], ignore_index=True)
    turns = [(ours(server, folder, pieces), bare(server, folder, whole)) for _ in range(TURNS + 1)][1:]
    ratio = median(theirs_s / ours_s for ours_s, theirs_s in turns)
    mine, theirs = (len(whole) / median(column) / 1000 for column in zip(*turns, strict=True))
    note = "bare dataframe(), accepted; ours: in the table"
    return Result("ticks into QuestDB, 320 instruments", ratio, 0.7, "k rows/s", mine, theirs, note)


def ours(server: QuestDb, folder: Path, pieces: list[Columns]) -> float:
    """Seconds from arrays to rows that a query finds."""
    with empty_store(server, folder) as store:
        started = perf_counter()
        for columns in pieces:
            store.append(TABLE.name, columns, feed=FEED)
        store.flush()
        took = perf_counter() - started
        check(server, sum(len(columns["seq"]) for columns in pieces))
    return took


def bare(server: QuestDb, folder: Path, rows: pd.DataFrame) -> float:
    """Seconds from a finished frame to rows that the server has accepted, by the client with its own defaults."""
    empty_store(server, folder).close()
    with Sender(Protocol.Http, server.host, server.port, username=server.user, password=server.password) as sender:
        started = perf_counter()
        sender.dataframe(rows, table_name=TABLE.name, at="timestamp")
        sender.flush()
        took = perf_counter() - started
    server.applied(TABLE.name)
    check(server, len(rows))
    return took


def empty_store(server: QuestDb, folder: Path) -> TickStore:
    """A store with empty tables; they are made before the time is taken."""
    server.clear()
    store = open_tick_store(server.url, base=folder, clock=SystemClock(), universe=folder / "data" / "universe")
    store.coverage()
    return store


def check(server: QuestDb, rows: int) -> None:
    if server.query(f"SELECT count() FROM {TABLE.name}") != [[rows]]:
        raise AssertionError(f"not {rows} rows were kept")


def piece(number: int) -> Columns:
    """What 250 messages of all instruments are decoded to."""
    chance = np.random.default_rng(number)
    record = np.repeat(np.arange(number * MESSAGES, (number + 1) * MESSAGES), INSTRUMENTS)
    packet = np.tile(np.arange(INSTRUMENTS), MESSAGES)
    received_ns = hour_number(HOUR) * 3600 * 10**9 + 1800 * 10**9 + record * 250_000_000
    columns: Columns = {
        "timestamp": received_ns // 1_000_000,
        "ts_recv_ns": received_ns,
        "symbol": np.array([f"SENSEX25N20{one:05}CE" for one in range(INSTRUMENTS)], object)[packet],
        "seq": make_seq(HOUR, record, packet),
        "modelled": np.zeros(len(record), bool),
    }
    for column in TABLE.columns:
        if column.kind is Kind.PRICE:
            columns[column.name] = chance.integers(1_000, 100_000, len(record)) / 20
        elif column.kind is Kind.COUNT:
            columns[column.name] = chance.integers(0, 100_000, len(record))
        elif column.kind is Kind.SECONDS:
            columns[column.name] = received_ns // 10**9
    return columns
