"""A desk's objects out of its file."""

from __future__ import annotations

from pathlib import Path

import pytest

from muhurat.app.desk import clock_of, open_desk, token_file
from muhurat.clock import ClockPage, SimulatedClock, SystemClock

TEXT = 'desk: {name: x, clock: run/clock}\nvenues: {kite: {api_key: "${ZERODHA_API_KEY}"}}\n'


@pytest.fixture
def desk_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("MUHURAT_CLOCK", "ZERODHA_API_KEY", "KITE_ACCESS_TOKEN", "ZERODHA_ACCESS_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "desk.yaml").write_text(TEXT)
    (tmp_path / ".env").write_text("ZERODHA_API_KEY=key-of-the-file\nKITE_ACCESS_TOKEN=token-of-the-file\n")
    return tmp_path / "desk.yaml"


def test_a_session_may_stand_in_dotenv(desk_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    desk = open_desk(desk_file)
    assert token_file(desk).read().api_key == "key-of-the-file"
    assert token_file(desk).read().access_token == "token-of-the-file"
    monkeypatch.setenv("KITE_ACCESS_TOKEN", "token-of-the-environment")
    assert token_file(desk).read().access_token == "token-of-the-environment"


def test_a_rehearsals_clock_counts_while_its_conductor_lives(desk_file: Path) -> None:
    desk = open_desk(desk_file)
    assert isinstance(clock_of(desk), SystemClock)
    page = ClockPage.create(desk.run_dir / "clock", 5)
    assert isinstance(clock_of(desk), SimulatedClock)
    with page.path.open("r+b") as file:
        file.seek(24)
        file.write((2**22 + 1).to_bytes(4, "little"))  # no process has such a number
    assert isinstance(clock_of(desk), SystemClock)
