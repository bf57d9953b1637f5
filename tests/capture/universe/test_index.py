from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from muhurat.capture.universe import (
    SENSEX_ATM,
    Universe,
    UniverseError,
    build,
    load_universe,
    load_wanted,
    save_universe,
    save_wanted,
    universe_path,
    want_path,
    with_wanted,
)
from muhurat.model.instrument import Instrument, InstrumentType
from tests.capture.support import NINE

DAY = date(2025, 9, 2)
THIS_WEEK, NEXT_WEEK, MONTH_END = date(2025, 9, 4), date(2025, 9, 11), date(2025, 9, 25)


def instrument(
    symbol: str,
    kind: InstrumentType,
    token: int,
    *,
    name: str = "SENSEX",
    exchange: str = "BFO",
    expiry: date | None = None,
    strike: int = 0,
) -> Instrument:
    tick = Decimal("0.05") if expiry else Decimal(0)
    lot = 20 if expiry else 0
    return Instrument(
        token, token >> 8, symbol, name, exchange, f"{exchange}-X", kind, expiry, Decimal(strike), tick, lot
    )


def dump() -> list[Instrument]:
    """A made-up day: two weeks of options from 78,000 to 83,000, two futures, another index that begins alike."""
    rows = [
        instrument("SENSEX", InstrumentType.INDEX, 265, exchange="BSE"),
        instrument("INDIA VIX", InstrumentType.INDEX, 264969, name="INDIA VIX", exchange="NSE"),
        instrument("SENSEX25OCTFUT", InstrumentType.FUTURE, 300, expiry=date(2025, 10, 30)),
        instrument("SENSEX25SEPFUT", InstrumentType.FUTURE, 301, expiry=MONTH_END),
        instrument("SENSEX25AUGFUT", InstrumentType.FUTURE, 302, expiry=date(2025, 8, 28)),
        instrument("SENSEX5025SEPFUT", InstrumentType.FUTURE, 303, name="SENSEX50", expiry=MONTH_END),
        instrument("SENSEX5025904CE", InstrumentType.CALL, 304, name="SENSEX50", expiry=DAY, strike=80_500),
    ]
    token = 1000
    for expiry in (NEXT_WEEK, THIS_WEEK, date(2025, 8, 28)):
        for strike in range(78_000, 83_100, 100):
            for side in (InstrumentType.CALL, InstrumentType.PUT):
                symbol = f"SENSEX{expiry:%y}{expiry.month}{expiry:%d}{strike}{side.value}"
                rows.append(instrument(symbol, side, token, expiry=expiry, strike=strike))
                token += 256
    return rows


def made(spot: str = "80520.4", strikes: int = 5, rows: list[Instrument] | None = None) -> Universe:
    return build(
        SENSEX_ATM,
        dump() if rows is None else rows,
        Decimal(spot),
        DAY,
        feed="sensex_desk",
        venue="kite",
        mode="full",
        strikes=strikes,
        built_at_ns=NINE,
    )


def strikes_of(universe: Universe) -> list[int]:
    return sorted({int(e.strike) for e in universe.instruments.values() if e.strike})


def test_eleven_strikes_around_the_money_of_this_week_with_index_volatility_and_future() -> None:
    universe = made()

    assert strikes_of(universe) == list(range(80_000, 81_100, 100))
    assert len(universe.instruments) == 3 + 22
    assert list(universe.instruments)[:3] == ["SENSEX", "INDIA VIX", "SENSEX25SEPFUT"]
    assert {e.expiry for e in universe.instruments.values() if e.is_option} == {"2025-09-04"}
    assert universe.missing == []
    assert (universe.centre, universe.strikes) == (80_500, 5)
    assert universe.tokens()[:2] == [265, 301]


@pytest.mark.parametrize(
    ("spot", "strike"),
    [("80549.99", 80_500), ("80550", 80_600), ("80550.01", 80_600), ("80450", 80_500), ("80650", 80_700)],
)
def test_the_centre_is_the_strike_nearest_to_the_spot(spot: str, strike: int) -> None:
    assert made(spot).centre == strike


def test_an_option_that_expires_today_is_of_the_current_week() -> None:
    universe = build(
        SENSEX_ATM,
        dump(),
        Decimal(80_500),
        THIS_WEEK,
        feed="f",
        venue="kite",
        mode="full",
        strikes=1,
        built_at_ns=NINE,
    )

    assert {e.expiry for e in universe.instruments.values() if e.is_option} == {"2025-09-04"}


def test_what_the_dump_lacks_is_named() -> None:
    rows = [row for row in dump() if row.symbol not in ("INDIA VIX", "SENSEX25SEPFUT", "SENSEX25OCTFUT")]
    rows = [row for row in rows if not (row.strike == 81_000 and row.type is InstrumentType.PUT)]

    universe = made(rows=rows)

    assert universe.missing == ["INDIA VIX", "SENSEX future", "SENSEX 2025-09-04 81000 PE"]
    assert "SENSEX" in universe.instruments


