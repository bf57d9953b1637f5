"""`security.gz`: NSE's cash master, `|`-separated.

No specification of it is public (facts/nse.md §6). The layout is what independent public readers of the file agree on:
a first line `NEATCM|version|made`, then 54 fields, of which they name token, symbol, series, instrument, capital,
permission, price band, six pairs of (status, eligibility), lot, tick, name, listing date, delete flag and ISIN.
"""

from __future__ import annotations

from datetime import date
from typing import Final

from muhurat.simulator.market.base import Floats
from muhurat.simulator.reference.listing import Security, securities

FORMAT: Final = "NEATCM|01.00.00|"
_END: Final = "\n"
_BAND: Final = 0.2
_LISTED_S: Final = (date(2010, 1, 4) - date(1980, 1, 1)).days * 86_400
_MARKETS: Final = "|".join(("2|1", *["2|0"] * 5))
_FIELDS_25_TO_51: Final = "|".join("0" * 27)


def security_file(previous: Floats, made_1980_s: int) -> bytes:
    """The file as text; `previous` are the last closes in rupees beside `securities()`, `made_1980_s` is when it was
    made, in seconds since 1980 in India."""
    rows = map(_row, securities(), previous.tolist())
    return "".join(f"{line}{_END}" for line in (f"{FORMAT}{made_1980_s}", *rows)).encode("ascii")


def _row(security: Security, previous: float) -> str:
    band = f"{previous * (1 - _BAND):.2f}-{previous * (1 + _BAND):.2f}"
    return (
        f"{security.token}|{security.symbol}|{security.series}|0|1.00000000000000E+07|1|{band}|{_MARKETS}|"
        f"1|{1 if previous < 250 else 5}|{security.name}|0|{_LISTED_S}|{_FIELDS_25_TO_51}|N||{security.isin}"
    )
