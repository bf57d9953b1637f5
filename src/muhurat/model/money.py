"""Exact money: whole paise inside, rupees on the surface.

A paisa is a hundredth of a rupee. Prices, charges and profits at the order and ledger boundary are integers of paise;
indicators alone are floating point.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import ROUND_HALF_UP, Decimal
from typing import Final

PAISE_PER_RUPEE: Final = 100
_ONE: Final = Decimal(1)


def to_paise(rupees: Decimal | float | str) -> int:
    """Rupees as whole paise, a half rounded away from zero.

    A float is taken as the shortest decimal that prints it, so 0.29 is 29 paise; what is no number raises `ValueError`.
    """
    exact = rupees if isinstance(rupees, Decimal) else Decimal(str(rupees))
    if not exact.is_finite():
        raise ValueError(f"{rupees!r} is no amount of money")
    return int((exact * PAISE_PER_RUPEE).quantize(_ONE, ROUND_HALF_UP))


def to_rupees(paise: int) -> Decimal:
    """Whole paise as rupees with two places."""
    return Decimal(paise).scaleb(-2)


def plain_rupees(paise: int) -> float:
    """Whole paise as the float that prints as the same rupees, for JSON and charts; never to compute with."""
    return paise / PAISE_PER_RUPEE


def deepest_fall(results_paise: Iterable[int]) -> int:
    """How far the running sum of results fell below its highest point so far, at most; the start counts as 0."""
    total = peak = deepest = 0
    for result in results_paise:
        total += result
        peak = max(peak, total)
        deepest = max(deepest, peak - total)
    return deepest
