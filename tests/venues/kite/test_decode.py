"""Kite's packets become columns exactly as Zerodha's own client reads them."""

from __future__ import annotations

import base64
import json
import random
import re
import struct
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from muhurat.clock import NS_PER_S, ist
from muhurat.venues.kite import decode
from muhurat.venues.kite.decode import COLUMNS, decode_message
from tests.venues.kite.messages import LENGTHS, SEGMENTS, depth, message, official_rows, packet

SENSEX = 265
OPTION = (889331 << 8) | 5


def rows(payload: bytes) -> list[dict[str, Any]]:
    return list(decode_message(payload).rows())


def full_packet(token: int = OPTION, *, last: int = 14435, close: int = 15000, asks: int = 5) -> bytes:
    """An option in mode full: five bids, `asks` asks, the other levels empty."""
    head = struct.pack(">11I", token, last, 20, 14390, 1_234_560, 40_000, 52_000, 15100, 16020, 13055, close)
    state = struct.pack(">5I", 1791431408, 900_400, 950_000, 870_020, 1791431409)
    bids = [(100 * (level + 1), 14415 - 5 * level, level + 1) for level in range(5)]
    offers = [(80 * (level + 1), 14445 + 5 * level, 65_535 - level) for level in range(asks)]
    return head + state + depth(bids + offers + [(0, 0, 0)] * (5 - asks))


def test_a_full_packet_gives_every_column() -> None:
    (row,) = rows(message([full_packet()]))

    assert tuple(row) == COLUMNS
    assert row["instrument_token"] == OPTION
    assert (row["last_price"], row["average_price"], row["last_quantity"]) == (144.35, 143.9, 20)
    assert (row["open"], row["high"], row["low"], row["close"]) == (151.0, 160.2, 130.55, 150.0)
    assert (row["volume"], row["buy_quantity"], row["sell_quantity"]) == (1_234_560, 40_000, 52_000)
    assert (row["oi"], row["oi_day_high"], row["oi_day_low"]) == (900_400, 950_000, 870_020)
    assert (row["last_trade_time"], row["exchange_timestamp"]) == (1791431408, 1791431409)
    assert [row[f"bid_price_{level}"] for level in range(1, 6)] == [144.15, 144.1, 144.05, 144.0, 143.95]
    assert [row[f"ask_quantity_{level}"] for level in range(1, 6)] == [80, 160, 240, 320, 400]
    assert [row[f"ask_orders_{level}"] for level in range(1, 6)] == [65_535, 65_534, 65_533, 65_532, 65_531]


def test_net_change_is_the_percentage_the_python_client_calls_change() -> None:
    risen, fallen, new = rows(
        message([full_packet(last=16500), full_packet(last=12000), full_packet(last=12000, close=0)])
    )

    assert risen["net_change"] == 10.0
    assert fallen["net_change"] == -20.0
    assert new["net_change"] == 0.0


def test_an_empty_level_has_no_price() -> None:
    (row,) = rows(message([full_packet(asks=3)]))

    assert [row[f"ask_price_{level}"] for level in range(1, 6)] == [144.45, 144.5, 144.55, None, None]
    assert [row[f"ask_quantity_{level}"] for level in range(1, 6)] == [80, 160, 240, 0, 0]


def test_a_time_of_zero_is_none() -> None:
    untraded = full_packet()[:44] + bytes(4) + full_packet()[48:]

    (row,) = rows(message([untraded]))

    assert row["last_trade_time"] is None
    assert row["exchange_timestamp"] == 1791431409


def test_an_index_has_its_ohlc_in_its_own_order_and_nothing_else() -> None:
    payload = struct.pack(">6Ii", SENSEX, 7244348, 7251210, 7229807, 7240000, 7251999, -7651)

    quote, full = rows(message([payload, payload + struct.pack(">I", 1791431409)]))

    assert (full["last_price"], full["close"]) == (72443.48, 72519.99)
    assert (full["high"], full["low"], full["open"]) == (72512.10, 72298.07, 72400.00)
    assert full["exchange_timestamp"] == 1791431409
    assert quote == {**full, "exchange_timestamp": None}
    assert full["volume"] is None
    assert full["bid_price_1"] is None


