"""NSE's masters for members, `contract.txt` and `security.txt`: lines of `|`-separated fields under one title line.

Contracts: 69 fields (Annexure 1 of Part C of the F&O circular; facts: NSE, section 6). Times are seconds since 1980 on
an Indian clock, prices paise. What contracts are written on (UNDCUR, INDEX, EQUITY…), rows without an instrument,
deleted ones and the exchange's test symbols are mixed in, and left out here. Securities: 54 fields, for which no public
specification exists; public readers of the file agree on those used here.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from muhurat.clock import IST, ist, to_ns
from muhurat.venues.nse.extranet_base import NeatMaster
from muhurat.venues.refusals import Malformed, OtherDay, beginning

CONTRACT_FIELDS: Final = 69
SECURITY_FIELDS: Final = 54

_EPOCH: Final = datetime(1980, 1, 1, tzinfo=IST)
_DAY_S: Final = 86_400
_TEST: Final = "NSETEST"
_DELETED: Final = "Y"
_TRADED: Final = ("FUT", "OPT")
_CHANGED: Final = "nothing was changed; NSE may have changed the format: compare the file with an older one"

_CONTRACT: Final = {
    "token": 1,
    "asset_token": 2,
    "instrument": 3,
    "symbol": 4,
    "expiry": 7,
    "strike_paise": 8,
    "option_type": 9,
    "minimum_lot": 31,
    "lot": 32,
    "tick_paise": 33,
    "freeze_quantity": 35,
    "low_paise": 43,
    "high_paise": 44,
    "name": 54,
    "base_paise": 68,
    "deleted": 69,
}
_SECURITY: Final = {
    "token": 1,
    "symbol": 2,
    "series": 3,
    "price_band": 7,
    "lot": 20,
    "tick": 21,
    "name": 22,
    "deleted": 52,
    "isin": 54,
}
"""Fields by number, from 1 as in the circular."""


@dataclass(frozen=True, slots=True)
class Market:
    """What a segment's master holds at least, and the word its title line begins with."""

    title: str
    least: int
    kinds: frozenset[str]


FO: Final = Market("NEATFO", 50_000, frozenset({"FUTIDX", "FUTSTK", "OPTIDX", "OPTSTK"}))
CM: Final = Market("NEATCM", 2_000, frozenset({"EQ"}))


def read_contracts(
    data: bytes, *, origin: str, today: date, made_after_ns: int | None = None, market: Market = FO
) -> NeatMaster:
    """The contracts of a derivatives master that have not expired before `today`, which none may have.

    Raises `Malformed` naming the line or the contract. Other segments' masters, such as NEATCD, have the same layout.
    """
    made_ns, body = _title(data, market, origin)
    _refuse_old(made_ns, made_after_ns, origin)
    table = _table(body, CONTRACT_FIELDS, _CONTRACT, origin)
    traded = np.array([kind.startswith(_TRADED) for kind in table["instrument"]], dtype=bool)
    chosen = _chosen(table, traded & _wanted(table))
    columns = {name: list(values) for name, values in chosen.items() if name != "deleted"}
    _refuse_few(columns["token"], market.least, "contracts", origin)
    _refuse_twice(columns["token"], origin)
    columns["expiry"] = _expiries(columns["expiry"], today, columns["name"], origin)
    for name in ("minimum_lot", "lot"):
        _refuse_unless(_positive, columns[name], columns["name"], name.replace("_", " "), origin)
    kinds = _counted(columns["instrument"])
    if lacking := sorted(market.kinds - kinds.keys()):
        raise Malformed(f"{origin} has no contract of {', '.join(lacking)}", hint=_CHANGED)
    return NeatMaster(len(columns["token"]), columns, kinds, made_ns, _warnings(made_ns, origin))


def read_securities(data: bytes, *, origin: str, made_after_ns: int | None = None, market: Market = CM) -> NeatMaster:
    """The securities of the cash market's master. Raises `Malformed`."""
    made_ns, body = _title(data, market, origin)
    _refuse_old(made_ns, made_after_ns, origin)
    table = _table(body, SECURITY_FIELDS, _SECURITY, origin)
    columns = {name: list(values) for name, values in _chosen(table, _wanted(table)).items() if name != "deleted"}
    _refuse_few(columns["token"], market.least, "securities", origin)
    _refuse_twice(columns["token"], origin)
    _refuse_unless(bool, columns["symbol"], columns["token"], "symbol", origin)
    kinds = _counted(columns["series"])
    if lacking := sorted(market.kinds - kinds.keys()):
        raise Malformed(f"{origin} has no security of series {', '.join(lacking)}", hint=_CHANGED)
    return NeatMaster(len(columns["token"]), columns, kinds, made_ns, _warnings(made_ns, origin))


def instant_1980(seconds: int) -> int:
    """Seconds since 1980 on an Indian clock as UTC nanoseconds; 1185633000 is 2017-07-27 14:30 IST."""
    return to_ns(_EPOCH + timedelta(seconds=seconds))


