"""A desk on SQLite: backed up while others write, wrecked, restored with the very content, cleaned behind a backup."""

from __future__ import annotations

import gzip
import json
import os
import resource
import shutil
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from muhurat.errors import MuhuratError, UsageError
from muhurat.jobs.backup.base import BackupError, Databases, SqliteTarget, read_manifest
from muhurat.jobs.backup.choosing import Asked
from muhurat.jobs.backup.files import clear_leftovers, folder_aside, in_work
from muhurat.jobs.backup.restoring import restore, same_content, target_of, verified
from muhurat.jobs.backup.sqlite import refuse_ledger, wait_until_unused
from muhurat.jobs.base import JobError, NotYet, Outcome
from muhurat.jobs.library import db_backup, db_clean
from muhurat.stores.base import ReferenceStore
from tests.jobs.library.tools import TUESDAY, DeskTools, tools_in
from tests.servers.processes import program

BANS = {
    "Symbol": ["SAIL", "O'Reilly; ☂", "RBLBANK"],
    "Reason": ["F&O ban", None, "ours"],
    "IsBanned": [True, True, False],
    "IsUserCreated": [False, False, True],
    "TradeDate": [TUESDAY] * 3,
}


@pytest.fixture
def tools(tmp_path: Path) -> Iterator[DeskTools]:
    with tools_in(tmp_path) as made:
        made.put(Databases, Databases("sqlite:///./data/reference.db", tmp_path, tmp_path / "data"))
        yield made


def fill(tools: DeskTools) -> dict[str, str]:
    """A reference store with something in it; its checksum."""
    store = tools.get(ReferenceStore)
    with store.transaction() as transaction:
        transaction.replace("BannedInstruments", BANS, where={})
    return dict(store.checksum())


def let_go(tools: DeskTools) -> None:
    """Close the store, as the end of a job's process does."""
    tools.get(ReferenceStore).close()
    tools._parts.pop(ReferenceStore)


def backup(tools: DeskTools, **options: object) -> Outcome:
    return db_backup.run(db_backup.DbBackupOptions.model_validate(options), tools)


def clean(tools: DeskTools, tables: str, **options: object) -> Outcome:
    return db_clean.run(db_clean.DbCleanOptions.model_validate({"tables": tables, **options}), tools)


def bring_back(tools: DeskTools, file: Path) -> Path | None:
    manifest = verified(file)
    target = target_of(manifest, Asked(), tools.get(Databases))
    return restore(manifest, target, tools.clock).kept


def test_a_backup_brings_the_very_content_back(tools: DeskTools) -> None:
    before = fill(tools)
    file = backup(tools).files[0]
    with tools.get(ReferenceStore).transaction() as transaction:
        transaction.delete("BannedInstruments", where={})
    let_go(tools)

    kept = bring_back(tools, file)

    after = tools.get(ReferenceStore).checksum()
    assert after == before
    same_content(verified(file), after)
    assert kept is not None
    with closing(sqlite3.connect(kept)) as replaced:
        assert replaced.execute("SELECT COUNT(*) FROM BannedInstruments").fetchone() == (0,)


@pytest.mark.parametrize("wreck", ["garbage", "gone", "cut"])
def test_a_wrecked_database_is_brought_back(tools: DeskTools, wreck: str) -> None:
    before = fill(tools)
    file = backup(tools).files[0]
    let_go(tools)
    database = tools.data_dir / "reference.db"
    if wreck == "gone":
        database.unlink()
    else:
        database.write_bytes(b"no database at all" * 400 if wreck == "garbage" else database.read_bytes()[:5000])
        database.with_name("reference.db-wal").write_bytes(b"of another life")
    bring_back(tools, file)
    assert tools.get(ReferenceStore).checksum() == before


