"""Messages taken apart into packets, a thousand at once or one by one, and put together again."""

from __future__ import annotations

import random

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from muhurat.venues.kite.decode import decode_message
from muhurat.venues.kite.packets import KitePackets
from tests.venues.kite.messages import LENGTHS, message, packet


def split(messages: list[bytes]) -> list[list[tuple[int, bytes]]]:
    """The (token, bytes) of every packet, message by message."""
    sizes = np.array([len(each) for each in messages], np.int64)
    starts = np.cumsum(sizes) - sizes
    buffer = np.frombuffer(b"".join(messages), np.uint8)
    found = KitePackets().split(buffer, starts, sizes)
    parts: list[list[tuple[int, bytes]]] = [[] for _ in messages]
    for number, start, length, token in zip(found.message, found.start, found.length, found.instrument, strict=True):
        parts[number].append((int(token), buffer[start : start + length].tobytes()))
    return parts


contents = st.lists(st.sampled_from(LENGTHS), max_size=8)
made = st.builds(
    lambda lengths, seed: [packet(length, 2, random.Random(seed + n)) for n, length in enumerate(lengths)],
    contents,
    st.integers(0, 1000),
)


@settings(max_examples=100, deadline=None)
@given(st.lists(made, min_size=1, max_size=6))
def test_packets_come_out_as_they_went_in(messages: list[list[bytes]]) -> None:
    whole = [message(packets) for packets in messages]

    expected = [[(int.from_bytes(each[:4], "big"), each) for each in packets] for packets in messages]
    assert split(whole) == expected
    assert [KitePackets().join(packets) for packets in messages] == whole


tails = st.sampled_from([None, -3, -1, 0])
spoilt = st.builds(lambda packets, cut: message(packets)[:cut], made, tails) | st.builds(
    lambda packets, more: message(packets) + more, made, st.binary(min_size=1, max_size=3)
)
strange = st.builds(lambda packets: message([*packets, bytes(20)]), made)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.binary(max_size=40) | spoilt | strange, min_size=1, max_size=8))
def test_what_is_not_made_of_whole_known_packets_has_none(messages: list[bytes]) -> None:
    """The decoder, which goes packet by packet, says which those are."""
    for payload, found in zip(messages, split(messages), strict=True):
        batch = decode_message(payload)
        whole = not (batch.truncated or batch.excess_bytes or batch.unknown)
        assert len(found) == (batch.packets if whole else 0)


def test_a_text_message_has_no_packets() -> None:
    assert split([b'{"e":"aggTrade","E":1700000000000,"s":"BTCUSDT"}', b"", b"\0", b"\0\0"]) == [[], [], [], []]
