from __future__ import annotations

import json
import struct
from datetime import date
from datetime import time as time_of_day
from pathlib import Path

import pytest

from muhurat.clock import NS_PER_S, ist_ns
from muhurat.errors import MuhuratError
from muhurat.model.instrument import InstrumentType
from muhurat.simulator.market import Quote, RecordedMarket, build_market
from muhurat.simulator.market.base import NO_BOOK, Level, UnknownToken

DAY = date(2025, 9, 2)
OPEN_NS = ist_ns(DAY, time_of_day(9, 15))
OPTION = 0x123405


def full_packet(exchange_s: int, price: int, volume: int) -> bytes:
    """184 bytes written field by field from the published layout."""
    head = struct.pack(">11I", OPTION, price, 20, price, volume, 400, 500, 9_900, 10_500, 9_000, 9_500)
    times = struct.pack(">5I", exchange_s - 1, 4_000, 4_100, 3_900, exchange_s)
    bids = b"".join(struct.pack(">IIHxx", 100 + step, price - 5 * step, step + 1) for step in range(5))
    asks = b"".join(struct.pack(">IIHxx", 200 + step, price + 5 + 5 * step, step + 1) for step in range(5))
    return head + times + bids + asks


def index_packet(exchange_s: int, price: int) -> bytes:
    return struct.pack(">6IiI", 265, price, price + 50, price - 50, price - 10, 8_000_000, -12, exchange_s)


def message(*packets: bytes) -> bytes:
    return struct.pack(">H", len(packets)) + b"".join(struct.pack(">H", len(one)) + one for one in packets)


