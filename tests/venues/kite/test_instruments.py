"""The dump is read exactly, kept per day, and contracts are picked by name."""

from __future__ import annotations

import csv
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from muhurat.errors import RateLimited, SessionExpired, VenueError
from muhurat.model.instrument import Instrument, InstrumentType
from muhurat.venues.kite.instruments import (
    COLUMNS,
    KiteInstruments,
    load_instruments,
    parse_instruments,
    save_instruments,
)
from muhurat.venues.kite.login import KiteToken
from tests.venues.kite.rest_server import RestServer, dump, failure

HEADER = ",".join(COLUMNS)
ROWS = """\
265,1,SENSEX,SENSEX,0,,0,0,0,EQ,INDICES,BSE
227999749,890624,SENSEX26O0872500CE,SENSEX,0,2026-10-08,72500,0.05,20,CE,BFO-OPT,BFO
228000005,890625,SENSEX26O0872500PE,SENSEX,0.0,2026-10-08,72500.0,0.05,20.0,PE,BFO-OPT,BFO
228000261,890626,SENSEX26O0872400PE,SENSEX,0,2026-10-08,72400,0.05,20,PE,BFO-OPT,BFO
228000517,890627,SENSEX26O1572500CE,SENSEX,0,2026-10-15,72500,0.05,20,CE,BFO-OPT,BFO
228000773,890628,SENSEX5026OCT26000CE,SENSEX50,0,2026-10-12,26000,0.05,75,CE,BFO-OPT,BFO
228001029,890629,SENSEX26OCTFUT,SENSEX,0,2026-10-29,0.0,0.05,20,FUT,BFO-FUT,BFO
128083204,500325,RELIANCE,"RELIANCE, INDUSTRIES",0.0,,0.0,0.05,1,EQ,BSE,BSE
"""
DUMP = f"{HEADER}\n{ROWS}"


def found() -> list[Instrument]:
    return parse_instruments(DUMP, source="dump")


def test_a_row_is_read_exactly_whether_its_numbers_are_whole_or_not() -> None:
    call, put = found()[1:3]

    assert call == Instrument(
        token=227999749,
        exchange_token=890624,
        symbol="SENSEX26O0872500CE",
        name="SENSEX",
        exchange="BFO",
        segment="BFO-OPT",
        type=InstrumentType.CALL,
        expiry=date(2026, 10, 8),
        strike=Decimal(72500),
        tick_size=Decimal("0.05"),
        lot_size=20,
    )
    assert (put.strike, put.lot_size, put.type) == (Decimal(72500), 20, InstrumentType.PUT)
    assert str(put.strike) == "72500"


def test_an_index_is_known_by_its_segment_and_a_share_is_not_one() -> None:
    sensex, *_, share = found()

    assert (sensex.type, sensex.lot_size, sensex.expiry) == (InstrumentType.INDEX, 0, None)
    assert (share.type, share.name) == (InstrumentType.EQUITY, "RELIANCE, INDUSTRIES")


@pytest.mark.parametrize(
    ("row", "complaint"),
    [
        ("x,1,S,S,0,,0,0,0,EQ,BSE,BSE", "row 2, instrument_token: 'x' is no number"),
        ("7.5,1,S,S,0,,0,0,0,EQ,BSE,BSE", "row 2, instrument_token: '7.5' is no whole number"),
        ("7,1,,S,0,,0,0,0,EQ,BSE,BSE", "row 2, tradingsymbol: '' is empty"),
        ("7,1,S,S,0,08-10-2026,0,0,0,EQ,BSE,BSE", "row 2, expiry: '08-10-2026' is no date"),
        ("7,1,S,S,0,,NaN,0,0,EQ,BSE,BSE", "row 2, strike: 'NaN' is no number"),
        ("7,1,S,S,0,,-5,0,0,EQ,BSE,BSE", "row 2, strike: '-5' is no number"),
        ("7,1,S,S,0,,0,0,0,XX,BSE,BSE", "row 2, instrument_type: 'XX' is none of EQ, FUT, CE, PE"),
        ("7,1,S,S,0,,0", "row 2: 7 columns are too few"),
    ],
)
def test_what_cannot_be_read_is_named_by_row_and_column(row: str, complaint: str) -> None:
    with pytest.raises(VenueError) as raised:
        parse_instruments(f"{HEADER}\n{row}\n", source="dump")

    assert str(raised.value).endswith(complaint)
    assert raised.value.permanent