def test_a_dump_without_index_or_options_is_refused() -> None:
    with pytest.raises(UniverseError, match="no BSE:SENSEX"):
        made(rows=[row for row in dump() if row.symbol != "SENSEX"])
    with pytest.raises(UniverseError, match="no SENSEX option that expires on 2025-09-02 or later"):
        made(rows=dump()[:7])


def test_wanted_symbols_come_from_the_reserve_and_strangers_are_named() -> None:
    universe = made()

    larger, unknown = with_wanted(universe, ["SENSEX2590481600CE", "SENSEX", "NIFTY", "SENSEX2590481600CE"])

    assert set(larger.instruments) - set(universe.instruments) == {"SENSEX2590481600CE"}
    assert "SENSEX2590481600CE" not in larger.reserve
    assert unknown == ["NIFTY"]
    assert with_wanted(universe, ["SENSEX"]) == (universe, [])


def test_the_file_has_the_shape_other_services_read(tmp_path: Path) -> None:
    path = universe_path(tmp_path, "sensex_desk", DAY)
    save_universe(path, made())

    document = json.loads(path.read_text())

    assert path.name == "sensex_desk_20250902.json"
    assert {"feed", "date", "venue", "mode", "built_at", "missing", "instruments"} <= set(document)
    assert document["built_at"] == "2025-09-02T09:00:00+05:30"
    assert document["instruments"]["SENSEX2590480500CE"] == {
        "token": document["instruments"]["SENSEX2590480500CE"]["token"],
        "exchange_token": document["instruments"]["SENSEX2590480500CE"]["exchange_token"],
        "symbol": "SENSEX2590480500CE",
        "name": "SENSEX",
        "exchange": "BFO",
        "segment": "BFO-X",
        "type": "CE",
        "underlying": "SENSEX",
        "expiry": "2025-09-04",
        "strike": "80500",
        "tick_size": "0.05",
        "lot": 20,
        "asset_class": "indices",
        "modelled": False,
    }
    assert document["instruments"]["SENSEX"]["expiry"] is None
    assert document["instruments"]["SENSEX"]["strike"] is None
    assert load_universe(path) == made()


def test_a_spoilt_or_absent_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "f_20250902.json"
    with pytest.raises(UniverseError, match="there is no universe file"):
        load_universe(path)
    path.write_text('{"feed": 5}')
    with pytest.raises(UniverseError, match=r"f_20250902\.json is spoilt"):
        load_universe(path)


def test_a_universe_made_elsewhere_needs_only_tokens(tmp_path: Path) -> None:
    path = tmp_path / "crawler3_sso_xvenue.json"
    path.write_text('{"instruments": {"ABB25OCTFUT": {"token": 13356546, "price_divisor": 100}}, "anything": 1}')

    assert load_universe(path).tokens() == [13356546]


def test_wishes_are_written_and_read(tmp_path: Path) -> None:
    path = want_path(tmp_path, "sensex_desk", DAY)

    assert load_wanted(path) == []
    save_wanted(path, ["b", "a", "b"])
    assert load_wanted(path) == ["a", "b"]
    path.write_text("[")
    with pytest.raises(UniverseError, match="want"):
        load_wanted(path)


def real_rows(samples: Path) -> Iterator[Instrument]:
    for name in ("kite_bse_2025-09.csv", "kite_bfo_2025-09.csv"):
        with (samples / "kite" / "instruments" / name).open() as file:
            for row in csv.DictReader(file):
                index = row["segment"] == "INDICES"
                yield Instrument(
                    token=int(row["instrument_token"]),
                    exchange_token=int(row["exchange_token"]),
                    symbol=row["tradingsymbol"],
                    name=row["name"],
                    exchange=row["exchange"],
                    segment=row["segment"],
                    type=InstrumentType.INDEX if index else InstrumentType(row["instrument_type"]),
                    expiry=date.fromisoformat(row["expiry"]) if row["expiry"] else None,
                    strike=Decimal(row["strike"]),
                    tick_size=Decimal(row["tick_size"]),
                    lot_size=int(float(row["lot_size"])),
                )


def test_the_real_dump_of_september_2025_gives_the_desks_day(samples: Path) -> None:
    universe = build(
        SENSEX_ATM,
        real_rows(samples),
        Decimal(80520),
        date(2025, 9, 10),
        feed="sensex_desk",
        venue="kite",
        mode="full",
        strikes=5,
        built_at_ns=NINE,
    )

    assert universe.instruments["SENSEX"].token == 265
    assert "SENSEX2591180500CE" in universe.instruments
    assert "SENSEX25SEPFUT" in universe.instruments
    assert {e.lot for e in universe.instruments.values() if e.is_option} == {20}
    assert universe.missing == ["INDIA VIX"]  # an NSE row, which the BSE dumps do not hold
    assert len(universe.instruments) == 2 + 22
    assert len(universe.reserve) > 300
