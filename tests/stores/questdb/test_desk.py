"""A desk whose ticks are on a server: `check`, `ticks sql`, `ticks ingest`, over TLS too."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from muhurat.app import open_desk
from muhurat.app.adapters import adapters
from muhurat.capture.journal import JournalWriter
from muhurat.cli import main
from muhurat.clock import ManualClock
from muhurat.stores.schema import TABLES, TICK_TABLES
from muhurat.supervisor.alerts import read_alerts
from tests.capture.support import FEED, HOUR_NS, MS, NINE
from tests.capture.test_decode_service import expected_rows, messages
from tests.servers.processes import free_port, wait_until
from tests.servers.questdb import QuestDb
from tests.stores.questdb.tls import over_tls

pytestmark = pytest.mark.servers

FREE = "a free port"


@pytest.fixture
def desk(tmp_path: Path, questdb: QuestDb) -> Path:
    """A desk file, its server named in `.env` as the raw crawlers do, and two recorded hours."""
    names = {"HOST": questdb.host, "PORT": questdb.port, "USER": questdb.user, "PASSWORD": questdb.password}
    (tmp_path / ".env").write_text("".join(f"QUESTDB_{name}={value}\n" for name, value in names.items()))
    feeds = f"feeds: {{{FEED}: {{venue: kite, universe: sensex_atm}}}}"
    (tmp_path / "desk.yaml").write_text(
        f"desk: {{name: x}}\nvenues: {{kite: }}\n{feeds}\nstores: {{ticks: 'questdb://'}}\n"
    )
    with JournalWriter(tmp_path / "data" / "raw_ticks" / FEED, FEED, ManualClock(NINE), sync_interval_s=None) as writer:
        for hour in range(2):
            at_ns = NINE + hour * HOUR_NS
            made = messages(300, random.Random(hour))
            writer.append([(payload, at_ns + number * MS, 0) for number, payload in enumerate(made)])
    return tmp_path / "desk.yaml"


def run(*words: object) -> int:
    try:
        return main([str(word) for word in words])
    except SystemExit as end:
        return int(end.code or 0)


def told(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def rows_in(questdb: QuestDb, table: str) -> int:
    return int(questdb.query(f"SELECT count() FROM {table}")[0][0])


def finding(desk: Path, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    run("check", "--desk", desk, "--json")
    return next(row for row in told(capsys) if row["what"] == "tick store")


def test_recorded_hours_are_put_in_once_however_often(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    packets = len(expected_rows(desk.parent / "data" / "raw_ticks" / FEED))
    for chosen in (("--hour", "20250902_0900"), ("--date", "2025-09-02"), ("--date", "2025-09-02")):
        assert run("ticks", "ingest", *chosen, "--desk", desk, "--json") == 0
        ingested = told(capsys)
    assert [(row["hour"], row["records"]) for row in ingested] == [("20250902_0900", 300), ("20250902_1000", 300)]
    assert sum(row["rows"] for row in ingested) == packets
    counts = " UNION ALL ".join(f"SELECT count(*) AS n FROM {name}" for name in TABLES)
    assert run("ticks", "sql", f"SELECT sum(n) AS n FROM ({counts})", "--desk", desk, "--json") == 0
    assert told(capsys) == [{"n": packets}]
    assert run("ticks", "coverage", "--desk", desk, "--json") == 0
    assert sum(row["rows"] for row in told(capsys)) == packets


def test_the_service_tells_of_a_suspended_table_and_goes_on_when_it_is_resumed(desk: Path, questdb: QuestDb) -> None:
    run("ticks", "coverage", "--desk", desk)
    questdb.query("ALTER TABLE ticks_full SUSPEND WAL")
    command = [sys.executable, "-m", "muhurat", "capture", "decode", "--desk", str(desk)]
    with subprocess.Popen(command) as service:
        try:
            wait_until(lambda: bool(read_alerts(desk.parent / "run")), "the alert")
            questdb.query("ALTER TABLE ticks_full RESUME WAL")
            packets = len(expected_rows(desk.parent / "data" / "raw_ticks" / FEED))
            wait_until(
                lambda: sum(questdb.query(f"SELECT count() FROM {name}")[0][0] for name in TABLES) == packets, "it"
            )
        finally:
            service.terminate()
    (alert,) = read_alerts(desk.parent / "run")
    assert service.returncode == 0
    assert alert["what"].startswith("ticks of desk cannot be kept, the journal waits: QuestDB at ")
    assert alert["hint"].endswith("ALTER TABLE ticks_full RESUME WAL")


def test_the_servers_dialect_is_spoken(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("ticks", "ingest", "--date", "2025-09-02", "--desk", desk)
    capsys.readouterr()
    sql = "SELECT timestamp, count() FROM ticks_full SAMPLE BY 1h ALIGN TO CALENDAR WITH OFFSET '00:30'"
    assert run("ticks", "sql", sql, "--desk", desk, "--json") == 0
    assert [row["timestamp"] for row in told(capsys)] == ["2025-09-02T03:30:00", "2025-09-02T04:30:00"]
    assert run("ticks", "sql", "SELECT symbl FROM ticks_full", "--desk", desk) == 1
    assert "line 1, column 8: Invalid column: symbl" in capsys.readouterr().err


def test_check_says_how_many_ticks_there_are(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("ticks", "ingest", "--hour", "20250902_0900", "--desk", desk)
    capsys.readouterr()
    found = finding(desk, capsys)
    assert found["verdict"] == "ok"
    assert found["detail"].startswith("questdb://: 1,")


def test_the_adapters_info_tells_version_and_rows(desk: Path) -> None:
    run("ticks", "ingest", "--hour", "20250902_0900", "--desk", desk)
    opened = open_desk(desk)
    (ticks,) = (each for each in adapters(opened, ManualClock(NINE)).all if each.name == "ticks")
    facts = ticks.ask()
    assert str(facts["version"]).startswith("QuestDB ")
    assert set(facts["holds"]) == set(TICK_TABLES)


@pytest.mark.parametrize(
    ("name", "value", "detail", "hint"),
    [
        ("PORT", FREE, "cannot be reached: ", "QUESTDB_HOST and QUESTDB_PORT in .env"),
        (
            "PASSWORD",
            "of-somebody-else",
            "refuses the user 'desk' (401 Unauthorized)",
            "QUESTDB_USER and QUESTDB_PASSWORD",
        ),
        ("PORT", "https", "QUESTDB_PORT is 'https'", "QUESTDB_PORT"),
        ("HOST", "", "no host in stores.ticks, no QUESTDB_HOST", "QUESTDB_HOST"),
    ],
)
def test_check_names_what_is_wrong_with_the_server(
    desk: Path, capsys: pytest.CaptureFixture[str], name: str, value: str, detail: str, hint: str
) -> None:
    value = str(free_port()) if value == FREE else value
    with (desk.parent / ".env").open("a") as file:
        file.write(f"QUESTDB_{name}={value}\n")
    found = finding(desk, capsys)
    assert found["verdict"] == "wrong"
    assert detail in found["detail"]
    assert hint in found["hint"]
    assert "of-somebody-else" not in json.dumps(found)


def test_tls_is_spoken_and_a_certificate_of_ones_own_trusted(
    desk: Path, questdb: QuestDb, capsys: pytest.CaptureFixture[str]
) -> None:
    ca = desk.parent / "ca.pem"
    with over_tls(questdb.port, ca) as port:
        for url, verdict in (
            (f"questdbs://{questdb.host}:{port}?ca={ca}", "ok"),
            (f"questdbs://{questdb.host}:{port}", "wrong"),
        ):
            desk.write_text(desk.read_text().partition("stores:")[0] + f"stores: {{ticks: '{url}'}}\n")
            run("ticks", "ingest", "--hour", "20250902_0900", "--desk", desk)
            capsys.readouterr()
            found = finding(desk, capsys)
            assert found["verdict"] == verdict, found
    assert "certificate verify failed" in found["detail"]
    assert "ca=FILE" in found["hint"]
