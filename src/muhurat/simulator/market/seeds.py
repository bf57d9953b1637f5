"""Random streams that do not depend on each other or on the order in which they are asked for."""

from __future__ import annotations

from datetime import date
from enum import IntEnum

import numpy as np


class Purpose(IntEnum):
    """What a stream is drawn for; each has its own, so that a change to one leaves the others alone."""

    PATH = 1
    TIMES = 2
    PRICES = 3
    TRADES = 4
    OPEN_INTEREST = 5
    DRESSING = 6
    BOOK = 7
    DELAYS = 8
    LEVEL = 9


def stream(seed: int, day: date, token: int, purpose: Purpose) -> np.random.Generator:
    """The stream of one purpose for one instrument on one day."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, day.toordinal(), token, purpose])))
