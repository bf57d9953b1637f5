"""Every job that works with a database, while its server dies: rows and good backups stay as they were."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

import pytest

from tests.jobs.faults.bench import Bench
from tests.jobs.faults.cells import DUMPS, GONE, LOADS
from tests.jobs.faults.relay import Relay
from tests.jobs.faults.table import ROWS, losing
from tests.jobs.faults.test_faults import Record, assert_told, told
from tests.servers.mariadb import MariaDb

LAST_TABLE = {
    "download_and_process_bhavcopy": "IndexOhlc",
    "download_banned_instruments": "BannedInstruments",
    "nse_span_downloader": "SpanRisk",
    "copy_bse_fo_files": "BseFoBhavcopy",
    "upload_cash_margin": "Margins",
    "upload_holding_and_position": "Holdings",
    "upload_instrument_master": "Instruments",
    "db_clean": "Holdings",
}
"""The table in which each job is held up, so that it has changed rows and has more to change when the server dies."""

FEWER = {"download_and_process_bhavcopy": ("--segments", "CM", "INDEX")}
"""Arguments that make a load quicker, and no less one of several tables."""
_HOLDS_ROWS = (
    "SELECT COUNT(*) FROM information_schema.INNODB_TRX t JOIN information_schema.PROCESSLIST p"
    " ON p.ID = t.trx_mysql_thread_id WHERE t.trx_rows_modified > 0 AND p.STATE = 'User sleep'"
)
EMPTY = "0"
_LOOK_EVERY_S = 0.15
"""InnoDB renews its table of transactions only when nobody has read it for a tenth of a second."""
_PATIENCE_S = 30


@pytest.mark.slow
@pytest.mark.servers
@pytest.mark.parametrize("job", losing(LOADS))
def test_a_database_that_dies_in_mid_load_keeps_what_it_had(
    job: str,
    new_bench: Callable[[str], Bench],
    mariadb: MariaDb,
    mariadb_database: str,
    record_property: Record,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    record_property("cell", f"{job} {GONE}")
    bench, arguments = new_bench(job), (job, *FEWER.get(job, ROWS[job].arguments))
    bench.use_server("reference", mariadb.url(mariadb_database), lambda: tables_of(mariadb, mariadb_database))
    if job == "db_clean":
        arguments = _prepare_clean(bench, mariadb, mariadb_database, monkeypatch)
    else:
        bench.must(*arguments)
    before = bench.state()
    assert any(checksum != EMPTY for checksum in before.tables.values())

    with slowed(mariadb, mariadb_database, LAST_TABLE[job], "DELETE" if job == "db_clean" else "INSERT"):
        with killed_in_mid_load(mariadb) as killed:
            ended = bench.run(*arguments)
        mariadb.start()

    record_property("said", told(ended))
    assert killed.is_set(), ended
    assert_told(ended, LOADS)
    assert bench.state() == before
    assert bench.unfinished() == []


@pytest.mark.slow
@pytest.mark.servers
@pytest.mark.parametrize("job", losing(DUMPS))
def test_a_database_that_goes_away_in_mid_dump_leaves_the_last_good_backup(
    job: str,
    new_bench: Callable[[str], Bench],
    mariadb: MariaDb,
    mariadb_database: str,
    record_property: Record,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    record_property("cell", f"{job} {GONE}")
    bench = new_bench(job)
    bench.use_server("reference", mariadb.url(mariadb_database), lambda: tables_of(mariadb, mariadb_database))
    bench.must("upload_cash_margin")
    with closing(Relay(mariadb.port)) as relay:
        arguments = (job, *_server(mariadb, mariadb_database, relay.port, monkeypatch))
        bench.must(*arguments)
        before = bench.state()
        assert any(name.endswith(".gz") for name in before.files)

        with relay.going_away(b"SELECT /*!40001 SQL_NO_CACHE", times=3) as gone:
            ended = bench.run(*arguments)

    record_property("said", told(ended))
    assert gone.is_set(), ended
    assert_told(ended, DUMPS)
    assert bench.state() == before
    assert bench.unfinished() == []


def tables_of(mariadb: MariaDb, database: str) -> dict[str, str]:
    """The server's own checksum of every table's rows; `EMPTY` for one without."""
    names = [row[0] for row in mariadb.query("SHOW TABLES", database)]
    listed = ", ".join(f"`{name}`" for name in names)
    return {name: str(checksum) for name, checksum in mariadb.query(f"CHECKSUM TABLE {listed}", database)}


@contextmanager
def slowed(mariadb: MariaDb, database: str, table: str, what: str) -> Iterator[None]:
    """Let every row of a table take half a minute."""
    mariadb.query(f"CREATE TRIGGER slow BEFORE {what} ON `{table}` FOR EACH ROW DO SLEEP(30)", database)
    try:
        yield
    finally:
        mariadb.start()
        mariadb.query("DROP TRIGGER slow", database)


@contextmanager
def killed_in_mid_load(mariadb: MariaDb) -> Iterator[threading.Event]:
    """Kill the server as soon as a transaction holds changed rows and is held up; says whether that came about.

    Where it does not, the server dies all the same when patience ends: nobody else would end the wait of the job.
    """
    killed, over = threading.Event(), threading.Event()

    def watch() -> None:
        end = time.monotonic() + _PATIENCE_S
        while not over.wait(_LOOK_EVERY_S) and time.monotonic() < end:
            if mariadb.query(_HOLDS_ROWS)[0][0]:
                killed.set()
                break
        if not over.is_set():
            mariadb.kill()

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield killed
    finally:
        over.set()
        watcher.join()


def _prepare_clean(bench: Bench, mariadb: MariaDb, database: str, monkeypatch: pytest.MonkeyPatch) -> tuple[str, ...]:
    """Rows in two tables and the day's backup of them; the arguments of the clean."""
    server = _server(mariadb, database, mariadb.port, monkeypatch)
    for step in (("upload_cash_margin",), ("upload_holding_and_position",), ("db_backup", *server)):
        bench.must(*step)
    return ("db_clean", *server, "--tables", "Margins,Holdings")


def _server(mariadb: MariaDb, database: str, port: int, monkeypatch: pytest.MonkeyPatch) -> tuple[str, ...]:
    """The arguments that name the server, or a relay before it."""
    monkeypatch.setenv("DATABASE_PASSWORD", mariadb.password)
    return (
        *("--user", mariadb.user, "--password", "${env:DATABASE_PASSWORD}", "--database", database),
        *("--host", mariadb.host, "--port", str(port), "--mysql_container_name", ""),
    )