def _title(data: bytes, market: Market, origin: str) -> tuple[int | None, bytes]:
    """When the file says it was made, and what follows its title line `NEATFO|7.0.4|1474956000`."""
    line, _, body = data.partition(b"\n")
    fields = line.decode("latin-1").strip().split("|")
    if fields[0] != market.title or len(fields) < 2:
        raise Malformed(
            f"{origin} does not begin with a title such as {market.title}|7.0.4|, but {beginning(data)}", hint=_CHANGED
        )
    made = fields[2] if len(fields) > 2 else ""
    if not body.strip():
        raise Malformed(f"{origin} is empty but for its title", hint="nothing was changed; try again later")
    return (instant_1980(int(made)) if made.isascii() and made.isdigit() else None), body


def _refuse_old(made_ns: int | None, made_after_ns: int | None, origin: str) -> None:
    if made_ns is not None and made_after_ns is not None and made_ns < made_after_ns:
        made, after = ist(made_ns), ist(made_after_ns)
        raise OtherDay(
            f"{origin} was made {made:%Y-%m-%d %H:%M} IST, before the last session ended, {after:%Y-%m-%d %H:%M} IST: "
            "it is that of an earlier day",
            made.date(),
            hint="NSE has not put today's there yet; try again later",
        )


def _warnings(made_ns: int | None, origin: str) -> tuple[str, ...]:
    return () if made_ns is not None else (f"{origin} does not say when it was made",)


def _table(body: bytes, fields: int, places: Mapping[str, int], origin: str) -> dict[str, NDArray[Any]]:
    """The wanted fields of every line, as text; raises naming the first line with another number of fields."""
    import pyarrow as pa
    import pyarrow.csv as pa_csv

    names = [f"field {number}" for number in range(1, fields + 1)]
    wanted = {name: names[place - 1] for name, place in places.items()}
    try:
        table = pa_csv.read_csv(
            io.BytesIO(body),
            read_options=pa_csv.ReadOptions(column_names=names, encoding="latin-1"),
            parse_options=pa_csv.ParseOptions(delimiter="|", quote_char=False),
            convert_options=pa_csv.ConvertOptions(
                include_columns=list(wanted.values()), column_types=dict.fromkeys(wanted.values(), pa.string())
            ),
        )
    except pa.ArrowInvalid as error:
        raise Malformed(f"{origin}: {_plainly(str(error))}", hint=_CHANGED) from error
    return {name: table[field].to_numpy() for name, field in wanted.items()}


def _plainly(complaint: str) -> str:
    """Arrow's complaint without the whole line it quotes."""
    return complaint.partition(":")[2].strip()[:120] if complaint.startswith("CSV") else complaint


def _wanted(table: Mapping[str, NDArray[Any]]) -> NDArray[np.bool_]:
    """Which rows are neither deleted nor the exchange's own tests."""
    tests = np.array([_TEST in symbol for symbol in table["symbol"]], dtype=bool)
    kept: NDArray[np.bool_] = (table["deleted"] != _DELETED) & ~tests
    return kept


def _chosen(table: Mapping[str, NDArray[Any]], rows: NDArray[np.bool_]) -> dict[str, NDArray[Any]]:
    return {name: values[rows] for name, values in table.items()}


def _counted(values: Iterable[str]) -> dict[str, int]:
    kinds, counts = np.unique(np.array(list(values), dtype=object), return_counts=True)
    return dict(zip(kinds.tolist(), counts.tolist(), strict=True))


def _refuse_few(tokens: Sequence[str], least: int, what: str, origin: str) -> None:
    if len(tokens) < least:
        raise Malformed(f"{origin} has {len(tokens):,} {what}, where a whole one has at least {least:,}", hint=_CHANGED)


def _refuse_twice(tokens: Sequence[str], origin: str) -> None:
    seen: set[str] = set()
    if len(set(tokens)) < len(tokens):
        twice = next(token for token in tokens if token in seen or seen.add(token))  # type: ignore[func-returns-value]
        raise Malformed(f"{origin}: token {twice} is there more than once", hint=_CHANGED)


def _refuse_unless(
    right: Callable[[str], bool], values: Sequence[str], names: Sequence[str], what: str, origin: str
) -> None:
    wrong = next((value for value in set(values) if not right(value)), None)
    if wrong is not None:
        raise Malformed(f"{origin}: {names[values.index(wrong)]} has {wrong!r} as its {what}", hint=_CHANGED)


def _positive(value: str) -> bool:
    return value.isascii() and value.isdigit() and int(value) > 0


def _expiries(values: Sequence[str], today: date, names: Sequence[str], origin: str) -> list[str]:
    """Seconds since 1980 as ISO dates; raises for what is no time, and for a contract that has expired."""
    known: dict[str, str] = {}
    for value in set(values):
        name = names[values.index(value)]
        if not _positive(value):
            raise Malformed(f"{origin}: {name} has {value!r} as its expiry", hint=_CHANGED)
        day = (_EPOCH + timedelta(days=int(value) // _DAY_S)).date()
        if day < today:
            raise Malformed(
                f"{origin}: {name} expired on {day}: it is the master of an earlier day than {today}",
                hint="NSE has not put today's there yet; try again later",
            )
        known[value] = day.isoformat()
    return [known[value] for value in values]
