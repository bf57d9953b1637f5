"""URLs choose the store."""

from __future__ import annotations

from pathlib import Path

import pytest

from muhurat.clock import ManualClock
from muhurat.errors import MissingDriver, StoreError
from muhurat.stores import registry
from muhurat.stores.parquet import ParquetTickStore
from muhurat.stores.registry import open_tick_store, path_of


def test_a_parquet_url_opens_a_folder_of_the_desk(tmp_path: Path) -> None:
    with open_tick_store("parquet:///./data/ticks", base=tmp_path, clock=ManualClock(), universe=tmp_path) as store:
        assert isinstance(store, ParquetTickStore)


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("parquet:///./data/ticks", "desk/data/ticks"),
        ("parquet:///ticks", "desk/ticks"),
        ("parquet:////var/t", "/var/t"),
    ],
)
def test_three_slashes_are_relative_and_four_absolute(tmp_path: Path, url: str, path: str) -> None:
    assert path_of(url, tmp_path / "desk") == tmp_path / path


@pytest.mark.parametrize("url", ["parquet://ticks", "parquet://", "parquet:///"])
def test_a_url_without_a_path_is_refused(tmp_path: Path, url: str) -> None:
    with pytest.raises(StoreError, match="names no path; write parquet:///"):
        path_of(url, tmp_path)


def test_an_unknown_scheme_is_refused_naming_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no tick store for 'mongodb'; known: parquet"):
        open_tick_store("mongodb://host", base=tmp_path, clock=ManualClock(), universe=tmp_path)


def test_a_store_whose_library_is_not_installed_names_the_command_that_adds_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "store_of_tomorrow.py").write_text("import a_library_that_nobody_installed")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(registry, "TICK_STORES", {"tomorrow": "store_of_tomorrow"})
    with pytest.raises(MissingDriver, match="a_library_that_nobody_installed") as caught:
        open_tick_store("tomorrow:///./x", base=tmp_path, clock=ManualClock(), universe=tmp_path)
    assert "pip install 'muhurat[tomorrow]'" in caught.value.hint


def test_questdb_over_tls_needs_the_same_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "store_without.py").write_text("import a_library_that_nobody_installed")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(registry, "TICK_STORES", {"questdbs": "store_without"})
    with pytest.raises(MissingDriver) as caught:
        open_tick_store("questdbs://host", base=tmp_path, clock=ManualClock(), universe=tmp_path)
    assert "pip install 'muhurat[questdb]'" in caught.value.hint


def test_questdb_also_needs_what_its_client_makes_rows_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("muhurat.stores.questdb.find_spec", lambda _: None)
    with pytest.raises(MissingDriver, match="'pandas' is not installed"):
        open_tick_store("questdb://host", base=tmp_path, clock=ManualClock(), universe=tmp_path)
