"""Real MariaDB servers, one of this machine and one in a container: backed up, wrecked, restored, cleaned."""

from __future__ import annotations

import logging
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from muhurat.errors import MuhuratError
from muhurat.jobs.backup.base import BackupError, Databases, read_manifest
from muhurat.jobs.backup.choosing import Asked
from muhurat.jobs.backup.programs import programs_of
from muhurat.jobs.backup.restoring import restore, same_content, target_of, verified
from muhurat.jobs.base import JobError, Outcome
from muhurat.jobs.library import db_backup, db_clean
from muhurat.stores.base import ReferenceStore
from muhurat.stores.registry import open_reference_store
from tests.jobs.library.tools import TUESDAY, DeskTools, tools_in

if TYPE_CHECKING:
    from tests.servers.docker import MariaDbContainer
    from tests.servers.mariadb import MariaDb

BANS = {
    "Symbol": ["SAIL", "O'Reilly; \\ (x), ☂", "RBLBANK"],
    "Reason": ["F&O ban", None, "line\nand line"],
    "IsBanned": [True, True, False],
    "IsUserCreated": [False, False, True],
    "TradeDate": [TUESDAY] * 3,
}
EXTRAS = (
    "CREATE TABLE blobs (id INT PRIMARY KEY, b BLOB, IsDeleted BOOL)",
    "INSERT INTO blobs VALUES (1, x'00ff271b5c0a', 0), (2, NULL, 1), (3, '', 1)",
    "CREATE TABLE log (note VARCHAR(40))",
    "CREATE TRIGGER noted AFTER INSERT ON blobs FOR EACH ROW INSERT INTO log VALUES ('(one')",
    "CREATE VIEW shown AS SELECT id FROM blobs",
    "CREATE PROCEDURE two() SELECT 2",
)

pytestmark = pytest.mark.servers


@pytest.fixture
def tools(tmp_path: Path, mariadb: MariaDb, mariadb_database: str) -> Iterator[DeskTools]:
    """A desk whose reference store is on the server, with something in it."""
    with desk_on(tmp_path, mariadb.url(mariadb_database)) as made:
        for statement in EXTRAS:
            mariadb.query(statement, mariadb_database)
        yield made


@contextmanager
def desk_on(folder: Path, url: str) -> Iterator[DeskTools]:
    with tools_in(folder) as made:
        made.put(Databases, Databases(url, folder, folder / "data"))
        store = open_reference_store(url, base=folder)
        made.put(ReferenceStore, store)
        with store.transaction() as transaction:
            transaction.replace("BannedInstruments", BANS, where={})
        yield made


def backup(tools: DeskTools, **options: object) -> Outcome:
    return db_backup.run(db_backup.DbBackupOptions.model_validate(options), tools)


def clean(tools: DeskTools, tables: str, **options: object) -> Outcome:
    return db_clean.run(db_clean.DbCleanOptions.model_validate({"tables": tables, **options}), tools)


def bring_back(tools: DeskTools, file: Path, container: str | None = None) -> tuple[str, ...]:
    manifest = verified(file)
    asked = Asked(container=container)
    return restore(manifest, target_of(manifest, asked, tools.get(Databases)), tools.clock).others


def test_a_backup_brings_the_very_content_back(tools: DeskTools, mariadb: MariaDb, mariadb_database: str) -> None:
    before = tools.get(ReferenceStore).checksum()
    file = backup(tools).files[0]
    manifest = read_manifest(Path(f"{file}.json"))
    assert file.name == f"{mariadb_database}_20260922_080000.sql.gz"
    assert manifest.tables["BannedInstruments"] == 3
    assert (manifest.tables["blobs"], manifest.tables["log"]) == (3, 0)
    assert manifest.checksum == before

    mariadb.query("DROP TABLE blobs", mariadb_database)
    mariadb.query("DROP TABLE BannedInstruments", mariadb_database)
    mariadb.query("CREATE TABLE later (n INT)", mariadb_database)
    assert bring_back(tools, file) == ("later",)

    same_content(manifest, tools.get(ReferenceStore).checksum())
    assert mariadb.query("SELECT HEX(b) FROM blobs ORDER BY id", mariadb_database) == [
        ("00FF271B5C0A",),
        (None,),
        ("",),
    ]
    assert mariadb.query("CALL two()", mariadb_database) == [(2,)]
    assert mariadb.query("SELECT COUNT(*) FROM log", mariadb_database) == [(0,)]
    mariadb.query("INSERT INTO blobs VALUES (4, NULL, 0)", mariadb_database)
    assert mariadb.query("SELECT note FROM log", mariadb_database) == [("(one",)]


