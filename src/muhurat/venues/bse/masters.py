"""BSE's masters of scrips and of derivatives contracts: found in their archives, read, and judged.

Both come as zip archives at fixed addresses, whose members carry the date `ddMMyy` in their names (facts: BSE,
section 5; BSE's `SCRIP_format.DOC` and `BSE_FO_Header_Normal.pdf`, 2017). Neither file has a header, so their shape is
what tells them.
"""

from __future__ import annotations

import re
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Final

from muhurat.venues.refusals import Malformed, beginning
from muhurat.venues.zips import opened

SCRIP_MEMBER: Final = re.compile(r"(?:SCRIP/)?SCRIP_(\d{6})\.TXT", re.IGNORECASE)
CONTRACT_MEMBER: Final = re.compile(r"(?:[^/]+/)?EQD_CO(\d{6})\.csv", re.IGNORECASE)

LEAST_SCRIPS: Final = 10_000
LEAST_CONTRACTS: Final = 1_000
SCRIP_FIELDS: Final = 27
"""26 fields and the nothing behind the last separator."""
CONTRACT_FIELDS: Final = 69
CONTRACT_TYPES: Final = {"IF": "index futures", "IO": "index options", "SF": "stock futures", "SO": "stock options"}

_LARGEST: Final = 1 << 28
_CONTROL_LINE: Final = re.compile(r"\d+,\d+\.\d+\.\d+,*")
_ISIN: Final = re.compile(r"[A-Z]{2}[A-Z0-9]{9}[0-9]")
_WRONG_ISINS: Final = 0.01
"""Of 17,244 ISINs on 2017-05-25 21 had a wrong check digit: BSE's own oddities. Many more: a shifted column."""
_CHANGED: Final = "nothing was changed; BSE may have changed the format: compare the file with an older one"

_SCRIP_COLUMNS: Final = {
    "code": 0,
    "symbol": 2,
    "name": 3,
    "type": 5,
    "group": 6,
    "face_value_paise": 8,
    "lot": 9,
    "tick": 10,
    "status": 12,
    "isin": 17,
}
_CONTRACT_COLUMNS: Final = {
    "token": 0,
    "asset_token": 1,
    "type": 2,
    "symbol": 3,
    "underlying": 4,
    "expiry": 6,
    "strike_paise": 7,
    "option_type": 8,
    "minimum_lot": 30,
    "lot": 31,
    "tick_paise": 32,
    "name": 53,
}


@dataclass(frozen=True, slots=True)
class MasterTable:
    """A master's rows by column, as text; expiries as ISO text. `kinds` counts rows by type."""

    rows: int
    columns: Mapping[str, Sequence[str]]
    kinds: Mapping[str, int]
    warnings: tuple[str, ...] = ()


def newest_member(archive: Path, pattern: re.Pattern[str], origin: str) -> tuple[str, date, bytes]:
    """The name, date and bytes of the archive's newest member of that pattern, every member's checksum verified.

    Raises `Malformed` when the archive is none, is cut off or damaged, or has no such member.
    """
    if not zipfile.is_zipfile(archive):
        raise Malformed(
            f"{origin} is no zip archive, or only the beginning of one; it begins {beginning(_head(archive))}"
        )
    with opened(archive, origin) as file:
        if (damaged := file.testzip()) is not None:
            raise Malformed(f"{origin} is damaged: the checksum of {damaged} is wrong")
        dated = [(when, info) for info in file.infolist() if (when := _date_in(info.filename, pattern))]
        if not dated:
            names = ", ".join(file.namelist()[:5]) or "nothing"
            raise Malformed(f"{origin} has no member like {pattern.pattern}; it holds {names}", hint=_CHANGED)
        when, info = max(dated, key=lambda each: each[0])
        if info.file_size > _LARGEST:
            raise Malformed(f"{origin}: {info.filename} would be {info.file_size:,} bytes", hint=_CHANGED)
        return info.filename, when, file.read(info)


def read_scrips(data: bytes, origin: str) -> MasterTable:
    """The master of scrips: 26 fields, each ended by `|`. Raises `Malformed`."""
    rows = _split(data, "|", SCRIP_FIELDS, origin, first_line=1)
    _refuse_few(rows, LEAST_SCRIPS, "scrips", origin)
    columns = _columns(rows, _SCRIP_COLUMNS)
    _refuse_twice(columns["code"], "scrip code", origin)
    _refuse_unless(str.isdigit, columns["code"], "scrip code", origin)
    kinds = Counter(columns["type"])
    if not kinds["E"]:
        raise Malformed(f"{origin} has no equity: its types are {', '.join(sorted(kinds))}", hint=_CHANGED)
    return MasterTable(len(rows), columns, dict(kinds), tuple(_isin_warnings(columns["isin"], origin)))


