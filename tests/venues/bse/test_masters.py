"""BSE's masters are read, and what is no whole master of the right shape is refused by name."""

from __future__ import annotations

import time
from datetime import date
from pathlib import Path

import pytest

from muhurat.venues.bse.masters import (
    CONTRACT_MEMBER,
    SCRIP_MEMBER,
    isin_is_sound,
    newest_member,
    read_contracts,
    read_scrips,
)
from muhurat.venues.refusals import Malformed
from tests.venues.bse.masters import contract_row, contract_text, scrip_row, scrip_text, scrip_zip, zipped

DAY = date(2026, 9, 21)


def test_the_real_master_of_scrips_reads_quickly(samples: Path) -> None:
    data = (samples / "bse/SCRIP_250517.TXT").read_bytes()

    began = time.process_time()
    table = read_scrips(data, "SCRIP_250517.TXT")

    assert time.process_time() - began < 1.0
    assert (table.rows, table.kinds) == (17_810, {"E": 6_883, "D": 10_739, "C": 188})
    reliance = table.columns["code"].index("500325")
    assert (table.columns["symbol"][reliance], table.columns["isin"][reliance]) == ("RELIANCE", "INE002A01018")
    assert table.warnings == ("21 ISINs have a wrong check digit, such as INF174K01Z13",)


def test_the_real_master_of_contracts_reads_quickly(samples: Path) -> None:
    data = (samples / "bse/EQD_CO250517.csv").read_bytes()

    began = time.process_time()
    table = read_contracts(data, "EQD_CO250517.csv", date(2017, 5, 25))

    assert time.process_time() - began < 1.0
    assert (table.rows, table.kinds) == (15_249, {"IF": 40, "IO": 1_166, "SF": 831, "SO": 13_212})
    first = {name: values[0] for name, values in table.columns.items()}
    assert first == {
        "token": "835921",
        "asset_token": "500303",
        "type": "SO",
        "symbol": "ABNV",
        "underlying": "ABIRLANUVO",
        "expiry": "2017-08-31",
        "strike_paise": "159000",
        "option_type": "CE",
        "minimum_lot": "400",
        "lot": "400",
        "tick_paise": "5",
        "name": "ABNV17AUG1590.00CE",
    }


def test_masters_of_our_own_read_alike() -> None:
    scrips = read_scrips(scrip_text(), "SCRIP")
    contracts = read_contracts(contract_text(DAY), "EQD", DAY)

    assert (scrips.rows, scrips.kinds, scrips.warnings) == (10_020, {"E": 10_000, "D": 15, "C": 5}, ())
    assert scrips.columns["face_value_paise"][0] == "1000"
    assert contracts.kinds == dict.fromkeys(("IF", "IO", "SF", "SO"), 300)
    assert contracts.columns["expiry"][0] == "2026-09-21"


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (scrip_text(9_999), "9,999 scrips, where a whole one has at least 10,000"),
        (b"", "0 scrips"),
        (scrip_text() + scrip_row(20_000).replace("|N|", "|").encode(), r"line 10021: 25 times '\|'.*always 26"),
        (scrip_text().replace(b"|D|1000", b"|D|extra|1000"), r"line 1: 27 times '\|'"),
        (scrip_text() + scrip_row(7).encode(), "scrip code 500007 is there more than once"),
        (scrip_text().replace(b"500000|", b"50000A|"), r"'50000A' is no scrip code"),
        (scrip_text().replace(b"|E|A|", b"|Q|A|"), "has no equity: its types are C, D, Q"),
        (scrip_text().replace(b"|INE", b"|INF"), "of 10,020 ISINs are wrong, such as INF"),
        (b"<html>" + scrip_text(), "'<html>500000' is no scrip code"),
    ],
)
def test_a_master_of_scrips_that_is_not_right_is_refused(data: bytes, complaint: str) -> None:
    with pytest.raises(Malformed, match=complaint):
        read_scrips(data, "SCRIP")


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (contract_text(DAY, 996), "996 contracts, where a whole one has at least 1,000"),
        (contract_text(DAY).partition(b"\n")[2], "does not begin with a control line"),
        (contract_text(DAY) + contract_row(5_000, "IF", DAY).encode()[:-2], "line 1202: 67 times ','.*always 68"),
        (contract_text(DAY).replace(b",SF,", b",SO,"), r"no contract of type SF \(stock futures\)"),
        (contract_text(DAY) + contract_row(5_000, "XX", DAY).encode(), "unknown type XX"),
        (contract_text(DAY) + contract_row(3, "SO", DAY).encode(), "token 800003 is there more than once"),
        (contract_text(DAY).replace(b",20,20,5,", b",20,0,5,", 1), "'0' is no board lot"),
        (contract_text(date(2026, 9, 20)), "'2026-09-20' is no expiry from 2026-09-21 on"),
        (contract_text(DAY).replace(b"21-SEP-2026", b"21/09/2026", 1), "'21/09/2026' is no date of expiry"),
    ],
)
def test_a_master_of_contracts_that_is_not_right_is_refused(data: bytes, complaint: str) -> None:
    with pytest.raises(Malformed, match=complaint):
        read_contracts(data, "EQD", DAY)


def test_the_member_is_found_by_its_pattern_and_the_newest_counts(tmp_path: Path) -> None:
    archive = tmp_path / "scrip.zip"
    archive.write_bytes(
        zipped(
            {
                "SCRIP/SCRIP_310826.TXT": b"old",
                "SCRIP/SCRIP_210926.TXT": b"new",
                "SCRIP/BSE_EQ_SCRIP_22092026.csv": b"other",
                "SCRIP/SCRIP_999926.TXT": b"no date",
            }
        )
    )
    assert newest_member(archive, SCRIP_MEMBER, "scrip.zip") == ("SCRIP/SCRIP_210926.TXT", DAY, b"new")


def test_an_archive_that_is_none_or_damaged_is_refused(tmp_path: Path) -> None:
    archive, whole = tmp_path / "scrip.zip", scrip_zip(DAY)
    place = len(whole) // 2
    flipped = whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :]
    for data, complaint in [
        (whole[: len(whole) // 2], "is no zip archive, or only the beginning"),
        (b"", "it begins nothing"),
        (b"<html>no</html>", "it begins '<html>no</html>'"),
        (flipped, "is damaged|is no sound zip file"),
        (zipped({"readme.txt": b""}), "has no member like .*; it holds readme.txt"),
    ]:
        archive.write_bytes(data)
        with pytest.raises(Malformed, match=complaint):
            newest_member(archive, SCRIP_MEMBER, "scrip.zip")


def test_a_master_of_contracts_is_not_mistaken_for_one_of_scrips(tmp_path: Path) -> None:
    archive = tmp_path / "CO_BSE.zip"
    archive.write_bytes(scrip_zip(DAY))
    with pytest.raises(Malformed, match="has no member like"):
        newest_member(archive, CONTRACT_MEMBER, "CO_BSE.zip")


@pytest.mark.parametrize(
    ("isin", "sound"),
    [("INE002A01018", True), ("US0378331005", True), ("INE002A01019", False), ("INE002A0101", False), ("NA", False)],
)
def test_the_check_digit_of_an_isin(isin: str, sound: bool) -> None:
    assert isin_is_sound(isin) is sound
