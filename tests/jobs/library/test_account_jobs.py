"""The account's margins, holdings, positions and instruments: from the simulated broker, or from a person's CSV."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path

import pytest
from kiteconnect import KiteConnect

from muhurat.clock import NS_PER_S, ClockPage
from muhurat.errors import VenueError
from muhurat.jobs.base import JobError
from muhurat.jobs.library import upload_cash_margin, upload_holding_and_position, upload_instrument_master
from muhurat.model.instrument import Instrument
from muhurat.stores.base import ReferenceStore
from muhurat.venues.base import Account, InstrumentSource
from muhurat.venues.kite.instruments import KiteInstruments
from muhurat.venues.kite.login import KiteToken
from muhurat.venues.kite.rest import KiteRest
from tests.jobs.library.tools import DeskTools
from tests.simulator.conftest import BEFORE_OPEN_NS, InThread
from tests.simulator.tiny_market import CALL_SYMBOL, OPEN_NS


@pytest.fixture
def broker(tmp_path: Path, tools: DeskTools) -> Iterator[InThread]:
    """A simulated broker whose account and instruments the tools give."""
    running = InThread(ClockPage.create(tmp_path / "clock", BEFORE_OPEN_NS), rate_limits=False, speed=1e6)
    app = running.simulation.app

    def session() -> KiteToken:
        return KiteToken(app.api_key, running.simulation.sessions.ready(), app.api_secret, app.user_id)

    tools.put(Account, KiteRest(running.urls["kite"], session, tools.clock, wait=lambda seconds: None))
    tools.put(InstrumentSource, KiteInstruments(running.urls["kite"], session))
    yield running
    running.stop()


class HalfADump:
    """The broker's dump without the instruments of BFO."""

    def __init__(self, whole: InstrumentSource) -> None:
        self._whole = whole

    def fetch(self, exchanges: Sequence[str]) -> list[Instrument]:
        left = [exchange for exchange in exchanges if exchange != "BFO"]
        return self._whole.fetch(left) if left else []


def upload_margins(tools: DeskTools, **options: object) -> str:
    return upload_cash_margin.run(upload_cash_margin.UploadCashMarginOptions(**options), tools).note


def test_margins_are_the_brokers_of_the_day(tools: DeskTools, broker: InThread) -> None:
    note = upload_margins(tools)

    rows = tools.get(ReferenceStore).read("Margins", order_by=("Segment",))
    assert [(row["Segment"], row["Available"]) for row in rows] == [("commodity", 0.0), ("equity", 1_000_000.0)]
    assert all(row["AsOf"] == tools.business_date for row in rows)
    assert "equity 1,000,000.00" in note


def test_margins_loaded_twice_are_there_once(tools: DeskTools, broker: InThread) -> None:
    upload_margins(tools)
    before = tools.get(ReferenceStore).checksum()

    upload_margins(tools)

    assert tools.get(ReferenceStore).checksum() == before


def test_a_refused_session_leaves_the_margins_as_they_were(tools: DeskTools, broker: InThread) -> None:
    upload_margins(tools)
    before = tools.get(ReferenceStore).checksum()
    stranger = KiteToken("key", "no such token", "secret", "AB1234")
    tools.put(Account, KiteRest(broker.urls["kite"], lambda: stranger, tools.clock, wait=lambda seconds: None))

    with pytest.raises(VenueError) as refused:
        upload_margins(tools)

    assert "muhurat login" in refused.value.hint
    assert tools.get(ReferenceStore).checksum() == before


def test_margins_come_from_a_csv_with_columns_in_any_order(tools: DeskTools, tmp_path: Path) -> None:
    (tmp_path / "cash.csv").write_text('\ufeffOpening,Used,Segment,Available\n"10,00,000.50",0,equity,950000\n')

    upload_margins(tools, file="cash.csv")

    (row,) = tools.get(ReferenceStore).read("Margins")
    assert (row["Segment"], row["Opening"], row["Available"]) == ("equity", 1_000_000.5, 950_000.0)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("Segment,Available,Used\nequity,1,2\n", "has no column Opening"),
        ("Segment,Available,Used,Opening\nequity,1,2\n", "line 2: not as many values as columns"),
        ("Segment,Available,Used,Opening\nequity,1,2,lots\n", "line 2: Opening 'lots' is no number"),
        ("Segment,Available,Used,Opening\nequity,1,2,nan\n", "line 2: Opening 'nan' is no number"),
        ("Segment,Available,Used,Opening\n", "not one segment"),
    ],
)
def test_a_wrong_csv_is_refused_naming_the_place(tools: DeskTools, tmp_path: Path, text: str, complaint: str) -> None:
    (tmp_path / "cash.csv").write_text(text)

    with pytest.raises(JobError, match=complaint):
        upload_margins(tools, file="cash.csv")

    assert tools.get(ReferenceStore).count("Margins") == 0