def test_a_database_that_is_gone_is_made_again(tools: DeskTools, mariadb: MariaDb, mariadb_database: str) -> None:
    file = backup(tools).files[0]
    before = tools.get(ReferenceStore).checksum()
    mariadb.query(f"DROP DATABASE {mariadb_database}")
    bring_back(tools, file)
    assert tools.get(ReferenceStore).checksum() == before


def test_a_failing_dump_is_noticed_although_it_writes_a_header(tools: DeskTools, mariadb: MariaDb) -> None:
    account = {"user": "root", "host": "127.0.0.1", "port": mariadb.port, "mysql_container_name": ""}
    with pytest.raises(BackupError, match=r"code 2: .*Unknown database 'nosuch'") as caught:
        backup(tools, **account, password=mariadb.password, database="nosuch")
    assert caught.value.hint == "check the database's name"
    with pytest.raises(BackupError, match="Access denied") as caught:
        backup(tools, **account, password="not the password", database="mysql")
    assert "not the password" not in str(caught.value)
    assert not list(tools.data_dir.glob("backups/*"))


def test_a_dump_that_ends_early_with_exit_code_zero_is_noticed(
    tools: DeskTools, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A dump program that was cut off: all but the end of what the real one writes."""
    programs = tmp_path / "bin"
    programs.mkdir()
    cut = programs / "mariadb-dump"
    cut.write_text('#!/bin/sh\n[ "$1" = --version ] && exit 0\n/usr/bin/mariadb-dump "$@" | head -c 3000\n')
    cut.chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    with pytest.raises(BackupError, match="the dump is not complete"):
        backup(tools)
    assert not list(tools.data_dir.glob("backups/*"))


def test_a_server_that_is_not_there_is_named_and_worth_another_try(tools: DeskTools, mariadb: MariaDb) -> None:
    tools.put(Databases, Databases("mysql://root:x@127.0.0.1:1/desk", tools.folder, tools.data_dir))
    with pytest.raises(BackupError, match=r"127\.0\.0\.1:1") as caught:
        backup(tools, user="root", password="x", database="desk", host="127.0.0.1", port=1, mysql_container_name="")
    assert not caught.value.permanent


def test_the_password_is_in_no_process_list_and_in_no_log(
    tools: DeskTools, mariadb: MariaDb, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    seen: set[bytes] = set()
    done = threading.Event()

    def sample() -> None:
        while not done.is_set():
            for name in os.listdir("/proc"):  # noqa: PTH208 - in a hurry
                if name.isdigit():
                    try:
                        with open(f"/proc/{name}/cmdline", "rb") as file:  # noqa: PTH123
                            seen.add(file.read())
                    except OSError:
                        continue

    sampler = threading.Thread(target=sample)
    sampler.start()
    try:
        file = backup(tools).files[0]
        bring_back(tools, file)
        clean(tools, "log")
    finally:
        done.set()
        sampler.join()
    assert any(b"-dump\0" in command for command in seen), "no dump was seen, so the test shows nothing"
    secret = mariadb.password.encode()
    assert not [command for command in seen if secret in command]
    assert mariadb.password not in caplog.text
    assert secret not in Path(f"{file}.json").read_bytes()


def test_a_clean_on_the_server_needs_todays_backup_of_the_same_server(
    tools: DeskTools, mariadb: MariaDb, mariadb_database: str
) -> None:
    with pytest.raises(JobError, match=f"no verified backup of {mariadb_database}"):
        clean(tools, "blobs")
    backup(tools)
    mariadb.query("CREATE TABLE quick (n INT) ENGINE=MyISAM", mariadb_database)
    mariadb.query("INSERT INTO quick VALUES (1)", mariadb_database)
    with pytest.raises(JobError, match="no table 'blob'; did you mean blobs"):
        clean(tools, "BannedInstruments,blob")
    assert tools.get(ReferenceStore).count("BannedInstruments") == 3
    done = clean(tools, "BannedInstruments,Blobs:soft,quick")
    assert done.facts["removed"] == {"BannedInstruments": 3, "blobs": 2, "quick": 1}
    assert "not in the transaction: quick" in done.note
    assert mariadb.query("SELECT id FROM blobs", mariadb_database) == [(1,)]


class WithoutDocker:
    """Imports as they go where the library `docker` is not installed."""

    def find_spec(self, name: str, *_: object) -> None:
        if name == "muhurat.jobs.backup.docker_library":
            raise ModuleNotFoundError("No module named 'docker'", name="docker")


@pytest.fixture(params=["library", "command"])
def docker_way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """With the library `docker`, and on a machine that has only the command."""
    if request.param == "command":
        monkeypatch.delitem(sys.modules, "muhurat.jobs.backup.docker_library", raising=False)
        monkeypatch.setattr(sys, "meta_path", [WithoutDocker(), *sys.meta_path])
    return str(request.param)


def test_a_container_is_backed_up_and_restored_by_its_own_programs(
    tmp_path: Path, mariadb_container: MariaDbContainer, docker_way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", mariadb_container.engine.host)
    programs = programs_of(mariadb_container.name, "", local=True)
    assert type(programs).__name__ == {"library": "DockerLibrary", "command": "DockerCommand"}[docker_way]
    with desk_on(tmp_path, mariadb_container.url) as tools:
        for statement in EXTRAS:
            mariadb_container.query(statement)
        before = tools.get(ReferenceStore).checksum()
        account = {
            "user": mariadb_container.user,
            "password": mariadb_container.password,
            "database": mariadb_container.database,
            "mysql_container_name": mariadb_container.name,
        }
        file = backup(tools, **account).files[0]
        mariadb_container.query("DROP TABLE BannedInstruments")
        mariadb_container.query("DELETE FROM blobs")
        bring_back(tools, file, container=mariadb_container.name)
        assert tools.get(ReferenceStore).checksum() == before
        assert mariadb_container.query("SELECT COUNT(*) FROM blobs") == "3\n"

        with pytest.raises(BackupError, match="Unknown database 'nosuch'"):
            backup(tools, **{**account, "database": "nosuch"})
        # the same server through its port: the backup by `docker exec` counts for it
        direct = {**account, "host": "127.0.0.1", "port": mariadb_container.port, "mysql_container_name": ""}
        assert clean(tools, "blobs:soft", **direct).facts["removed"] == {"blobs": 2}


def test_the_seeds_container_is_used_when_it_runs_and_nobody_says_otherwise(
    tmp_path: Path, mariadb_container: MariaDbContainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", mariadb_container.engine.host)
    monkeypatch.setattr("muhurat.jobs.backup.mysql.BLITZ_CONTAINER", mariadb_container.name)
    with desk_on(tmp_path, mariadb_container.url) as tools:
        done = backup(tools, user="root", password=mariadb_container.password, database="desk")
        assert read_manifest(Path(f"{done.files[0]}.json")).tables["BannedInstruments"] == 3


def test_a_container_that_does_not_run_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/nobody.sock")
    with pytest.raises(BackupError, match="no running container is called nobody"):
        programs_of("nobody", "", local=True)


def test_all_databases_of_a_server(tools: DeskTools, mariadb: MariaDb, mariadb_database: str) -> None:
    account = {"user": "root", "password": mariadb.password, "host": "127.0.0.1", "port": mariadb.port}
    file = backup(tools, **account, all_databases=True, mysql_container_name="").files[0]
    assert file.name.startswith("all_databases_")
    manifest = read_manifest(Path(f"{file}.json"))
    assert manifest.tables[f"{mariadb_database}.BannedInstruments"] == 3
    assert manifest.server.endswith("/*")

    done = clean(tools, "blobs:soft", **account, database=mariadb_database, mysql_container_name="")
    assert done.facts["backup"] == str(file)
    with pytest.raises(JobError, match="no verified backup of nosuch"):
        clean(tools, "blobs", **account, database="nosuch", mysql_container_name="")


def test_a_database_without_tables_gives_no_backup(tools: DeskTools, mariadb: MariaDb) -> None:
    mariadb.query("CREATE DATABASE IF NOT EXISTS hollow")
    account = {"user": "root", "password": mariadb.password, "host": "127.0.0.1", "port": mariadb.port}
    with pytest.raises(MuhuratError, match="not one table"):
        backup(tools, **account, database="hollow", mysql_container_name="")
    mariadb.query("DROP DATABASE hollow")