def write_hour(
    folder: Path, name: str, records: list[tuple[int, bytes]], *, order: str = ">", index: bool = True
) -> Path:
    """An hour as the recorder leaves it: records, and rows with the nanoseconds, one of them for a control line."""
    folder.mkdir(parents=True, exist_ok=True)
    path, rows, offset = folder / name, [struct.pack("<QQIIII", 0, OPEN_NS, 0, 0, 30, 8)], 0
    with path.open("wb") as file:
        for at_ns, payload in records:
            file.write(struct.pack(f"{order}QI", at_ns // 1_000_000, len(payload)) + payload)
            rows.append(struct.pack("<QQIIII", offset, at_ns, 0, 0, len(payload), 1 << 16))
            offset += 12 + len(payload)
    if index:
        path.with_suffix(".idx").write_bytes(b"".join(rows))
    return path


OPEN_S = OPEN_NS // NS_PER_S
RECORDS = [
    (
        OPEN_NS - 600 * NS_PER_S,
        message(full_packet(OPEN_S - 60_000, 9_500, 0), index_packet(OPEN_S - 60_000, 8_000_000)),
    ),
    (OPEN_NS - 597 * NS_PER_S, b"\0"),
    (OPEN_NS + 600_000_123, message(full_packet(OPEN_S, 10_000, 40), index_packet(OPEN_S, 8_001_000))),
    (OPEN_NS + 5_350_000_007, message(full_packet(OPEN_S + 5, 10_010, 100))),
]
LATER = [
    (OPEN_NS + 200 * NS_PER_S, message(full_packet(OPEN_S + 199, 9_990, 160), index_packet(OPEN_S + 199, 8_002_000)))
]


@pytest.fixture
def feed(tmp_path: Path) -> Path:
    """A desk's journal of one feed: two hours of one day and one of the day before."""
    folder = tmp_path / "data" / "raw_ticks" / "sensex_desk"
    write_hour(folder, "sensex_desk_20250901_0900.bin", [(OPEN_NS - 86_400 * NS_PER_S, b"\0")])
    write_hour(folder, "sensex_desk_20250902_1000.bin", LATER)
    write_hour(folder, "sensex_desk_20250902_0900.bin", RECORDS)
    return folder


def test_every_message_comes_back_as_it_was_at_the_nanosecond_it_was_received(feed):
    assert list(RecordedMarket(feed).payloads()) == RECORDS + LATER


def test_on_another_day_the_same_bytes_come_at_the_same_time_of_day(feed):
    market = RecordedMarket(feed, date(2025, 9, 5))

    shift = 3 * 86_400 * NS_PER_S
    assert market.day == date(2025, 9, 5)
    assert list(market.payloads()) == [(at_ns + shift, payload) for at_ns, payload in RECORDS + LATER]


def test_of_several_recorded_days_the_one_asked_for_is_played(feed):
    assert [payload for _, payload in RecordedMarket(feed, date(2025, 9, 1)).payloads()] == [b"\0"]


@pytest.mark.parametrize("order", [">", "<"])
def test_a_file_alone_is_played_by_its_milliseconds_in_either_byte_order(tmp_path, order):
    path = write_hour(tmp_path, "x_20250902_0900.bin", RECORDS, order=order, index=False)

    played = list(RecordedMarket(path, DAY).payloads())

    assert played == [(at_ns // 1_000_000 * 1_000_000, payload) for at_ns, payload in RECORDS]


def test_an_unfinished_last_record_is_left_out_and_damage_is_refused(tmp_path):
    torn = write_hour(tmp_path / "torn", "x_20250902_0900.bin", RECORDS, index=False)
    torn.write_bytes(torn.read_bytes()[:-7])
    damaged = write_hour(tmp_path / "damaged", "x_20250902_0900.bin", RECORDS, index=False)
    content = damaged.read_bytes()
    second = 12 + len(RECORDS[0][1])
    damaged.write_bytes(content[:second] + b"\xff" * 12 + content[second + 12 :])

    assert len(list(RecordedMarket(torn).payloads())) == 3
    with pytest.raises(MuhuratError, match=f"damaged at byte {second}"):
        list(RecordedMarket(damaged).payloads())


def test_instants_never_go_back_even_when_the_recorder_s_clock_did(tmp_path):
    records = [(OPEN_NS + 9, b"\0"), (OPEN_NS + 5, b"\1"), (OPEN_NS + 12, b"\2")]
    path = write_hour(tmp_path, "x_20250902_0900.bin", records)

    assert [at_ns - OPEN_NS for at_ns, _ in RecordedMarket(path).payloads()] == [9, 9, 12]


def test_quotes_are_read_out_of_the_recorded_packets(feed):
    market = build_market(DAY, 1, journal=feed)

    quote = market.state(OPTION, OPEN_NS + 6 * NS_PER_S)

    assert quote == Quote(
        exchange_s=OPEN_S + 5,
        last_price=10_010,
        open=9_900,
        high=10_500,
        low=9_000,
        close=9_500,
        last_quantity=20,
        average_price=10_010,
        volume=100,
        buy_quantity=400,
        sell_quantity=500,
        last_trade_time=OPEN_S + 4,
        oi=4_000,
        oi_day_high=4_100,
        oi_day_low=3_900,
        bids=tuple(Level(10_010 - 5 * step, 100 + step, step + 1) for step in range(5)),
        asks=tuple(Level(10_015 + 5 * step, 200 + step, step + 1) for step in range(5)),
    )
    assert market.state(265, OPEN_NS + 6 * NS_PER_S).last_price == 8_001_000
    early = market.state(OPTION, OPEN_NS - 3_600 * NS_PER_S)
    assert early.last_price == 9_500
    assert early.bids == early.asks == NO_BOOK


def test_candles_count_the_session_s_packets_only(feed):
    first, second = RecordedMarket(feed, date(2025, 9, 5)).candles(OPTION, 3, 0, 2**62)

    shift_s = 3 * 86_400
    assert (first.start_s, first.open, first.close, first.volume) == (OPEN_S + shift_s, 10_000, 10_010, 100)
    assert (second.start_s, second.open, second.volume) == (OPEN_S + 180 + shift_s, 9_990, 60)
    assert not first.modelled


def test_frames_are_the_recorded_instants(feed):
    frames = list(RecordedMarket(feed).frames([OPTION, 265, 99], OPEN_NS, OPEN_NS + 3_600 * NS_PER_S))

    assert [(frame.send_ns, frame.message) for frame in frames] == [RECORDS[2], RECORDS[3], LATER[0]]
    assert frames[0].tokens == (OPTION, 265)


def test_a_listener_gets_heartbeats_and_no_message_without_its_instruments(feed):
    frames = list(RecordedMarket(feed).frames([265], 0, 2**62))

    assert [frame.message for frame in frames] == [RECORDS[0][1], b"\0", RECORDS[2][1], LATER[0][1]]
    assert list(RecordedMarket(feed).frames([99], OPEN_NS, 2**62)) == []


def test_what_ended_before_a_listener_came_is_not_read_again(feed):
    ten = OPEN_NS + 45 * 60 * NS_PER_S

    assert list(RecordedMarket(feed).payloads(ten)) == LATER
    assert list(RecordedMarket(feed).payloads(ten - 1)) == RECORDS + LATER


def test_an_index_has_the_range_that_was_recorded_not_that_of_its_packets(feed):
    quote = RecordedMarket(feed).state(265, OPEN_NS + 6 * NS_PER_S)

    assert (quote.open, quote.high, quote.low) == (8_000_990, 8_001_050, 8_000_950)


def test_of_an_instrument_that_was_listed_and_never_came_nothing_is_known(feed):
    market = RecordedMarket(feed)
    vix = next(row.token for row in market.instruments() if row.instrument.symbol == "INDIA VIX")

    assert market.state(vix, OPEN_NS).last_price == 0
    assert len(market.series(vix)) == 0
    assert market.candles(vix, 3, 0, 2**62) == []


def test_instruments_come_from_the_universe_beside_the_journal(feed):
    entry = {
        "token": OPTION,
        "exchange_token": OPTION >> 8,
        "symbol": "SENSEX2591180500CE",
        "name": "SENSEX",
        "exchange": "BFO",
        "segment": "BFO-OPT",
        "type": "CE",
        "expiry": "2025-09-11",
        "strike": "80500",
        "tick_size": "0.05",
        "lot": 20,
        "modelled": True,
    }
    path = feed.parent.parent / "universe" / "sensex_desk_20250902.json"
    path.parent.mkdir()
    path.write_text(json.dumps({"instruments": {entry["symbol"]: entry}}))

    row, unnamed = RecordedMarket(feed).instruments()

    assert row.modelled
    assert (row.instrument.type, row.instrument.expiry) == (InstrumentType.CALL, date(2025, 9, 11))
    assert (unnamed.token, unnamed.instrument.symbol, unnamed.tradable) == (265, "265", False)
    path.write_text('{"instruments": {"X": {}}}')
    with pytest.raises(MuhuratError, match=r"sensex_desk_20250902\.json"):
        RecordedMarket(feed).instruments()


def test_without_a_universe_the_indices_are_known_and_what_else_came_has_its_number(feed):
    listed = {entry.instrument.symbol: entry for entry in RecordedMarket(feed).instruments()}

    assert listed.keys() == {"SENSEX", "NIFTY 50", "INDIA VIX", str(OPTION)}
    assert listed[str(OPTION)].instrument.exchange == "BFO"
    assert listed[str(OPTION)].tradable


def test_what_is_no_journal_is_refused(tmp_path, feed):
    with pytest.raises(MuhuratError, match="no journal hour"):
        RecordedMarket(tmp_path)
    write_hour(feed, "other_20250902_0900.bin", [])
    with pytest.raises(MuhuratError, match="several feeds: other, sensex_desk"):
        RecordedMarket(feed)
    with pytest.raises(UnknownToken):
        RecordedMarket(feed / "sensex_desk_20250902_0900.bin").series(99)