def test_holdings_count_shares_that_still_come(tools: DeskTools, broker: InThread) -> None:
    options = upload_holding_and_position.UploadHoldingAndPositionOptions()

    done = upload_holding_and_position.run(options, tools)

    held = {row["TradingSymbol"]: row for row in tools.get(ReferenceStore).read("Holdings")}
    assert {name: row["Quantity"] for name, row in held.items()} == {"NIFTYBEES": 400, "SENSEXBEES": 50}
    assert held["NIFTYBEES"]["Isin"] == "INF204KB14I2"
    assert done.note == "2 holdings, 0 positions"


def test_a_position_bought_today_is_there(tools: DeskTools, broker: InThread) -> None:
    client = KiteConnect(broker.simulation.app.api_key, broker.simulation.sessions.ready(), root=broker.urls["kite"])
    broker.advance_to(OPEN_NS + 10 * NS_PER_S)
    client.place_order("regular", "BFO", CALL_SYMBOL, "BUY", 20, "NRML", "LIMIT", price=101.0)
    broker.advance_s(0.1)

    options = upload_holding_and_position.UploadHoldingAndPositionOptions()
    upload_holding_and_position.run(options, tools)

    (position,) = tools.get(ReferenceStore).read("Positions")
    assert (position["TradingSymbol"], position["Product"], position["Quantity"]) == (CALL_SYMBOL, "NRML", 20)


def test_holdings_and_positions_come_from_csvs(tools: DeskTools, tmp_path: Path) -> None:
    (tmp_path / "h.csv").write_text("TradingSymbol,Exchange,Isin,Quantity,AveragePrice,LastPrice\nX,NSE,,5,1.5,2\n")
    (tmp_path / "p.csv").write_text(
        "TradingSymbol,Exchange,Product,Quantity,AveragePrice,LastPrice,Pnl\nY,BFO,NRML,-20,100,90,200\n"
    )
    options = upload_holding_and_position.UploadHoldingAndPositionOptions(holdings_file="h.csv", positions_file="p.csv")

    upload_holding_and_position.run(options, tools)

    (position,) = tools.get(ReferenceStore).read("Positions")
    assert (position["Quantity"], position["Pnl"]) == (-20, 200.0)
    assert tools.get(ReferenceStore).read("Holdings")[0]["Isin"] is None


@pytest.mark.parametrize(
    ("quantity", "complaint"), [("10.5", "no whole number"), ("inf", "no number"), ("", "no number")]
)
def test_shares_are_counted_whole(tools: DeskTools, tmp_path: Path, quantity: str, complaint: str) -> None:
    (tmp_path / "h.csv").write_text(f"{','.join(upload_holding_and_position.HOLDINGS)}\nTCS,NSE,,{quantity},1,2\n")
    options = upload_holding_and_position.UploadHoldingAndPositionOptions(holdings_file=Path("h.csv"))

    with pytest.raises(JobError, match=f"line 2: Quantity '{quantity}' is {complaint}"):
        upload_holding_and_position.run(options, tools)


def test_the_instrument_master_is_the_days_dump(tools: DeskTools, broker: InThread) -> None:
    options = upload_instrument_master.UploadInstrumentMasterOptions(exchanges=("BFO",))

    done = upload_instrument_master.run(options, tools)

    rows = tools.get(ReferenceStore).read("Instruments")
    assert done.rows == len(rows) > 0
    assert {row["Exchange"] for row in rows} == {"BFO"}
    assert {row["MasterDate"] for row in rows} == {tools.business_date}


def test_an_exchange_without_instruments_is_not_taken_for_the_whole_of_it(tools: DeskTools, broker: InThread) -> None:
    upload_instrument_master.run(upload_instrument_master.UploadInstrumentMasterOptions(exchanges=("BFO",)), tools)
    before = tools.get(ReferenceStore).checksum()

    whole = tools.get(InstrumentSource)
    tools.put(InstrumentSource, HalfADump(whole))
    with pytest.raises(JobError, match="no instruments of BFO, of which there were"):
        upload_instrument_master.run(upload_instrument_master.UploadInstrumentMasterOptions(), tools)

    assert tools.get(ReferenceStore).checksum() == before


def test_yesterdays_instruments_are_gone_once_todays_are_there(tools: DeskTools, broker: InThread) -> None:
    options = upload_instrument_master.UploadInstrumentMasterOptions(exchanges=("BFO",))
    upload_instrument_master.run(options, tools)
    tools.business_date += timedelta(days=1)

    upload_instrument_master.run(options, tools)

    assert {row["MasterDate"] for row in tools.get(ReferenceStore).read("Instruments")} == {tools.business_date}
