"""Randomness by name: the same number for the same seed and keys, whatever else is drawn, for whole arrays at once."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from muhurat.simulator.market.base import Floats

_GOLDEN: Final = np.uint64(0x9E3779B97F4A7C15)
_FIRST: Final = np.uint64(0xBF58476D1CE4E5B9)
_SECOND: Final = np.uint64(0x94D049BB133111EB)
_TO_UNIT: Final = 2.0**-53


def uniform(seed: int, *keys: ArrayLike) -> Floats:
    """Numbers in [0, 1), one for each element of the broadcast `keys` (integers)."""
    state = np.asarray(np.uint64(seed))
    with np.errstate(over="ignore"):
        for key in keys:
            state = _mixed(state * _GOLDEN + np.asarray(key).astype(np.int64).astype(np.uint64))
    numbers: Floats = (np.asarray(state) >> np.uint64(11)).astype(np.float64) * _TO_UNIT
    return numbers


def normal(seed: int, *keys: ArrayLike) -> Floats:
    """Numbers that are normally distributed with deviation 1, one for each element of the broadcast `keys`."""
    first = uniform(seed, *keys, 1)
    second = uniform(seed, *keys, 2)
    drawn: Floats = np.sqrt(-2.0 * np.log1p(-first)) * np.cos(2.0 * np.pi * second)
    return drawn


def _mixed(state: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The finaliser of SplitMix64."""
    state = state + _GOLDEN
    state = (state ^ (state >> np.uint64(30))) * _FIRST
    state = (state ^ (state >> np.uint64(27))) * _SECOND
    mixed: NDArray[np.uint64] = state ^ (state >> np.uint64(31))
    return mixed
