"""The securities BSE lists: those of the common listing, and enough of its own to fill its master."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Final

import numpy as np

from muhurat.simulator.market.base import Floats
from muhurat.simulator.reference.listing import Security, isin_with_check_digit, securities
from muhurat.simulator.reference.noise import normal, uniform

OWN_EQUITIES: Final = 3_300
DIRTY_BONDS: Final = 10_400
CLEAN_BONDS: Final = 180

_LARGE: Final = 420
_GROUP_OF_SERIES: Final = {"EQ": "B", "BE": "T", "BZ": "Z", "SM": "M", "ST": "MT", "GB": "F"}
_OWN_GROUPS: Final = ("X", "X", "X", "XT", "XT", "B", "T", "Z", "P")
_SYLLABLES: Final = (
    "AR",
    "BHA",
    "CHA",
    "DHAN",
    "GANG",
    "HIM",
    "IND",
    "JAY",
    "KAR",
    "LAX",
    "MAH",
    "NAV",
    "OM",
    "PRA",
    "RAJ",
    "SHA",
    "TRI",
    "UDAY",
    "VAR",
    "YASH",
)
_ENDINGS: Final = ("AN", "ESH", "IKA", "ON", "AX", "IL", "ORA", "AM", "EEN")
_TRADES: Final = (
    "TEXTILES",
    "CHEMICALS",
    "FINANCE",
    "INFRA",
    "FOODS",
    "STEEL",
    "PHARMA",
    "POWER",
    "PAPER",
    "TECHNOLOGIES",
)
_FACES: Final = (1000, 1000, 1000, 500, 200, 100)
_BOND_FACES: Final = (100_000, 10_000_000, 100_000_000)
_FIRST_OWN, _FIRST_DIRTY, _FIRST_CLEAN = 543_002, 934_000, 440_001
_DRAWN, _DAILY = 40, 41


@dataclass(frozen=True, slots=True)
class Scrip:
    """A security. `kind` is E equity, D debt quoted dirty, C debt quoted clean; `row` is its place in `securities()`,
    -1 for one that only BSE lists; `price` sets the scale of its prices."""

    code: int
    id: str
    name: str
    isin: str
    kind: str
    group: str
    active: bool
    face_paise: int
    tick: str
    price: float
    row: int = -1

    @property
    def trades(self) -> bool:
        """Whether it has a line in the cash segment's bhavcopy."""
        return self.kind == "E" and self.active


@cache
def scrips() -> tuple[Scrip, ...]:
    """Every security by scrip code, the same for every seed and date."""
    shared = [_shared(row, security) for row, security in enumerate(securities()) if security.scrip_code]
    own = [_own(number) for number in range(OWN_EQUITIES)]
    dirty = [_bond(_FIRST_DIRTY + 3 * number, number, "D") for number in range(DIRTY_BONDS)]
    clean = [_bond(_FIRST_CLEAN + number, DIRTY_BONDS + number, "C") for number in range(CLEAN_BONDS)]
    return tuple(sorted((*shared, *own, *dirty, *clean), key=lambda scrip: scrip.code))


def own_closes(seed: int, listed: tuple[Scrip, ...], day: date) -> Floats:
    """Closes in rupees of securities that only BSE lists: a function of seed and date, as those of the others are."""
    codes = np.array([scrip.code for scrip in listed], dtype=np.int64)
    usual = np.array([scrip.price for scrip in listed])
    slow = np.sin(day.toordinal() / 37.0 + codes)
    moved = usual * np.exp(0.06 * slow + 0.012 * normal(seed, codes, day.toordinal(), _DAILY))
    closes: Floats = np.round(np.maximum(np.round(moved / 0.05), 1.0) * 0.05, 2)
    return closes


def _shared(row: int, security: Security) -> Scrip:
    group = "A" if row < _LARGE and security.kind == "share" else _GROUP_OF_SERIES[security.series]
    face = _FACES[row % len(_FACES)]
    name = security.name.upper()[:30]
    return Scrip(
        security.scrip_code, security.symbol, name, security.isin, "E", group, True, face, "0.05", security.price, row
    )


def _own(number: int) -> Scrip:
    word = _SYLLABLES[number % 20] + _SYLLABLES[number // 20 % 20] + _ENDINGS[number // 400]
    isin = isin_with_check_digit(f"INE{number % 1_000:03d}{'RSTU'[number // 1_000]}0101")
    group = _OWN_GROUPS[number % len(_OWN_GROUPS)]
    price = round(float(3.0 * 900.0 ** uniform(1, number, _DRAWN)), 2)
    face = _FACES[number % len(_FACES)]
    code, name = _FIRST_OWN + 7 * number, f"{word} {_TRADES[number % 10]} LTD."[:30]
    return Scrip(code, word[:11], name, isin, "E", group, number % 5 != 0, face, "0.05", price)


def _bond(code: int, number: int, kind: str) -> Scrip:
    coupon, year = 675 + 5 * (number * 37 % 100), 27 + number % 9
    issuer = f"{_SYLLABLES[number % 20]}FC"
    name = f"{issuer}-{coupon / 100:.2f}%-{1 + number % 28}-{1 + number % 12}-{year}-PVT"[:30]
    isin = isin_with_check_digit(f"INE{number % 1_000:03d}V0{7 + number % 2}{number // 1_000:02d}")
    group, tick = ("F", "0.01") if kind == "D" else ("GC", "0.25")
    face = _BOND_FACES[number % len(_BOND_FACES)]
    return Scrip(
        code, f"{coupon}{issuer[:2]}{number:05d}", name, isin, kind, group, number % 4 != 0, face, tick, face / 1e4
    )
