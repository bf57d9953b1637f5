from __future__ import annotations

from pathlib import Path

import pytest

from tests.simulator.market.candle_samples import write_folder


@pytest.fixture
def candle_folder(tmp_path: Path) -> Path:
    """A folder of candles of two sessions, made by us, for one test to read and to spoil."""
    folder = tmp_path / "candles"
    folder.mkdir()
    return write_folder(folder)