def test_a_header_without_a_needed_column_is_refused() -> None:
    with pytest.raises(VenueError, match="the header has no strike, segment"):
        parse_instruments(HEADER.replace("strike", "price").replace("segment", "part"), source="dump")
    with pytest.raises(VenueError, match="the header has no instrument_token"):
        parse_instruments("", source="dump")


def test_columns_in_another_order_and_new_ones_are_read() -> None:
    names = ["novelty", *reversed(COLUMNS)]
    rows = [["?", *reversed(row)] for row in csv.reader(ROWS.splitlines())]
    text = "\n".join([",".join(names), *(",".join(row) for row in rows[:7])])

    assert parse_instruments(text, source="dump") == found()[:7]


def test_a_days_instruments_are_kept_and_read_again(tmp_path: Path) -> None:
    path = save_instruments(tmp_path / "reference", date(2026, 10, 8), found())

    assert path.name == "kite_instruments_20261008.csv"
    assert load_instruments(tmp_path / "reference", date(2026, 10, 8)) == found()
    assert [each.name for each in path.parent.iterdir()] == [path.name]


def test_a_day_without_instruments_is_an_error_with_a_way_out(tmp_path: Path) -> None:
    with pytest.raises(VenueError, match="no instrument dump of 2026-10-09") as raised:
        load_instruments(tmp_path, date(2026, 10, 9))

    assert raised.value.hint


def test_the_dump_is_fetched_unzipped_per_exchange(rest_server: RestServer) -> None:
    rest_server.lay_down("/instruments/BSE", dump(f"{HEADER}\n{ROWS.splitlines()[0]}\n"))
    rest_server.lay_down("/instruments/BFO", failure(503, "NetworkException"), dump(DUMP))

    instruments = KiteInstruments(rest_server.root).fetch(["BSE", "BFO"])

    assert [each.symbol for each in instruments[:2]] == ["SENSEX", "SENSEX"]
    assert len(instruments) == 9
    assert rest_server.asked[0].authorization is None


def test_a_session_is_sent_along_when_there_is_one(rest_server: RestServer) -> None:
    rest_server.lay_down("/instruments/BSE", dump(DUMP))

    KiteInstruments(rest_server.root, lambda: KiteToken("key", "token")).fetch(["BSE"])

    assert rest_server.asked[0].authorization == "token key:token"


@pytest.mark.parametrize(("status", "expected"), [(403, SessionExpired), (404, VenueError), (429, RateLimited)])
def test_a_dump_that_is_not_given_is_an_error(rest_server: RestServer, status: int, expected: type[VenueError]) -> None:
    rest_server.lay_down("/instruments/BSE", failure(status, None))

    with pytest.raises(expected) as raised:
        KiteInstruments(rest_server.root).fetch(["BSE"])

    assert raised.value.permanent == (status != 429)


def test_real_dumps_are_read_to_the_last_row(samples: Path) -> None:
    folder = samples / "kite" / "instruments"
    for path in (*folder.glob("*.csv"), samples / "kite" / "instruments_2026-10-08_sample.csv"):
        text = path.read_text()

        instruments = parse_instruments(text, source=path.name)

        with path.open(newline="") as file:
            rows = list(csv.DictReader(file))
        assert [str(each.token) for each in instruments] == [row["instrument_token"] for row in rows]
        assert [float(each.strike) for each in instruments] == [float(row["strike"]) for row in rows]
        assert all(each.token >> 8 == each.exchange_token for each in instruments)


def test_the_real_sensex_chain_has_its_weekly_expiries(samples: Path) -> None:
    text = (samples / "kite" / "instruments" / "kite_bfo_2025-09.csv").read_text()
    instruments = parse_instruments(text, source="real")

    chain = [each for each in instruments if each.type.is_option and each.name == "SENSEX"]
    assert min(each.expiry for each in chain if each.expiry and each.expiry > date(2025, 9, 11)) == date(2025, 9, 18)
    assert not any(each.symbol.startswith("SENSEX50") for each in chain)
    assert {each.lot_size for each in chain} == {20}
