"""The website's CSV is read through its byte-order mark, padded headers, commas and dashes."""

from __future__ import annotations

import pytest

from muhurat.venues.nse.gainers import parse_gainers
from muhurat.venues.refusals import Malformed
from tests.venues.nse import made


def test_a_list_is_read_by_the_letters_of_its_columns_and_kept_as_it_came() -> None:
    found = parse_gainers(made.GAINERS, origin="gainers")

    assert found.raw == made.GAINERS
    assert found.rows[0] == {
        "SYMBOL": "M&M",
        "OPEN": 3101.0,
        "HIGH": 3190.0,
        "LOW": 3100.1,
        "PREV CLOSE": 3099.0,
        "LTP": 3180.05,
        "%CHNG": 2.62,
        "VOLUME": 1234567.0,
        "VALUE": 38412.55,
        "CA": None,
    }


def test_a_comma_at_the_end_of_each_line_is_no_column() -> None:
    body = b"SYMBOL ,LTP ,\nTCS,1.5,\nM&M,2.5,,\n"

    assert [row["SYMBOL"] for row in parse_gainers(body, origin="gainers").rows] == ["TCS", "M&M"]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "it begins nothing"),
        (b"{}", "is no CSV; it begins '{}'"),
        (b"<html>Resource not found</html>", "is a web page instead of the list"),
        (b"SYMBOL,OPEN\nTCS,1\n", "no column LTP"),
        (b"SYMBOL,LTP\n", "has no rows"),
        (b"SYMBOL,LTP\nTCS\n", "1 cells under 2 columns"),
        (b"SYMBOL,LTP\nTCS,-\n", "names no symbol with its price"),
    ],
)
def test_anything_else_is_refused(body: bytes, said: str) -> None:
    with pytest.raises(Malformed) as caught:
        parse_gainers(body, origin="gainers")

    assert said in str(caught.value)
