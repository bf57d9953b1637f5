"""Decoding Kite's messages into native columns; the baseline is the official client's parser on the same messages.

Both are measured in turns, so that other work on the machine slows both; the ratio is the median over the turns.
"""

from __future__ import annotations

import random
import struct
import time
from collections.abc import Callable
from statistics import median
from typing import Final

import numpy as np
from kiteconnect import KiteTicker

from benchmarks import Result
from muhurat.venues.kite.decode import decode_message

TURNS: Final = 15
INDEX_SHARE: Final = 0.03
LIVE_PACKETS: Final = 183
"""Packets in an average message of a real morning with 1,091 instruments."""

_FULL: Final = struct.Struct(">16I" + "IIHxx" * 10)
_INDEX: Final = struct.Struct(">8I")


def run() -> list[Result]:
    """320 full packets in a message, 320 with index packets between them, and a message of a live morning."""
    chance = random.Random(320)
    live = message(chance, LIVE_PACKETS, round(LIVE_PACKETS * INDEX_SHARE))
    return [
        rate("decode 320 full packets into columns", message(chance, 320, 0), bar=120),
        rate("decode 320 packets, 3 % of an index", message(chance, 320, round(320 * INDEX_SHARE)), bar=60),
        latency(f"decode one live message of {LIVE_PACKETS} mixed packets", live, bar_us=60),
    ]


def rate(name: str, payload: bytes, *, bar: float) -> Result:
    """Packets per second, ours and the official client's."""
    packets = proven(payload)
    turns = measure(payload)
    ratio = median(theirs_s / ours_s for ours_s, theirs_s in turns)
    ours, theirs = (packets / median(column) for column in zip(*turns, strict=True))
    return Result(name, ratio, bar, "packets/s", ours, theirs, note=f"{1e6 * packets / ours:.1f} us a message")


def latency(name: str, payload: bytes, *, bar_us: float) -> Result:
    """Microseconds for one message, the least of the turns: what the code costs when it has the machine to itself."""
    proven(payload)
    ours, theirs = (1e6 * min(column) for column in zip(*measure(payload), strict=True))
    return Result(name, ours / theirs, bar_us, "us", ours, theirs, at_most=True)


def measure(payload: bytes) -> list[tuple[float, float]]:
    """Seconds a message takes us and the official client, turn by turn."""
    official = KiteTicker("key", "token")._parse_binary
    return [(each(decode_message, payload, 200), each(official, payload, 4)) for _ in range(TURNS)]


def each(decode: Callable[[bytes], object], payload: bytes, times: int) -> float:
    """Seconds per message."""
    decode(payload)
    started = time.perf_counter()
    for _ in range(times):
        decode(payload)
    return (time.perf_counter() - started) / times


def proven(payload: bytes) -> int:
    """How many packets there are, once it is sure that all columns of all of them really are native arrays."""
    batch = decode_message(payload)
    for group in batch.groups:
        assert len(group.columns) == (47 if "oi" in group.columns else 8)
        for column in group.columns.values():
            assert isinstance(column, np.ndarray)
            assert column.dtype in (np.float64, np.int64)
            assert column.flags.c_contiguous
            assert len(column) == len(group)
    assert sum(len(group) for group in batch.groups) == batch.packets
    return batch.packets


def message(chance: random.Random, packets: int, indices: int) -> bytes:
    """A message of full packets with index packets at random places between them."""
    places = set(chance.sample(range(packets), indices))
    made = [index_packet(chance) if place in places else full_packet(chance) for place in range(packets)]
    return struct.pack(">H", packets) + b"".join(struct.pack(">H", len(packet)) + packet for packet in made)


def full_packet(chance: random.Random) -> bytes:
    """An option of NSE or BSE; one in eight has an empty level, as far strikes do."""
    price = chance.randrange(500, 60_000)
    head = (chance.randrange(1 << 8, 1 << 22) << 8 | chance.choice((2, 5)), price, 65, price, 5_937_425, 44_291, 15_639)
    state = (price, price + 900, price - 400, price + 100, 1_791_431_408, 100_022, 100_022, 33_748, 1_791_431_409)
    depth = [(65 * level, price + 5 * level, level) for level in range(1, 11)]
    if chance.random() < 1 / 8:
        depth[chance.randrange(10)] = (0, 0, 0)
    return _FULL.pack(*head, *state, *(value for level in depth for value in level))


def index_packet(chance: random.Random) -> bytes:
    """SENSEX, somewhere near 72,000."""
    price = chance.randrange(7_100_000, 7_300_000)
    return _INDEX.pack(265, price, price + 4_000, price - 6_000, price - 300, price + 800, 800, 1_791_431_409)
