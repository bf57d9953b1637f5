"""`muhurat init`: a desk file to begin with."""

from __future__ import annotations

from pathlib import Path

import pytest

from muhurat.app.desk import open_desk
from muhurat.cli.init import command
from muhurat.errors import UsageError


def test_the_desk_it_writes_is_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZERODHA_API_KEY", "key")
    monkeypatch.setenv("ZERODHA_API_SECRET", "secret")
    command(tmp_path / "new", "my-desk")
    desk = open_desk(tmp_path / "new" / "desk.yaml")
    assert desk.desk.name == "my-desk"
    assert desk.trading is not None
    assert desk.trading.mode == "test"


def test_it_never_writes_over_a_desk(tmp_path: Path) -> None:
    (tmp_path / "desk.yaml").write_text("mine")
    with pytest.raises(UsageError, match="exists already"):
        command(tmp_path, "x")
    assert (tmp_path / "desk.yaml").read_text() == "mine"
