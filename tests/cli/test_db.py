"""`muhurat db` as an operator uses it: back up, list, wreck, restore, migrate."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from muhurat.cli import main
from muhurat.clock import SystemClock
from muhurat.stores.base import ReferenceStore
from muhurat.stores.registry import open_cache, open_reference_store


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    """A desk file beside a reference store with one ban."""
    file = tmp_path / "desk.yaml"
    file.write_text("desk: {name: test}\n")
    with_ban(store(tmp_path), "SAIL")
    return file


def store(folder: Path) -> ReferenceStore:
    return open_reference_store("sqlite:///./data/reference.db", base=folder)


def with_ban(opened: ReferenceStore, symbol: str) -> None:
    row = {"Symbol": [symbol], "Reason": [None], "IsBanned": [True], "IsUserCreated": [True], "TradeDate": [None]}
    with opened.transaction() as transaction:
        transaction.replace("BannedInstruments", row, where={})
    opened.close()


def banned(folder: Path) -> list[str]:
    opened = store(folder)
    try:
        return [row["Symbol"] for row in opened.read("BannedInstruments")]
    finally:
        opened.close()


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    """Exit code and all that was printed."""
    try:
        code = main(["db", *words])
    except SystemExit as end:
        code = int(end.code or 0)
    told = capsys.readouterr()
    return code, told.out + told.err


def made(capsys: pytest.CaptureFixture[str], desk: Path, *words: str) -> Path:
    code, out = run(capsys, "backup", "--desk", str(desk), "--json", *words)
    assert code == 0, out
    return Path(json.loads(out)["file"])


def test_a_backup_is_listed_and_brought_back(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = made(capsys, desk)
    assert file.parent == desk.parent / "data" / "backups"
    assert "verified" in run(capsys, "list", "--desk", str(desk))[1]
    with_ban(store(desk.parent), "RBLBANK")

    code, out = run(capsys, "restore", str(file), "--yes", "--desk", str(desk))
    assert code == 0
    assert "reference.db is as it was on" in out
    assert "the file as it was is reference.db.replaced-" in out
    assert banned(desk.parent) == ["SAIL"]


def test_a_restore_asks_first(desk: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    file = made(capsys, desk)
    with_ban(store(desk.parent), "RBLBANK")
    command = [sys.executable, "-m", "muhurat", "db", "restore", str(file), "--desk", str(desk)]
    answered = subprocess.run(command, input="n\n", capture_output=True, text=True, check=False)
    assert answered.returncode == 1
    assert f"This replaces {desk.parent}/data/reference.db with the" in answered.stdout
    assert banned(desk.parent) == ["RBLBANK"]


def test_a_damaged_backup_is_listed_and_refused(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = made(capsys, desk)
    file.write_bytes(file.read_bytes()[:-1] + b"?")
    assert "its SHA-256 differs" in run(capsys, "list", "--desk", str(desk), "--json")[1]
    code, out = run(capsys, "restore", str(file), "--yes", "--desk", str(desk))
    assert code == 1
    assert "nothing was touched" in out


def test_the_cache_is_backed_up_and_brought_back(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cache = open_cache("sqlite:///./data/cache.db", base=desk.parent, clock=SystemClock())
    cache.set("k", b"v", ttl_s=5)
    before = cache.get("k")
    file = made(capsys, desk, "--cache")
    cache.delete("")
    cache.set("later", b"x")
    code, out = run(capsys, "restore", str(file), "--yes", "--desk", str(desk))
    assert (code, out) == (0, "the cache holds 1 keys and 0 series again\n")
    assert cache.get("k") == before
    assert cache.keys("") == ["k"]
    cache.close()


def test_migrate_names_the_versions(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out = run(capsys, "migrate", "--desk", str(desk), "--json")
    rows = [json.loads(line) for line in out.splitlines()]
    assert code == 0
    assert [row["schema"] for row in rows] == ["reference", "desk"]
    assert (desk.parent / "data" / "desk.db").exists()