def test_the_manifest_says_what_the_backup_holds(tools: DeskTools) -> None:
    checksum = fill(tools)
    outcome = backup(tools)
    manifest = read_manifest(outcome.files[0].with_name(outcome.files[0].name + ".json"))
    assert outcome.files[0].name == "reference_20260922_080000.db.gz"
    assert manifest.database == "reference"
    assert manifest.business_date == "2026-09-22"
    assert manifest.made_at == "2026-09-22T08:00:00+05:30"
    assert manifest.tables["BannedInstruments"] == 3
    assert manifest.checksum == checksum
    assert manifest.bytes == outcome.files[0].stat().st_size
    assert outcome.files[0].stat().st_mode & 0o077 == 0


def test_a_backup_beside_a_writer_is_one_consistent_state(tools: DeskTools) -> None:
    """Two tables always change together; in a backup they agree."""
    tools.data_dir.mkdir()
    path = tools.data_dir / "twins.db"
    with closing(sqlite3.connect(path)) as database:
        database.executescript("PRAGMA journal_mode=WAL; CREATE TABLE a (n); CREATE TABLE b (n);")
    done = threading.Event()

    def write() -> None:
        with closing(sqlite3.connect(path, isolation_level=None)) as database:
            for number in range(100_000):
                if done.is_set():
                    return
                database.executescript(
                    f"BEGIN; INSERT INTO a VALUES ({number}); INSERT INTO b VALUES ({number}); COMMIT"
                )

    writer = threading.Thread(target=write)
    writer.start()
    try:
        held = [read_manifest(Path(f"{backup(tools, database='twins').files[0]}.json")).tables for _ in range(5)]
    finally:
        done.set()
        writer.join()
    assert all(tables["a"] == tables["b"] for tables in held)
    assert held[-1]["a"] > 0


def test_a_changed_backup_touches_nothing(tools: DeskTools) -> None:
    before = fill(tools)
    file = backup(tools).files[0]
    let_go(tools)
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    with pytest.raises(BackupError, match="SHA-256 differs"):
        verified(file)
    assert tools.get(ReferenceStore).checksum() == before


def test_a_backup_without_its_manifest_is_refused(tools: DeskTools) -> None:
    fill(tools)
    file = backup(tools).files[0]
    Path(f"{file}.json").unlink()
    with pytest.raises(BackupError, match="is missing, so nobody knows"):
        verified(file)


def test_a_damaged_database_gives_no_backup(tools: DeskTools) -> None:
    fill(tools)
    let_go(tools)
    database = tools.data_dir / "reference.db"
    shutil.copy(database, tools.data_dir / "spare.db")
    content = bytearray((tools.data_dir / "spare.db").read_bytes())
    content[4096:8192] = os.urandom(4096)
    (tools.data_dir / "spare.db").write_bytes(content)
    with pytest.raises(BackupError):
        backup(tools, database="spare")
    assert not list(tools.data_dir.glob("backups/*"))


@pytest.fixture
def no_room() -> Iterator[None]:
    """No file of this process may grow beyond 20 kB: a full disk, as far as the program can tell."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_leaves_nothing_behind(tools: DeskTools, request: pytest.FixtureRequest) -> None:
    fill(tools)
    request.getfixturevalue("no_room")
    with pytest.raises(BackupError, match=r"cannot be copied into \S+/backups: disk I/O error") as caught:
        backup(tools)
    assert "free space" in caught.value.hint
    assert not list((tools.data_dir / "backups").iterdir())


KILLED = """
import os, signal, sys
from pathlib import Path
from muhurat.jobs.backup import sqlite
from muhurat.jobs.backup.base import Databases
from muhurat.jobs.library import db_backup
from tests.jobs.library.tools import tools_in

sqlite.checked_rows = lambda copy: os.kill(os.getpid(), signal.SIGKILL)
folder = Path(sys.argv[1])
with tools_in(folder) as tools:
    tools.put(Databases, Databases("sqlite:///./data/reference.db", folder, folder / "data"))
    db_backup.run(db_backup.DbBackupOptions(), tools)
