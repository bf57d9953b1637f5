"""A bhavcopy is read by its column names, and refused for whatever its format rules out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from muhurat.venues.nse.base import Bhavcopy
from muhurat.venues.nse.udiff import HEADER, Bounds, read_bhavcopy
from muhurat.venues.refusals import Malformed
from tests.venues.nse import made

DAY = date(2026, 9, 22)
FEW = Bounds(4, frozenset({"STF", "STO", "IDF", "IDO"}))


def read(data: bytes, bounds: Bounds = FEW) -> Bhavcopy:
    """The day with all its columns as lists."""
    found = read_bhavcopy(data, source="NSE", segment="FO", day=DAY, origin="http://nse/fo.csv", bounds=bounds)
    return replace(found, columns={name: np.asarray(values).tolist() for name, values in found.columns.items()})


def rows(*changed: dict[str, str], more: int = 4) -> bytes:
    plain = [made.contract(number, DAY) for number in range(10, 10 + more)]
    return made.text(
        made.HEADER, [made.contract(number, DAY, **each) for number, each in enumerate(changed, 1)] + plain
    )


def test_rows_come_in_the_order_of_their_tokens_with_numbers_as_numbers_and_empties_as_none() -> None:
    lines = [made.contract(number, DAY) for number in (7, 4, 6, 5)]

    found = read(made.text(made.HEADER, lines))

    assert found.rows == 4
    assert found.columns["FinInstrmId"] == [4, 5, 6, 7]
    assert found.columns["StrkPric"] == [None, None, 300.0, 350.0]
    assert found.columns["OptnTp"] == [None, None, "CE", "CE"]
    assert found.columns["ISIN"] == [None] * 4
    assert found.columns["TradDt"] == ["2026-09-22"] * 4
    assert found.columns["TtlTrfVal"] == [5550000.0] * 4
    assert found.columns["ChngInOpnIntrst"] == [-150] * 4
    assert list(found.columns) == list(HEADER[:29])


@pytest.mark.parametrize(
    "form", [lambda data: data.replace(b"\n", b"\r\n"), lambda data: b"\xef\xbb\xbf" + data, lambda data: data[:-1]]
)
def test_line_ends_and_a_byte_order_mark_make_no_difference(form: Callable[[bytes], bytes]) -> None:
    assert read(form(rows())) == read(rows())


def test_a_column_added_at_the_end_and_another_order_do_no_harm() -> None:
    lines = rows().decode().splitlines()
    added = "\n".join([f"{lines[0]},Rsvd5", *(f"{line},x" for line in lines[1:])]).encode()
    turned = "\n".join(",".join(reversed(line.split(","))) for line in lines).encode()

    assert read(added) == read(turned) == read(rows())


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "is no bhavcopy; it begins nothing"),
        (b"<html>Access Denied</html>", "is no bhavcopy; it begins '<html>Access Denied"),
        (rows().replace(b"SttlmPric", b"SettlPric"), "no column SttlmPric; it has SettlPric instead"),
        (rows().replace(b",Rsvd4", b"", 1), "no column Rsvd4"),
        (made.text(made.HEADER, []), "0 rows, where a whole day has at least 4"),
        (rows()[:-60], "Expected 34 columns"),
        (rows({"TradDt": "2026-09-21"}), "TradDt is 2026-09-21 where 2026-09-22 was asked for"),
        (rows({"Sgmt": "CM"}), "Sgmt is CM where FO was asked for"),
        (rows({"Src": "BSE"}), "Src is BSE where NSE was asked for"),
        (rows({"ClsPric": ""}), "ClsPric is empty in 1 rows"),
        (rows({"FinInstrmId": "10"}), "1 instruments are there more than once"),
        (rows({"ClsPric": "12a"}), "12a"),
        (rows({"OpnIntrst": "75.5"}), "75.5"),
        (rows({"LastPric": "-1.00"}), "LastPric is negative for UND26OCT1"),
        (rows({"OpnPric": "120.00"}, {"LwPric": "101.00"}), "outside their own high and low for UND26OCT1 and 1 more"),
        (
            made.text(made.HEADER, [made.contract(4 * number, DAY) for number in range(5)]),
            "no rows of type IDF, IDO, STO",
        ),
    ],
)
def test_what_the_format_rules_out_is_refused_by_name(data: bytes, said: str) -> None:
    with pytest.raises(Malformed) as caught:
        read(data)

    assert said in str(caught.value)
    assert str(caught.value).startswith("http://nse/fo.csv")
    assert caught.value.hint


def test_oddities_that_happen_are_told_and_let_through() -> None:
    found = read(rows({"ClsPric": "111.00"}, {"OpnIntrst": "7501"}, {"NewBrdLotQty": "0"}))

    assert found.warnings == (
        "the close lies beyond high and low for UND26OCT1",
        "the open interest is no multiple of the lot for UND26OCT2",
    )


def test_a_row_without_trades_may_have_no_high_and_low() -> None:
    untraded = {"OpnPric": "0.00", "HghPric": "0.00", "LwPric": "0.00", "TtlTradgVol": "0"}

    assert read(rows(untraded)).warnings == ()


def test_a_whole_day_has_its_usual_size() -> None:
    with pytest.raises(Malformed, match="1,999 rows, where a whole day has at least 2,000"):
        read_bhavcopy(made.bhavcopy("CM", DAY, 1_999), source="NSE", segment="CM", day=DAY, origin="cm")


@pytest.mark.parametrize(
    ("name", "source", "segment", "day", "first"),
    [
        ("bse_cm_udiff_20240708_excerpt", "BSE", "CM", date(2024, 7, 8), (500325, "RELIANCE", 3202.10)),
        ("nse_cm_udiff_20260918_excerpt", "NSE", "CM", date(2026, 9, 18), (2885, "RELIANCE", 1226.40)),
        ("nse_fo_udiff_20260821_excerpt_pandas_rewritten", "NSE", "FO", date(2026, 8, 21), (52956, "ABCAPITAL", 41.0)),
    ],
)
def test_the_real_excerpts_are_read(
    samples: Path, name: str, source: str, segment: str, day: date, first: tuple[int, str, float]
) -> None:
    data = (samples / "nse" / "udiff" / f"{name}.csv").read_bytes()

    found = read_bhavcopy(data, source=source, segment=segment, day=day, origin=name, bounds=Bounds(1, frozenset()))

    assert found.rows == len(data.splitlines()) - 1
    assert tuple(found.columns[column][0] for column in ("FinInstrmId", "TckrSymb", "ClsPric")) == first
    assert found.warnings == ()
