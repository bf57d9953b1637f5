"""The reference store on SQLite: values, files, full disks and wrong URLs. What any database does: tests/contract."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from muhurat.errors import StoreError
from muhurat.stores.base import ReferenceStore
from muhurat.stores.registry import open_reference_store
from tests.jobs.library.small_disk import small_disk
from tests.stores.sql.rows import DAY, bhavcopy

URL = "sqlite:///./data/reference.db"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[ReferenceStore]:
    opened = open_reference_store(URL, base=tmp_path)
    yield opened
    opened.close()


def put(store: ReferenceStore, columns: Any) -> int:
    with store.transaction() as transaction:
        return transaction.replace("FoBhavcopy", {"FinInstrmId": [1, 2, 3], **columns}, where={"TradDt": DAY})


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"StrkPric": ["x", 1.0, 2.0]}, "FoBhavcopy.StrkPric takes a finite number, not 'x'"),
        ({"StrkPric": [True, False, None]}, "FoBhavcopy.StrkPric takes a finite number, not True"),
        ({"OpnIntrst": [1.5, 2.0, 3]}, "FoBhavcopy.OpnIntrst takes a whole number of 64 bits, not 1.5"),
        ({"OpnIntrst": [2**63, 2, 3]}, "OpnIntrst takes a whole number of 64 bits, not 9223372036854775808"),
        ({"OpnIntrst": ["7", "8", "9"]}, "OpnIntrst takes a whole number of 64 bits, not '7'"),
        ({"XpryDt": ["31-DEC-2026", None, None]}, "XpryDt takes a date YYYY-MM-DD, not '31-DEC-2026'"),
        ({"XpryDt": ["2026-12-32", None, None]}, "XpryDt takes a date YYYY-MM-DD, not '2026-12-32'"),
        ({"XpryDt": ["20261231", None, None]}, "XpryDt takes a date YYYY-MM-DD, not '20261231'"),
        ({"XpryDt": ["", None, None]}, "XpryDt takes a date YYYY-MM-DD, not ''"),
        ({"XpryDt": [datetime(2026, 11, 20), None, None]}, "XpryDt takes a date YYYY-MM-DD"),  # noqa: DTZ001
        ({"TckrSymb": [5, "X", "Y"]}, "TckrSymb takes text, not 5"),
        ({"TckrSymb": [["X"], "X", "Y"]}, r"TckrSymb takes text, not ['X']"),
        ({"Colour": ["red", "blue", "red"]}, "FoBhavcopy has no column 'Colour'"),
        ({"OptnTp": ["CE"]}, "differ in length"),
    ],
)
def test_a_value_of_another_kind_is_refused_by_name(store: ReferenceStore, change: dict[str, Any], words: str) -> None:
    with pytest.raises(StoreError) as caught:
        put(store, change)
    assert words in str(caught.value)
    assert store.count("FoBhavcopy") == 0


@pytest.mark.parametrize(
    ("name", "values", "kept"),
    [
        ("OpnIntrst", np.array([1.0, np.nan, 3.0]), [1, None, 3]),
        ("OpnIntrst", [np.int64(1), 0, None], [1, 0, None]),
        ("ClsPric", [Decimal("1.5"), 2, np.float32(0.5)], [1.5, 2.0, 0.5]),
        ("ClsPric", [1.7e308, 1.7e308, float("nan")], [1.7e308, 1.7e308, None]),
        ("ClsPric", [-0.0, 0.0, None], [0.0, 0.0, None]),
        ("XpryDt", np.array(["2026-11-20", "NaT", "2026-11-20"], dtype="datetime64[D]"), [DAY, None, DAY]),
        ("TckrSymb", np.array(["M&M", "नमस्ते", "x"]), ["M&M", "नमस्ते", "x"]),
        ("TckrSymb", ["M&M", float("nan"), None], ["M&M", None, None]),
        ("TckrSymb", ["", 'O\'Neil "x"', "%s; --"], ["", 'O\'Neil "x"', "%s; --"]),
    ],
)
def test_values_come_in_many_forms(store: ReferenceStore, name: str, values: Any, kept: list[Any]) -> None:
    put(store, {name: values})
    assert [row[name] for row in store.read("FoBhavcopy", order_by=["FinInstrmId"])] == kept


def test_a_full_disk_is_told_with_the_file_and_changes_nothing(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", kilobytes=1536) as disk:
        store = open_reference_store(f"sqlite:///{disk}/reference.db", base=tmp_path)
        with store.transaction() as transaction:
            transaction.replace("FoBhavcopy", bhavcopy(100), where={"TradDt": DAY})
        before = store.checksum()
        with pytest.raises(StoreError, match="has no room on its disk, so nothing was changed") as caught:
            _load_much(store)
        assert str(disk / "reference.db") in str(caught.value)
        assert "free some room" in caught.value.hint
        assert store.checksum() == before
        store.close()


def _load_much(store: ReferenceStore) -> None:
    with store.transaction() as transaction:
        transaction.replace("FoBhavcopy", bhavcopy(60_000), where={"TradDt": DAY})


def test_a_file_that_is_no_database_is_told(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "reference.db").write_text("something else, long enough to be looked at" * 20)
    with pytest.raises(StoreError, match=r"data/reference\.db is damaged, or no database") as caught:
        open_reference_store(URL, base=tmp_path)
    assert "muhurat db restore" in caught.value.hint


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file where the folder should be")
    with pytest.raises(StoreError, match=r"the folder .*data cannot be made"):
        open_reference_store(URL, base=tmp_path)


def test_a_reader_of_the_file_sees_plain_sql(store: ReferenceStore, tmp_path: Path) -> None:
    put(store, {"TckrSymb": ["NIFTY"] * 3, "ClsPric": [1.5, 2.5, 3.5]})
    with sqlite3.connect(tmp_path / "data" / "reference.db") as connection:
        query = "SELECT TradDt, TckrSymb, sum(ClsPric) FROM FoBhavcopy GROUP BY 1, 2"
        assert connection.execute(query).fetchall() == [("2026-11-20", "NIFTY", 7.5)]
    connection.close()


@pytest.mark.parametrize("url", ["mysql:///desk", "mysql://host", "mysql://u:secret@host:port/desk"])
def test_a_url_that_names_no_database_is_refused_without_its_password(tmp_path: Path, url: str) -> None:
    with pytest.raises(StoreError) as caught:
        open_reference_store(url, base=tmp_path)
    assert "mysql://user:password@host:3306/name" in caught.value.hint
    assert "secret" not in str(caught.value)