"""


def test_what_a_killed_backup_left_is_gone_after_the_next(tools: DeskTools) -> None:
    fill(tools)
    folder = tools.data_dir / "backups"
    root = Path(__file__).parents[3]
    killed = subprocess.run([sys.executable, "-c", KILLED, str(tools.folder)], cwd=root, check=False)
    assert killed.returncode == -9
    assert len(list(folder.glob(".muhurat-reference-*/reference.db"))) == 1
    assert len(list(folder.glob("reference_*.part"))) == 1

    file = backup(tools).files[0]

    assert sorted(path.name for path in folder.iterdir()) == [file.name, f"{file.name}.json"]


def test_a_backup_that_still_works_is_left_alone(tmp_path: Path) -> None:
    part = tmp_path / "reference_20260922_081500.db.gz.part"
    part.touch()
    with in_work(part), folder_aside(tmp_path, "reference") as aside:
        clear_leftovers(tmp_path, "reference")
        assert part.exists()
        assert aside.exists()
    clear_leftovers(tmp_path, "reference")
    assert not part.exists()


def test_a_folder_that_cannot_be_made_is_named(tools: DeskTools) -> None:
    fill(tools)
    (tools.data_dir / "backups").write_text("a file where the folder should be")
    with pytest.raises(BackupError, match="cannot be written"):
        backup(tools)


def test_all_databases_of_the_desk_are_backed_up_the_ledger_too(tools: DeskTools) -> None:
    fill(tools)
    for name in ("ledger", "desk"):
        with closing(sqlite3.connect(tools.data_dir / f"{name}.db")) as database:
            database.executescript("CREATE TABLE t (n); INSERT INTO t VALUES (1);")
    made = backup(tools, all_databases=True)
    assert sorted(path.name.partition("_")[0] for path in made.files) == ["desk", "ledger", "reference"]


def test_the_ledger_is_never_cleaned_nor_restored_over(tools: DeskTools) -> None:
    tools.data_dir.mkdir()
    ledger = tools.data_dir / "ledger.db"
    with closing(sqlite3.connect(ledger)) as database:
        database.executescript("CREATE TABLE t (n); INSERT INTO t VALUES (1);")
    file = backup(tools, database="ledger").files[0]
    with pytest.raises(JobError, match="ledger"):
        clean(tools, "t", database="ledger.db")
    with pytest.raises(JobError, match="ledger"):
        restore(verified(file), SqliteTarget(ledger), tools.clock)
    (tools.data_dir / "other.db").symlink_to(ledger)
    with pytest.raises(JobError, match="ledger"):
        refuse_ledger(tools.data_dir / "other.db")


def test_a_file_in_use_is_refused_with_the_name_of_who_uses_it(tools: DeskTools) -> None:
    fill(tools)
    let_go(tools)
    database = tools.data_dir / "reference.db"
    script = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute('SELECT 1 FROM BannedInstruments'); "
    script += "print('open', flush=True); sys.stdin.read()"
    command = [sys.executable, "-c", script, str(database)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"open\n"
        with pytest.raises(NotYet, match=rf"in use by \S+ \(pid {other.pid}\)") as caught:
            wait_until_unused(database, patience_s=0.2)
        other.communicate()
    assert not caught.value.permanent
    wait_until_unused(database, patience_s=0.2)


def test_encryption_and_its_way_back(tools: DeskTools, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program("gpg", "gnupg")
    home = tmp_path / "gnupg"
    home.mkdir(mode=0o700)
    monkeypatch.setenv("GNUPGHOME", str(home))
    quiet = ("gpg", "--batch", "--quiet", "--passphrase", "")
    subprocess.run((*quiet, "--quick-generate-key", "desk@example.in", "future-default"), check=True)
    key = tmp_path / "backup.asc"
    key.write_bytes(subprocess.run(("gpg", "--export", "--armor"), capture_output=True, check=True).stdout)
    before = fill(tools)
    file = backup(tools, encrypt_to="backup.asc").files[0]
    let_go(tools)
    try:
        assert file.name.endswith(".db.gz.gpg")
        assert b"RBLBANK" not in file.read_bytes()
        assert verified(file).proven == "stream"
        (tools.data_dir / "reference.db").unlink()
        bring_back(tools, file)
        assert tools.get(ReferenceStore).checksum() == before
        (tmp_path / "empty.asc").write_text("no key")
        with pytest.raises(BackupError, match="holds no public key"):
            backup(tools, encrypt_to="empty.asc")
    finally:
        subprocess.run(("gpgconf", "--kill", "all"), check=True)


def test_a_clean_needs_todays_verified_backup(tools: DeskTools) -> None:
    fill(tools)
    let_go(tools)
    with pytest.raises(JobError, match="no verified backup of reference"):
        clean(tools, "BannedInstruments")
    file = backup(tools).files[0]
    let_go(tools)
    content = file.read_bytes()
    file.write_bytes(content[:-1] + b"x")
    with pytest.raises(JobError, match="SHA-256 differs"):
        clean(tools, "BannedInstruments")
    file.write_bytes(content)
    manifest = Path(f"{file}.json")
    told = json.loads(manifest.read_text())
    manifest.write_text(json.dumps(told | {"business_date": "2026-09-21"}))
    with pytest.raises(JobError, match="no verified backup"):
        clean(tools, "BannedInstruments")
    manifest.write_text(json.dumps(told))
    assert clean(tools, "bannedinstruments", blitz_server="BLZ1").facts["removed"] == {"BannedInstruments": 3}
    assert tools.get(ReferenceStore).count("BannedInstruments") == 0


def test_a_backup_of_another_file_of_that_name_does_not_count(tools: DeskTools, tmp_path: Path) -> None:
    fill(tools)
    backup(tools)
    let_go(tools)
    (tmp_path / "elsewhere").mkdir()
    shutil.copy(tools.data_dir / "reference.db", tmp_path / "elsewhere" / "reference.db")
    with pytest.raises(JobError, match="is of reference at"):
        clean(tools, "BannedInstruments", database="elsewhere/reference.db")


def test_soft_cleaning_removes_marked_rows_and_all_is_one_transaction(tools: DeskTools) -> None:
    tools.data_dir.mkdir()
    path = tools.data_dir / "chain.db"
    with closing(sqlite3.connect(path)) as database:
        database.executescript(
            "CREATE TABLE Orders (id, IsDeleted); INSERT INTO Orders VALUES (1, 0), (2, 1), (3, 1);"
            "CREATE TABLE Prices (id); INSERT INTO Prices VALUES (1), (2);"
        )
    backup(tools, database="chain")
    with pytest.raises(JobError, match="no table 'Order'; did you mean Orders"):
        clean(tools, "Prices,Order", database="chain")
    with pytest.raises(JobError, match="Prices has no column IsDeleted"):
        clean(tools, "Orders:soft,Prices:soft", database="chain")
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("SELECT COUNT(*) FROM Prices").fetchone() == (2,)
        assert database.execute("SELECT COUNT(*) FROM Orders").fetchone() == (3,)
    done = clean(tools, "Orders:soft, Prices", database="chain")
    assert done.facts["removed"] == {"Orders": 2, "Prices": 2}
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("SELECT id FROM Orders").fetchall() == [(1,)]


@pytest.mark.parametrize("tables", ["A:hard", "A,a", ":soft"])
def test_what_nobody_can_mean_is_refused(tools: DeskTools, tables: str) -> None:
    with pytest.raises(UsageError):
        clean(tools, tables)


def test_a_plain_backup_in_another_folder_is_known_to_the_desk(tools: DeskTools, tmp_path: Path) -> None:
    fill(tools)
    file = backup(tools, output_dir="elsewhere", no_compress=True).files[0]
    let_go(tools)
    assert file == tmp_path / "elsewhere" / "reference_20260922_080000.db"
    assert file.read_bytes().startswith(b"SQLite format 3")
    assert clean(tools, "BannedInstruments").facts["backup"] == str(file)


def test_a_second_backup_in_the_same_second_keeps_the_first(tools: DeskTools) -> None:
    fill(tools)
    first, second = (backup(tools).files[0] for _ in range(2))
    assert first != second
    assert gzip.decompress(first.read_bytes()) == gzip.decompress(second.read_bytes())


def test_an_unknown_database_is_named_with_those_there_are(tools: DeskTools) -> None:
    fill(tools)
    with pytest.raises(MuhuratError, match="no database called 'refrence'; it has reference"):
        backup(tools, database="refrence")