def test_the_docstrings_example_is_what_it_says() -> None:
    text = decode.__doc__ or ""
    example = text[text.index("00 01 |") : text.index("Source of layouts")]
    lines = [line.replace("|", " ") for line in example.splitlines() if re.match(r" *[0-9a-f]{2} [0-9a-f]{2} ", line)]

    (row,) = rows(bytes.fromhex("".join(lines)))

    assert row["instrument_token"] == SENSEX
    assert row["last_price"] == 72443.48
    assert f"{ist(row['exchange_timestamp'] * NS_PER_S):%Y-%m-%d %H:%M:%S}" == "2026-10-08 09:20:09"


@pytest.mark.parametrize(
    ("segment", "rupees"), [(1, 72443.48), (3, 0.7244348), (6, 724.4348), (9, 72443.48), (12, 724.4348)]
)
def test_the_segment_fixes_the_divisor(segment: int, rupees: float) -> None:
    tick = struct.pack(">II", 77 << 8 | segment, 7244348)

    assert [row["last_price"] for row in rows(message([tick]))] == [rupees]


def test_packets_of_one_layout_form_one_group_of_native_columns() -> None:
    index = struct.pack(">8I", SENSEX, 1, 2, 3, 4, 5, 6, 7)
    payload = message([full_packet(1 << 8 | 2), index, full_packet(2 << 8 | 2), full_packet(3 << 8 | 2), index])

    batch = decode_message(payload)

    full, indices = batch.groups
    assert (full.table, indices.table) == ("ticks_full", "ticks_full")
    assert full.packet_index.tolist() == [0, 2, 3]
    assert indices.packet_index.tolist() == [1, 4]
    assert full.columns["instrument_token"].tolist() == [258, 514, 770]
    assert {column.dtype for column in full.columns.values()} == {np.dtype("f8"), np.dtype("i8")}
    assert all(column.flags.c_contiguous for column in full.columns.values())
    assert "oi" not in indices.columns


@pytest.mark.parametrize(("length", "table"), [(8, "ticks_ltp"), (28, "ticks_quote"), (44, "ticks_quote")])
def test_each_mode_has_its_table(length: int, table: str) -> None:
    (group,) = decode_message(message([packet(length, 9, random.Random(1))])).groups

    assert group.table == table


@pytest.mark.parametrize("payload", [b"", b"\x00", b"\xff", b"\x00\x00"])
def test_a_heartbeat_or_an_empty_message_has_no_packets(payload: bytes) -> None:
    batch = decode_message(payload)

    assert (batch.packets, batch.groups, batch.truncated) == (0, (), False)


def test_packets_of_unknown_length_are_counted_and_the_rest_is_read() -> None:
    strange = [bytes(440), bytes(440), b"", bytes(186)]
    payload = message([strange[0], full_packet(), *strange[1:], full_packet()])

    batch = decode_message(payload)

    assert batch.unknown == {440: 2, 0: 1, 186: 1}
    assert batch.packets == 6
    assert batch.groups[0].packet_index.tolist() == [1, 5]


def test_a_truncated_last_packet_is_flagged_and_the_others_are_read() -> None:
    payload = message([full_packet(1 << 8 | 2), full_packet(2 << 8 | 2)])

    batch = decode_message(payload[:-1])

    assert batch.truncated
    assert [row["instrument_token"] for row in batch.rows()] == [258]


def test_bytes_beyond_the_announced_packets_are_counted() -> None:
    batch = decode_message(message([full_packet(), full_packet(), full_packet()], announced=2))

    assert (batch.packets, batch.excess_bytes, batch.truncated) == (2, 186, False)


