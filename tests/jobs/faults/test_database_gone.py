"""Every job that writes a table, while its database server dies: nothing of the load is there afterwards."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from tests.jobs.faults.bench import Bench
from tests.jobs.faults.table import GONE, LOADS, ROWS, loading
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
_PATIENCE_S = 60


@pytest.mark.slow
@pytest.mark.servers
@pytest.mark.parametrize("job", loading())
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
    bench.use_reference(mariadb.url(mariadb_database))
    if job == "db_clean":
        arguments = _prepare_clean(bench, mariadb, mariadb_database, monkeypatch)
    else:
        bench.must(*arguments)
    before = bench.state()
    assert any(before.tables.values())

    with slowed(mariadb, mariadb_database, LAST_TABLE[job], "DELETE" if job == "db_clean" else "INSERT"):
        with killed_in_mid_load(mariadb) as killed:
            ended = bench.run(*arguments)
        mariadb.start()

    record_property("said", told(ended))
    assert killed.is_set(), ended
    assert_told(ended, LOADS)
    assert bench.state() == before
    assert bench.unfinished() == []


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
    """Kill the server as soon as a transaction holds changed rows and is held up; says whether that came about."""
    killed, over = threading.Event(), threading.Event()

    def watch() -> None:
        end = time.monotonic() + _PATIENCE_S
        while not over.wait(0.05) and time.monotonic() < end:
            if mariadb.query(_HOLDS_ROWS)[0][0]:
                mariadb.kill()
                killed.set()
                return

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield killed
    finally:
        over.set()
        watcher.join()


def _prepare_clean(bench: Bench, mariadb: MariaDb, database: str, monkeypatch: pytest.MonkeyPatch) -> tuple[str, ...]:
    """Rows in two tables and the day's backup of them; the arguments of the clean."""
    monkeypatch.setenv("DATABASE_PASSWORD", mariadb.password)
    server = (
        *("--user", mariadb.user, "--password", "${env:DATABASE_PASSWORD}", "--database", database),
        *("--host", mariadb.host, "--port", str(mariadb.port), "--mysql_container_name", ""),
    )
    for step in (("upload_cash_margin",), ("upload_holding_and_position",), ("db_backup", *server)):
        bench.must(*step)
    return ("db_clean", *server, "--tables", "Margins,Holdings")
