"""A ban list is a list, a NIL, or an error: nothing else ever means that there are no bans."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from muhurat.venues.nse.base import BanList
from muhurat.venues.nse.secban import parse_bans
from muhurat.venues.refusals import Malformed
from tests.venues.nse import made

DAY = date(2026, 9, 22)


def parse(text: str) -> BanList:
    return parse_bans(text.encode(), origin="http://nse/fo_secban.csv")


@pytest.mark.parametrize(
    ("text", "symbols"),
    [
        (
            "Securities in Ban For Trade Date 22-SEP-2026:\n1,BANDHANBNK\n2,M&M\n3,BAJAJ-AUTO\n",
            "BANDHANBNK M&M BAJAJ-AUTO",
        ),
        ("Securities in Ban For Trade Date 22-SEP-2026: \r\n1,BANDHANBNK\r\n", "BANDHANBNK"),
        ("Securities in Ban For Trade Date 22-Sep-2026: NIL\n", ""),
        ("Securities in Ban For Trade Date 22-SEP-2026: NIL", ""),
        ("Securities in Ban For Trade Date 22-SEP-2026:\n", ""),
        ("Securities in Ban For Trade Date 22-SEP-2026: \n\n", ""),
    ],
)
def test_a_list_a_nil_and_a_header_alone_are_read(text: str, symbols: str) -> None:
    assert parse(text) == BanList(DAY, tuple(symbols.split()))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "it begins nothing"),
        ("<html><body>Access Denied</body></html>", "is no list of banned securities; it begins '<html>"),
        ("Symbol\n1,BANDHANBNK\n", "is no list of banned securities"),
        ("Securities in Ban For Trade Date 22-SEP", "is no list of banned securities"),
        ("Securities in Ban For Trade Date 31-SEP-2026:\n", "'31-SEP-2026' is no date"),
        ("Securities in Ban For Trade Date 22-SEP-2026:\n1,BANDHANBNK\n3,LICI\n", "numbered 3: rows are missing"),
        ("Securities in Ban For Trade Date 22-SEP-2026:\n2,BANDHANBNK\n", "numbered 2: rows are missing"),
        ("Securities in Ban For Trade Date 22-SEP-2026:\n1,BANDHANBNK\n2,LI", "breaks off after '2,LI'"),
        ("Securities in Ban For Trade Date 22-SEP-2026:\nBANDHANBNK\n", "no number and symbol"),
        ("Securities in Ban For Trade Date 22-SEP-2026:\n1,LICI\n2,LICI\n", "names a security twice"),
        ("Securities in Ban For Trade Date 22-SEP-2026: NIL\n1,LICI\n", "says NIL and yet lists 1"),
    ],
)
def test_anything_else_is_refused(text: str, said: str) -> None:
    with pytest.raises(Malformed) as caught:
        parse(text)

    assert said in str(caught.value)


def test_the_list_made_here_reads_like_the_real_ones() -> None:
    assert parse_bans(made.bans(DAY, "LICI"), origin="made") == BanList(DAY, ("LICI",))
    assert parse_bans(made.bans(DAY), origin="made") == BanList(DAY, ())


def test_the_real_lists_are_read(samples: Path) -> None:
    folder = samples / "nse" / "secban"
    listed = parse_bans((folder / "fo_secban_10AUG2026.csv").read_bytes(), origin="list")
    none = parse_bans((folder / "fo_secban_28072026_NIL.csv").read_bytes(), origin="nil")

    assert listed == BanList(date(2026, 8, 10), ("BANDHANBNK", "KAYNES", "LICI"))
    assert none == BanList(date(2026, 7, 28), ())
