"""When packets come: the seconds an instrument is quoted in, and how long after the exchange's second each is sent.

Measured on a real account (facts/kite.md §8): about four frames a second, at most one packet per instrument and second,
receive time behind exchange_timestamp by 0.63 s in the median and 1.12 s at the 95th percentile, about one contract in
twenty silent for more than a minute.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from muhurat.clock import NS_PER_S
from muhurat.simulator.market.base import Floats, Ints
from muhurat.simulator.market.hours import BAR_S

SEND_OFFSETS_NS: Final = np.array([100, 350, 600, 850, 1_100], dtype=np.int64) * 1_000_000
_OFFSET_CHANCES: Final = (0.07, 0.20, 0.37, 0.27, 0.09)
_EDGE_BOOST: Final = 0.3


def packet_seconds(random: np.random.Generator, seconds: Ints, mean_per_bar: Floats | float, at_least: int) -> Ints:
    """A choice of `seconds`, about `mean_per_bar` in each three-minute bar and never fewer than `at_least`.

    The first second of a bar is chosen more often than others, so that packets on the very edge occur all day long.
    `mean_per_bar` is one number, or one per element of `seconds`.
    """
    bars, first_of_bar, bar_of = np.unique(seconds // BAR_S, return_index=True, return_inverse=True)
    lengths = np.diff(first_of_bar, append=len(seconds))
    means = np.broadcast_to(np.asarray(mean_per_bar, dtype=np.float64), seconds.shape)[first_of_bar]
    wanted = random.poisson(means * lengths / BAR_S)
    wanted = np.clip(wanted, np.minimum(at_least, lengths), lengths)

    keys = np.full((len(bars), BAR_S), np.inf)
    column = seconds - seconds[first_of_bar][bar_of]
    keys[bar_of, column] = random.random(len(seconds))
    keys[:, 0] *= _EDGE_BOOST
    ranked = np.sort(keys, axis=1)
    limit = np.where(wanted > 0, ranked[np.arange(len(bars)), np.maximum(wanted, 1) - 1], -1.0)
    chosen: Ints = seconds[keys[bar_of, column] <= limit[bar_of]]
    return chosen if len(chosen) else seconds[:1]


def send_instants(random: np.random.Generator, exchange_s: Ints) -> Ints:
    """When each packet is sent: 0.1 to 1.1 s after its second, at four instants a second, never two at one instant."""
    drawn = random.choice(len(SEND_OFFSETS_NS), size=len(exchange_s), p=_OFFSET_CHANCES)
    # A packet sent 1.1 s late and the next second's at once would share an instant: the later one waits its turn.
    crowded = (drawn[1:] == 0) & (drawn[:-1] == len(SEND_OFFSETS_NS) - 1) & (np.diff(exchange_s) == 1)
    drawn[1:][crowded] = 1
    instants: Ints = exchange_s * NS_PER_S + SEND_OFFSETS_NS[drawn]
    return instants