def test_ten_thousand_messages_equal_the_official_client() -> None:
    chance = random.Random(20261008)
    seen = set()
    for _ in range(10_000):
        lengths = chance.choices(LENGTHS, k=chance.randrange(7)) if chance.random() < 0.9 else [184] * 20
        packets = [packet(length, chance.choice(SEGMENTS), chance) for length in lengths]
        seen.update((len(one), one[3]) for one in packets)
        payload = message(packets)
        assert rows(payload) == official_rows(payload)
    assert seen == {(length, segment) for length in LENGTHS for segment in SEGMENTS}


def test_long_messages_with_many_runs_equal_the_official_client() -> None:
    chance = random.Random(7)
    for share in (0.0, 0.03, 0.3, 1.0):
        lengths = [chance.choice(LENGTHS) if chance.random() < share else 184 for _ in range(500)]
        payload = message([packet(length, chance.choice(SEGMENTS), chance) for length in lengths])
        assert rows(payload) == official_rows(payload)


PACKETS = st.lists(
    st.builds(
        packet,
        st.sampled_from([*LENGTHS, *LENGTHS, 440, 4, 12]),
        st.integers(0, 255),
        st.randoms(use_true_random=False),
        zeros=st.sampled_from([0.0, 0.2, 1.0]),
    ),
    max_size=12,
)


@given(PACKETS)
def test_any_message_equals_the_official_client(packets: list[bytes]) -> None:
    payload = message(packets)

    assert rows(payload) == official_rows(payload)


@given(PACKETS, st.data())
def test_a_message_cut_anywhere_gives_the_packets_before_the_cut(packets: list[bytes], data: st.DataObject) -> None:
    payload = message(packets)
    cut = payload[: data.draw(st.integers(2, len(payload)))]

    batch = decode_message(cut)

    whole = list(decode_message(message(packets[: batch.packets])).rows())
    assert list(batch.rows()) == whole
    assert batch.truncated == (len(cut) < len(payload))


@given(st.binary(max_size=600) | st.binary(max_size=600).map(lambda tail: b"\x00\x03\x00\xb8" + tail))
def test_no_bytes_raise_and_every_packet_is_accounted_for(payload: bytes) -> None:
    batch = decode_message(payload)

    assert batch.packets == sum(map(len, batch.groups)) + sum(batch.unknown.values())
    assert len(list(batch.rows())) == sum(map(len, batch.groups))


def test_zerodhas_own_packets_decode_to_their_published_json(samples: Path) -> None:
    folder = samples / "kite" / "mocks"
    for mode in ("full", "quote"):
        wire = base64.b64decode((folder / f"ticker_{mode}.packet").read_text())
        published = json.loads((folder / f"ticker_{mode}.json").read_text())

        (row,) = rows(message([wire]))

        assert {name: value for name, value in row.items() if value is not None} == as_published(published)


def test_zerodhas_messages_decode_like_their_packets(samples: Path) -> None:
    folder = samples / "kite" / "packets"
    for mode in ("full", "quote"):
        raw = (folder / f"mocks_ticker_{mode}.raw.bin").read_bytes()
        framed = (folder / f"mocks_ticker_{mode}.message.bin").read_bytes()

        assert rows(framed) == rows(message([raw])) == official_rows(framed)


def as_published(tick: dict[str, Any]) -> dict[str, Any]:
    """The row that Zerodha's JSON of a packet means; its `change` is Go's, absolute, and is computed anew."""
    plain = ("instrument_token", "last_price", "last_quantity", "average_price", "volume", "buy_quantity")
    row = {name: tick[name] for name in (*plain, "sell_quantity")} | tick["ohlc"]
    close = row["close"]
    row["net_change"] = (row["last_price"] - close) * 100 / close
    if tick["mode"] == "full":
        row |= {name: tick[name] for name in ("oi", "oi_day_high", "oi_day_low")}
        row["last_trade_time"] = int(datetime.fromisoformat(tick["last_trade_time"]).timestamp())
        row["exchange_timestamp"] = int(datetime.fromisoformat(tick["timestamp"]).timestamp())
        for side, levels in (("bid", "buy"), ("ask", "sell")):
            for number, level in enumerate(tick["depth"][levels], 1):
                row |= {f"{side}_{what}_{number}": level[what] for what in ("price", "quantity", "orders")}
    return row
