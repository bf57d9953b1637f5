"""How many lots a signal buys (MISSION T6)."""

from __future__ import annotations

from decimal import ROUND_FLOOR, Decimal


def lots_for(balance_paise: int, risk_percent: Decimal, premium_paise: int, lot_size: int, *, halved: bool) -> int:
    """The lots that a share of the balance pays for; 0 is no trade.

    After a run of losses the number is halved, rounded down, but a trade that could be made stays at least one lot.
    """
    if premium_paise <= 0 or lot_size <= 0:
        return 0
    budget = Decimal(balance_paise) * risk_percent / 100
    lots = int((budget / (premium_paise * lot_size)).to_integral_value(ROUND_FLOOR))
    return max(1, lots // 2) if halved and lots else lots
