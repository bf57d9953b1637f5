"""Risk arrays stream out of a SPAN file, sixteen losses each, positive for a loss of the long side."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from muhurat.venues.nse.span import Needs, SpanReader
from muhurat.venues.refusals import Malformed
from tests.venues.nse import made

DAY = date(2026, 9, 22)
SMALL = Needs(3, frozenset({"NIFTY"}))


def reader(day: date = DAY, needs: Needs = SMALL) -> SpanReader:
    return SpanReader(day=day, slot="i5", origin="http://nse/span.zip", needs=needs)


def pieces(data: bytes, size: int = 97) -> Iterator[bytes]:
    return (data[at : at + size] for at in range(0, len(data), size))


def rows(of: SpanReader, data: bytes) -> list[dict[str, Any]]:
    found = []
    for batch in of.rows(pieces(data)):
        found += [dict(zip(batch, values, strict=True)) for values in zip(*batch.values(), strict=True)]
    return found


def test_underlyings_futures_and_options_come_with_their_arrays() -> None:
    of = reader()

    found = rows(of, made.span(DAY, 3))

    assert of.count == len(found) == 12
    assert of.commodities == {"NIFTY", "STOCK1", "STOCK2"}
    assert of.head.created == "202609221530"
    assert not of.head.settlement
    scan = json.loads(found[0].pop("Scan"))
    assert scan == [-100.0 + step for step in range(16)]
    assert found[0] == {
        "SpanDate": "2026-09-22",
        "Slot": "i5",
        "Exchange": "NSE",
        "Code": "NIFTY",
        "Kind": "PHY",
        "Expiry": None,
        "Strike": None,
        "OptionType": None,
        "Price": 24000.5,
        "Composite": 0.9,
    }
    kinds = [(row["Kind"], row["Expiry"], row["Strike"], row["OptionType"]) for row in found if row["Code"] == "STOCK2"]
    assert kinds == [
        ("PHY", None, None, None),
        ("FUT", "2026-10-27", None, None),
        ("OOP", "2026-10-27", 24000.0, "CE"),
        ("OOP", "2026-10-27", 24000.0, "PE"),
    ]


def test_a_batch_is_one_portfolio() -> None:
    batches = list(reader().rows(pieces(made.span(DAY, 3))))

    assert [len(batch["Code"]) for batch in batches] == [1, 1, 1, 1, 1, 1, 2, 2, 2]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (made.span(date(2026, 9, 21), 3), "is of 20260921, not of 20260922"),
        (made.span(DAY, 3)[:-20], "is no whole XML file"),
        (made.span(DAY, 3, made.scan(1).replace("<a>5.00</a>", "")), "a risk array of 15 values"),
        (made.span(DAY, 3, made.scan(1) + "<a>1.00</a>"), "a risk array of 17 values"),
        (made.span(DAY, 3, made.scan(1).replace("5.00", "n/a")), "not 16 numbers"),
        (made.span(DAY, 2), "has 2 commodities, where a whole file has at least 3"),
        (made.span(DAY, 3).replace(b"NIFTY", b"NOBODY"), "has nothing of NIFTY"),
        (made.span(DAY, 3).replace(b"STOCK2", b"STOCK1"), "two portfolios PHY of STOCK1"),
        (made.span(DAY, 3).replace(b"20261027", b"202610"), "an expiry '202610' without a day"),
        (made.span(DAY, 3).replace(b"<o>P", b"<o>X"), "an option of type 'X'"),
        (made.span(DAY, 3).replace(b"<p>310.00", b"<p>x"), "has no number 'p'"),
        (b"<html><body>Access Denied</body></html>", "holds no risk arrays"),
        (b"", "is no whole XML file"),
    ],
)
def test_a_broken_file_is_refused_at_its_end_at_the_latest(data: bytes, said: str) -> None:
    with pytest.raises(Malformed) as caught:
        rows(reader(), data)

    assert said in str(caught.value)


def test_the_real_currency_file_is_read_with_its_signs(samples: Path) -> None:
    of = reader(date(2017, 5, 26), Needs(4, frozenset({"USDINR"})))

    found = rows(of, (samples / "nse" / "span" / "nsccl_x.20170526.i01.spn").read_bytes())

    assert of.head.created == "201705251931", "the file of a morning is made the evening before"
    assert len(found) == 4 + 48 + 274
    future = next(row for row in found if row["Kind"] == "FUT" and row["Code"] == "GBPINR")
    assert future["Expiry"] == "2017-05-29"
    assert json.loads(future["Scan"])[:6] == [13.13, 13.13, -563.81, -563.81, 590.07, 590.07]
    put = next(row for row in reversed(found) if row["OptionType"] == "PE" and row["Code"] == "USDINR")
    scan = json.loads(put["Scan"])
    assert scan[11] == round(1000 * put["Price"], 2), "a long put loses its premium when the price rises"
    assert scan[12] < 0 < scan[11], "and wins when it falls"
    assert all(len(json.loads(row["Scan"])) == 16 for row in found)
