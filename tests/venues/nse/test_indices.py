"""Index values come from one file of all, or from the history of one; both say whose day they are."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest

from muhurat.venues.nse.base import IndexDay
from muhurat.venues.nse.indices import parse_history, parse_index_file
from muhurat.venues.refusals import Malformed
from tests.venues.nse import made

DAY = date(2026, 9, 22)
ROW = {
    "RequestNumber": "His1",
    "Index Name": "",
    "INDEX_NAME": "Nifty 50",
    "HistoricalDate": "22 Sep 2026",
    "OPEN": "25010.10",
    "HIGH": "25110.00",
    "LOW": "24990.05",
    "CLOSE": "25080.25",
}


def file(data: bytes) -> IndexDay:
    return parse_index_file(data, day=DAY, origin="http://nse/ind.csv")


def history(body: object) -> list[IndexDay]:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return parse_history(data, name="NIFTY 50", first=date(2026, 9, 21), last=DAY, origin="http://indices")


def test_the_file_of_all_indices_is_read_with_dashes_as_nothing() -> None:
    found = file(made.index_file(DAY))

    assert found.rows == 31
    assert {name: values[-1] for name, values in found.columns.items()} == {
        "IndexDate": "2026-09-22",
        "IndexName": "India VIX",
        "OpenValue": 12.5,
        "HighValue": 13.1,
        "LowValue": 12.2,
        "CloseValue": 12.75,
        "Volume": None,
        "Turnover": None,
    }
    assert found.columns["Volume"][0] == 1200


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "no column Open Index Value"),
        (b"<html>no</html>", "it begins '<html>no</html>'"),
        (made.index_file(DAY).replace(b"Closing Index Value", b"Last Value"), "no column Closing Index Value"),
        (made.index_file(DAY).replace(b"Index Date", b"Day"), "no column Index Name, Index Date"),
        (made.index_file(date(2026, 9, 21)), "is of 2026-09-21, not of 2026-09-22"),
        (made.index_file(DAY, 5), "6 indices, where a whole day has at least 20"),
        (made.index_file(DAY).replace(b"Nifty 3,", b"Nifty 4,"), "'Nifty 4' twice"),
        (made.index_file(DAY).replace(b"12.75", b"0"), "India VIX closes at 0.0"),
        (made.index_file(DAY).replace(b"12.75", b"-"), "India VIX closes at None"),
        (made.index_file(DAY).replace(b"12.75", b"twelve"), "'twelve' is no number"),
        (made.index_file(DAY).replace(b"22-09-2026", b"22/09/2026", 1), "'22/09/2026' is no date"),
    ],
)
def test_another_file_is_refused(data: bytes, said: str) -> None:
    with pytest.raises(Malformed) as caught:
        file(data)

    assert said in str(caught.value)


def test_a_close_beyond_the_range_is_told() -> None:
    found = file(made.index_file(DAY).replace(b"12.75", b"13.75"))

    assert found.warnings == ("India VIX closes at 13.75, beyond its 12.2 to 13.1",)


@pytest.mark.parametrize("wrap", [lambda rows: rows, lambda rows: {"d": json.dumps(rows)}])
def test_a_history_is_an_array_bare_or_as_text_in_d(wrap) -> None:  # type: ignore[no-untyped-def]
    found = history(wrap([ROW, ROW | {"HistoricalDate": "21 Sep 2026", "OPEN": "-"}]))

    assert [each.day for each in found] == [date(2026, 9, 21), DAY]
    assert [each.columns["OpenValue"] for each in found] == [[None], [25010.10]]


def test_no_days_are_no_error() -> None:
    assert history([]) == []


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"<!DOCTYPE html><title>Login</title>", "is no JSON"),
        ({"Message": "Authentication failed."}, "is no array of rows"),
        ([{"INDEX_NAME": "Nifty 50"}], "a row without HistoricalDate, OPEN"),
        ([ROW | {"INDEX_NAME": "Nifty Bank"}], "answers with 'Nifty Bank', asked for 'NIFTY 50'"),
        ([ROW | {"HistoricalDate": "18 Sep 2026"}], "answers with 2026-09-18, asked for 2026-09-21 to 2026-09-22"),
        ([ROW, ROW], "has 2026-09-22 twice"),
        ([ROW | {"CLOSE": "0"}], "closes at 0.0"),
    ],
)
def test_another_history_is_refused(body: object, said: str) -> None:
    with pytest.raises(Malformed) as caught:
        history(body)

    assert said in str(caught.value)


def test_the_real_reply_is_read(samples: Path) -> None:
    (reply,) = (samples / "nse" / "niftyindices").glob("BackPage_*.json")

    found = parse_history(
        reply.read_bytes(), name="NIFTY ALPHA 50", first=date(2024, 1, 1), last=date(2024, 1, 5), origin=reply.name
    )

    assert [each.day.day for each in found] == [1, 2, 3, 4, 5]
    assert found[-1].columns["CloseValue"] == [43353.25]
