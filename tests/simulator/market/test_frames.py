from __future__ import annotations

from itertools import pairwise

import numpy as np

from muhurat.simulator.market.base import Frame, Quote, Series
from muhurat.simulator.market.frames import merge

S = 10**9


def made(token: int, instants: list[int]) -> Series:
    quote = Quote(exchange_s=1, last_price=100, open=100, high=100, low=100, close=100)
    return Series.of(token, True, [(instant, quote) for instant in instants])


ALL = {
    7: made(7, [10 * S, 12 * S, 2_000 * S]),
    3: made(3, [10 * S, 11 * S]),
    5: Series.of(5, True, []),
}


def test_frames_come_in_order_with_the_packets_of_one_instant_together():
    frames = list(merge(ALL.__getitem__, [7, 3, 5, 7], 0, 10**18))

    assert frames == [
        Frame(10 * S, (3, 7), (0, 0)),
        Frame(11 * S, (3,), (1,)),
        Frame(12 * S, (7,), (1,)),
        Frame(2_000 * S, (7,), (2,)),
    ]


def test_a_window_includes_its_start_and_not_its_end():
    assert list(merge(ALL.__getitem__, [3, 7], 11 * S, 12 * S)) == [Frame(11 * S, (3,), (1,))]


def test_nothing_to_send_gives_no_frames():
    assert list(merge(ALL.__getitem__, [], 0, 10**18)) == []
    assert list(merge(ALL.__getitem__, [5], 0, 10**18)) == []


def test_no_packet_is_lost_or_sent_twice_over_a_long_time():
    random = np.random.default_rng(1)
    series = {token: made(token, sorted(random.choice(5_000 * S, 400).tolist())) for token in (1, 2)}

    frames = list(merge(series.__getitem__, series, 0, 10**18))

    assert sorted((token, row) for frame in frames for token, row in zip(frame.tokens, frame.rows, strict=True)) == [
        (token, row) for token in (1, 2) for row in range(400)
    ]
    assert all(earlier.send_ns < later.send_ns for earlier, later in pairwise(frames))
