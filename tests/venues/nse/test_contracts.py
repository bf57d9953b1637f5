"""NSE's masters for members are read: contracts apart from what is mixed in, instants and prices as they are meant."""

from __future__ import annotations

import time
from datetime import date, datetime
from datetime import time as time_of_day
from pathlib import Path

import pytest

from muhurat.clock import IST, ist_ns, to_ns
from muhurat.venues.nse.contracts import CM, FO, Market, instant_1980, read_contracts, read_securities
from muhurat.venues.refusals import Malformed, OtherDay
from tests.venues.nse.extranet_server import contract_row, contract_text, seconds_1980, security_text

DAY = date(2026, 9, 22)
CURRENCY = Market("NEATCD", 300, frozenset({"FUTCUR", "OPTCUR"}))
SMALL = Market("NEATFO", 1, frozenset())


def one(**changed: str) -> bytes:
    """A master with one contract, fields changed by number (`f32`)."""
    row = contract_row(5, "OPTIDX", DAY)
    for name, value in changed.items():
        row[int(name[1:]) - 1] = value
    return ("NEATFO|7.0.4|\n" + "|".join(row) + "\n").encode()


def test_the_real_master_of_currency_contracts_reads(samples: Path) -> None:
    data = (samples / "nse/contract-master/cd_contract_20170526.txt").read_bytes()

    master = read_contracts(data, origin="cd_contract", today=date(2017, 5, 26), market=CURRENCY)

    assert master.rows == 378
    assert master.kinds == {"FUTCUR": 48, "FUTIRC": 52, "FUTIRT": 4, "OPTCUR": 274}
    option = master.columns["token"].index("1004")
    assert {name: values[option] for name, values in master.columns.items()} == {
        "token": "1004",
        "asset_token": "1",
        "instrument": "OPTCUR",
        "symbol": "USDINR",
        "expiry": "2017-06-28",
        "strike_paise": "647500000",
        "option_type": "CE",
        "minimum_lot": "1",
        "lot": "1",
        "tick_paise": "25000",
        "freeze_quantity": "1.00010000000000E+04",
        "low_paise": "2050000",
        "high_paise": "7050000",
        "name": "USDINR17JUN64.75CE",
        "base_paise": "4550000",
    }
    assert master.made_ns is None
    assert master.warnings == ("cd_contract does not say when it was made",)


def test_a_master_of_our_own_reads_alike_and_quickly() -> None:
    data = contract_text(DAY, seconds_1980(DAY, 6 * 3600))

    began = time.process_time()
    master = read_contracts(data, origin="contract.txt", today=DAY)

    assert time.process_time() - began < 1.0
    assert master.rows == 50_004
    assert master.kinds == dict.fromkeys(("FUTIDX", "FUTSTK", "OPTIDX", "OPTSTK"), 12_501)
    assert set(master.columns["expiry"]) == {"2026-09-22"}
    assert not {"26000", "90001", "90002", ""} & set(master.columns["token"])
    assert master.made_ns == ist_ns(DAY, time_of_day(6))


def test_instants_count_from_1980_on_an_indian_clock() -> None:
    assert instant_1980(1_185_633_000) == to_ns(datetime(2017, 7, 27, 14, 30, tzinfo=IST))


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (b"", r"does not begin with a title such as NEATFO\|7.0.4\|, but nothing"),
        (b"NEATCM|7.0.4|\n", "does not begin with a title"),
        (b"<html>", "but '<html>'"),
        (b"NEATFO|7.0.4|\n", "is empty but for its title"),
        (one() + b"1|2|3\n", "Expected 69 columns, got 3"),
        (one()[:-1] + b"|new\n", "Expected 69 columns, got 70"),
        (one() + one().partition(b"\n")[2], "token 5 is there more than once"),
        (one(f32="0"), "NIFTY5 has '0' as its lot"),
        (one(f31="-1"), "NIFTY5 has '-1' as its minimum lot"),
        (one(f7="soon"), "NIFTY5 has 'soon' as its expiry"),
        (
            one(f7=str(seconds_1980(date(2026, 9, 21)))),
            "NIFTY5 expired on 2026-09-21: it is the master of an earlier day",
        ),
    ],
)
def test_a_master_of_contracts_that_is_not_right_is_refused(data: bytes, complaint: str) -> None:
    with pytest.raises(Malformed, match=complaint):
        read_contracts(data, origin="contract.txt", today=DAY, market=SMALL)


def test_a_whole_master_has_enough_contracts_of_every_kind() -> None:
    with pytest.raises(Malformed, match="49,000 contracts, where a whole one has at least 50,000"):
        read_contracts(contract_text(DAY, rows=49_000), origin="contract.txt", today=DAY)
    with pytest.raises(Malformed, match="has no contract of FUTIDX, FUTSTK, OPTSTK"):
        read_contracts(one(), origin="contract.txt", today=DAY, market=Market("NEATFO", 1, FO.kinds))


def test_a_master_made_before_the_last_session_ended_is_of_another_day() -> None:
    made = seconds_1980(date(2026, 9, 21), 6 * 3600)
    with pytest.raises(OtherDay, match=r"was made 2026-09-21 06:00 IST, before the last session ended") as caught:
        read_contracts(
            contract_text(DAY, made),
            origin="contract.txt",
            today=DAY,
            made_after_ns=ist_ns(date(2026, 9, 21), time_of_day(15, 40)),
        )
    assert caught.value.found == date(2026, 9, 21)


def test_securities_are_read_with_their_series() -> None:
    master = read_securities(security_text(), origin="security.txt")

    assert (master.rows, master.kinds) == (2_010, {"BE": 402, "EQ": 1_608})
    assert {name: values[1] for name, values in master.columns.items()} == {
        "token": "2",
        "symbol": "SYM1",
        "series": "EQ",
        "price_band": "90-110",
        "lot": "1",
        "tick": "5",
        "name": "COMPANY 1",
        "isin": "INE000000001",
    }


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (security_text(rows=1_990), "1,990 securities, where a whole one has at least 2,000"),
        (security_text().replace(b"|EQ|", b"|EQ|x|"), "Expected 54 columns, got 55"),
        (security_text().replace(b"|EQ|", b"|XX|"), "has no security of series EQ"),
        (security_text().replace(b"\n2|", b"\n3|"), "token 3 is there more than once"),
        (security_text().replace(b"|SYM1|", b"||"), "2 has '' as its symbol"),
        (contract_text(DAY), "does not begin with a title such as NEATCM"),
    ],
)
def test_a_master_of_securities_that_is_not_right_is_refused(data: bytes, complaint: str) -> None:
    with pytest.raises(Malformed, match=complaint):
        read_securities(data, origin="security.txt")
    assert CM.least == 2_000