def read_contracts(data: bytes, origin: str, dated: date) -> MasterTable:
    """The master of contracts: a control line, then 69 fields each. Raises `Malformed`, also for expired contracts."""
    control, _, body = data.partition(b"\n")
    if not _CONTROL_LINE.fullmatch(control.decode("latin-1").strip()):
        raise Malformed(
            f"{origin} does not begin with a control line such as 2,1.0.0, but {beginning(data)}", hint=_CHANGED
        )
    rows = _split(body, ",", CONTRACT_FIELDS, origin, first_line=2)
    _refuse_few(rows, LEAST_CONTRACTS, "contracts", origin)
    columns = dict(_columns(rows, _CONTRACT_COLUMNS))
    columns["expiry"] = _iso_dates(columns["expiry"], origin)
    _refuse_twice(columns["token"], "token", origin)
    kinds = Counter(columns["type"])
    if lacking := [f"{kind} ({meaning})" for kind, meaning in CONTRACT_TYPES.items() if not kinds[kind]]:
        raise Malformed(f"{origin} has no contract of type {', '.join(lacking)}", hint=_CHANGED)
    if unknown := sorted(kinds.keys() - CONTRACT_TYPES.keys()):
        raise Malformed(f"{origin} has contracts of unknown type {', '.join(unknown[:5])}", hint=_CHANGED)
    _refuse_unless(lambda lot: lot.isdigit() and int(lot) > 0, columns["lot"], "board lot", origin)
    _refuse_unless(lambda day: day >= dated.isoformat(), columns["expiry"], f"expiry from {dated} on", origin)
    return MasterTable(len(rows), columns, dict(kinds))


def isin_is_sound(isin: str) -> bool:
    """Whether an ISIN's check digit is right (ISO 6166: letters as 10 to 35, then Luhn's rule over the digits)."""
    if not _ISIN.fullmatch(isin):
        return False
    total, doubled = 0, False
    for character in reversed(isin):
        for digit in reversed(str(int(character, 36))):
            value = int(digit) * 2 if doubled else int(digit)
            total += value - 9 if value > 9 else value
            doubled = not doubled
    return total % 10 == 0


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(512)


def _date_in(name: str, pattern: re.Pattern[str]) -> date | None:
    match = pattern.fullmatch(name)
    if match is None:
        return None
    try:
        return datetime.strptime(match[1], "%d%m%y").date()  # noqa: DTZ007 - a date has no zone
    except ValueError:
        return None


def _split(data: bytes, separator: str, fields: int, origin: str, *, first_line: int) -> list[list[str]]:
    """The fields of every line; raises naming the first line that has another number of them."""
    rows = [line.split(separator) for line in data.decode("latin-1").splitlines()]
    for number, row in enumerate(rows, first_line):
        if len(row) != fields:
            raise Malformed(
                f"{origin}, line {number}: {len(row) - 1} times {separator!r} where there are always {fields - 1}",
                hint=_CHANGED,
            )
    return rows


def _columns(rows: Sequence[Sequence[str]], places: Mapping[str, int]) -> dict[str, list[str]]:
    return {name: [row[place] for row in rows] for name, place in places.items()}


def _refuse_few(rows: Sequence[object], least: int, what: str, origin: str) -> None:
    if len(rows) < least:
        raise Malformed(f"{origin} has {len(rows):,} {what}, where a whole one has at least {least:,}")


def _refuse_twice(values: Sequence[str], what: str, origin: str) -> None:
    if len(set(values)) != len(values):
        twice = next(value for value, count in Counter(values).items() if count > 1)
        raise Malformed(f"{origin}: {what} {twice} is there more than once", hint=_CHANGED)


def _refuse_unless(right: Callable[[str], bool], values: Sequence[str], what: str, origin: str) -> None:
    wrong = next((value for value in set(values) if not right(value)), None)
    if wrong is not None:
        raise Malformed(f"{origin}, row {values.index(wrong) + 1}: {wrong!r} is no {what}", hint=_CHANGED)


def _iso_dates(values: Sequence[str], origin: str) -> list[str]:
    """`31-AUG-2017` as `2017-08-31`."""
    known: dict[str, str] = {}
    for value in set(values):
        try:
            known[value] = datetime.strptime(value, "%d-%b-%Y").date().isoformat()  # noqa: DTZ007 - a date has no zone
        except ValueError as error:
            raise Malformed(f"{origin}: {value!r} is no date of expiry such as 31-AUG-2017", hint=_CHANGED) from error
    return [known[value] for value in values]


def _isin_warnings(isins: Sequence[str], origin: str) -> Iterator[str]:
    present = [isin for isin in isins if len(isin) == 12]
    wrong = [isin for isin in present if not isin_is_sound(isin)]
    if not present or len(wrong) > _WRONG_ISINS * len(present):
        example = f", such as {wrong[0]}" if wrong else ""
        raise Malformed(f"{origin}: {len(wrong):,} of {len(present):,} ISINs are wrong{example}", hint=_CHANGED)
    if wrong:
        yield f"{len(wrong)} ISINs have a wrong check digit, such as {wrong[0]}"
