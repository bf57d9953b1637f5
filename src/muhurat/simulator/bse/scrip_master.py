"""`scrip.zip`: the master of all securities with its companions (facts/nse.md §5, BSE's SCRIP_format)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from typing import Final

from muhurat.simulator.bse.scrips import Scrip, scrips

FOLDER: Final = "SCRIP"
_PRODUCTS: Final = {"E": ("1-71", "4-335", "1-332", "5-261"), "D": ("6-255", "7-9"), "C": ("4-349", "3-348")}
_AUCTION: Final = ("0", "3", "90")
_END: Final = "\r\n"


def scrip_members(day: date) -> dict[str, bytes]:
    """The archive's members by name; all carry the date of the session after which they were made.

    Only the layout of `SCRIP_*.TXT` is documented; what its companions hold is made up.
    """
    listed = scrips()
    short, long = f"{day:%d%m%y}", f"{day:%d%m%Y}"
    members = [f"{number}|SIMULATED MEMBER {number}|A|" for number in range(1, 60)]
    return {
        f"{FOLDER}/BSE_EQ_SCRIP_{long}.csv": _text(_equities(listed)),
        f"{FOLDER}/CORPACT_{short}.TXT": _text(_actions(listed, day)),
        f"{FOLDER}/DP{short}": _text(_bands(listed)),
        f"{FOLDER}/EQ_PARTICIPANT{short}.TXT": _text(members),
        f"{FOLDER}/SCRIP_{short}.TXT": _text(_rows(listed, day)),
        f"{FOLDER}/SYSBAS_{short}.TXT": _text([f"{day:%Y-%m-%d}|09:15:00|15:30:00|"]),
    }


def _rows(listed: tuple[Scrip, ...], day: date) -> Iterator[str]:
    for number, scrip in enumerate(listed):
        products = _PRODUCTS[scrip.kind]
        product, exclusive = products[number % len(products)], "Y" if scrip.row < 0 else "N"
        ex_date, starts, ends, auction = "", "", "", "0"
        if scrip.kind == "E":
            closed = day - timedelta(days=5 + number * 13 % 900)
            ex_date = str(closed - timedelta(days=2)) if number % 3 == 0 else ""
            starts, ends, auction = str(closed), str(closed + timedelta(days=5)), _AUCTION[number % 3]
        yield (
            f"{scrip.code}|BSE|{scrip.id}|{scrip.name}|{product}|{scrip.kind}|{scrip.group}|D|{scrip.face_paise}|1|"
            f"{scrip.tick}|{exclusive}|{'A' if scrip.active else 'S'}|{ex_date}|||{scrip.tick}|{scrip.isin}|{auction}|"
            f"{starts}||||100|{ends}|0|"
        )


def _equities(listed: tuple[Scrip, ...]) -> Iterator[str]:
    yield "SCRIP_CD,SCRIP_ID,ISIN_NO,SCRIP_GROUP"
    yield from (f"{scrip.code},{scrip.id},{scrip.isin},{scrip.group}" for scrip in listed if scrip.trades)


def _actions(listed: tuple[Scrip, ...], day: date) -> Iterator[str]:
    return (f"{scrip.code}|{day + timedelta(days=7)}|DIVIDEND|" for scrip in listed[::400] if scrip.trades)


def _bands(listed: tuple[Scrip, ...]) -> Iterator[str]:
    return (f"{scrip.code}|{scrip.price * 0.8:.2f}|{scrip.price * 1.2:.2f}|" for scrip in listed if scrip.trades)


def _text(lines: Iterable[str]) -> bytes:
    return "".join(f"{line}{_END}" for line in lines).encode("ascii")
