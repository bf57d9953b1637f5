from __future__ import annotations

from pathlib import Path

import pytest

from muhurat.errors import UsageError
from muhurat.trading.mode import resolve_mode


@pytest.mark.parametrize(
    ("flag", "file", "desk", "mode"),
    [
        (None, None, "test", "test"),
        (None, "DEBUG\n", "test", "debug"),
        ("test", "debug", "debug", "test"),
        ("Test", None, None, "test"),
        ("debug", "live", "live", "debug"),
    ],
)
def test_the_flag_overrules_the_file_and_the_file_the_desk(
    tmp_path: Path, flag: str | None, file: str | None, desk: str | None, mode: str
) -> None:
    if file is not None:
        (tmp_path / ".trading_mode").write_text(file)

    assert resolve_mode(flag, tmp_path, desk) == mode


@pytest.mark.parametrize(
    ("flag", "file", "desk", "said"),
    [
        ("live", None, None, "--mode: live trading is not part of this version"),
        (None, "live", "test", "trading_mode: live trading is not part"),
        (None, None, "live", "desk file: live trading is not part"),
        ("papre", None, None, "--mode: unknown mode 'papre'"),
        (None, "on", None, "trading_mode: unknown mode 'on'"),
        (None, None, None, "no mode is given"),
    ],
)
def test_what_cannot_be_started_is_refused_where_it_was_said(
    tmp_path: Path, flag: str | None, file: str | None, desk: str | None, said: str
) -> None:
    if file is not None:
        (tmp_path / ".trading_mode").write_text(file)

    with pytest.raises(UsageError, match=said):
        resolve_mode(flag, tmp_path, desk)
