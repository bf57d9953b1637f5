"""Kite's instrument dump: what can be quoted and traded today, as a gzipped CSV per exchange.

A row looks like `227999749,890624,SENSEX26O0872500CE,SENSEX,0,2026-10-08,72500,0.05,20,CE,BFO-OPT,BFO`, under the
header of `COLUMNS`. Numbers come as integers or floats depending on the day. Indices are rows of type EQ in segment
INDICES. The dump is made once a day, but strikes are added during a day that moves far; exchanges use their tokens
again, even before the old contract has expired, so a dump is good for its day only (Kite Connect v3, "Market quotes and
instruments").
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date
from decimal import Decimal, InvalidOperation
from functools import lru_cache, partial
from pathlib import Path
from typing import Final

import httpx

from muhurat.clock import Clock, SystemClock
from muhurat.errors import RateLimited, SessionExpired, VenueError
from muhurat.model.instrument import Instrument, InstrumentType
from muhurat.venues.calls import patiently
from muhurat.venues.kite.login import KiteToken
from muhurat.venues.pace import Pace
from muhurat.venues.part_file import part_of
from muhurat.venues.refusals import Unavailable, WebPage, beginning

COLUMNS: Final = (
    "instrument_token",
    "exchange_token",
    "tradingsymbol",
    "name",
    "last_price",
    "expiry",
    "strike",
    "tick_size",
    "lot_size",
    "instrument_type",
    "segment",
    "exchange",
)
INDEX_SEGMENT: Final = "INDICES"

_USED: Final = tuple(column for column in COLUMNS if column != "last_price")
_TIMEOUT_S: Final = 30.0
_TOTAL_TIMEOUTS: Final = 10
_NOT_LIVE: Final = "0"
_TYPES: Final = {kind.value: kind for kind in InstrumentType if kind is not InstrumentType.INDEX}


class KiteInstruments:
    """Fetches the dump from Kite's REST root; see `venues.base.InstrumentSource`.

    Kite gives it without a session at present; `session`, where given, sends one all the same.
    """

    def __init__(
        self,
        root: str,
        session: Callable[[], KiteToken] | None = None,
        *,
        clock: Clock | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._root = root.rstrip("/")
        self._session = session
        self._clock = clock or SystemClock()
        self._transport = transport

    def fetch(self, exchanges: Sequence[str]) -> list[Instrument]:
        """The instruments of these exchanges; raises `VenueError`."""
        headers = {"X-Kite-Version": "3"}
        if self._session is not None:
            token = self._session()
            headers["Authorization"] = f"token {token.api_key}:{token.access_token}"
        with httpx.Client(headers=headers, timeout=_TIMEOUT_S, transport=self._transport) as client:
            return [each for exchange in exchanges for each in patiently(partial(self._fetch, client, exchange))]

    def _fetch(self, client: httpx.Client, exchange: str) -> list[Instrument]:
        url = f"{self._root}/instruments/{exchange}"
        try:
            with client.stream("GET", url) as response:
                body = b"".join(self._pieces(response, url))
        except httpx.HTTPError as error:
            raise Unavailable(f"{url} could not be read: {error} ({type(error).__name__})") from error
        if response.status_code == httpx.codes.TOO_MANY_REQUESTS:
            raise RateLimited(f"{url} was asked for too often", retry_after_s=1.0, hint="wait a minute")
        if response.status_code == httpx.codes.FORBIDDEN:
            raise SessionExpired(f"{url} wants a valid session (HTTP 403)")
        if response.status_code != httpx.codes.OK:
            raise VenueError(
                f"{url} answered HTTP {response.status_code}, beginning {beginning(body)}",
                permanent=response.is_client_error,
                hint="try again in a minute; if it stays so, look at venues.kite.root in the desk file",
            )
        if body.lstrip().startswith(b"<"):
            raise WebPage(f"{url} sent a web page instead of the dump, beginning {beginning(body)}")
        return parse_instruments(body.decode("utf-8", "replace"), source=url)

    def _pieces(self, response: httpx.Response, url: str) -> Iterator[bytes]:
        """The body as it comes; raises `Unavailable` when it only drips."""
        pace = Pace(self._clock, _TIMEOUT_S, _TOTAL_TIMEOUTS * _TIMEOUT_S)
        for piece in response.iter_bytes():
            yield piece
            if (slow := pace.complaint(len(piece))) is not None:
                raise Unavailable(f"{url} {slow}")


def parse_instruments(text: str, *, source: str) -> list[Instrument]:
    """The rows of a dump; raises a permanent `VenueError` that names the row and the column that cannot be read."""
    reader = csv.reader(io.StringIO(text, newline=""))
    header = next(reader, [])
    if missing := [column for column in _USED if column not in header]:
        raise _unreadable(f"{source}: the header has no {', '.join(missing)}")
    places = [header.index(column) for column in _USED]
    return [_instrument(row, places, _Place(source, number)) for number, row in enumerate(reader, 2) if row]


def save_instruments(folder: Path, day: date, instruments: Iterable[Instrument]) -> Path:
    """Keep a day's instruments in `kite_instruments_<YYYYMMDD>.csv`, in the dump's own form; replaces an older one.

    Raises `DiskTrouble`, and then leaves the older one.
    """
    path = instruments_path(folder, day)
    with part_of(path) as part, part.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(_row(each) for each in instruments)
    return path


def load_instruments(folder: Path, day: date) -> list[Instrument]:
    """The instruments kept for a day; raises `VenueError` when there are none."""
    path = instruments_path(folder, day)
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise VenueError(
            f"there is no instrument dump of {day}: {path} does not exist",
            permanent=True,
            hint="choose the day's instruments: `muhurat capture universe`",
        ) from error
    return parse_instruments(text, source=str(path))


def instruments_path(folder: Path, day: date) -> Path:
    """Where the dump of a day is kept."""
    return folder / f"kite_instruments_{day:%Y%m%d}.csv"


class _Place:
    """Where in the dump we are, for errors."""

    def __init__(self, source: str, row: int) -> None:
        self.source = source
        self.row = row

    def complain(self, column: str, value: str, what: str) -> VenueError:
        return _unreadable(f"{self.source}, row {self.row}, {column}: {value!r} is {what}")


def _instrument(row: list[str], places: list[int], at: _Place) -> Instrument:
    if len(row) <= max(places):
        raise _unreadable(f"{at.source}, row {at.row}: {len(row)} columns are too few")
    token, exchange_token, symbol, name, expiry, strike, tick, lot, kind, segment, exchange = (
        row[place] for place in places
    )
    return Instrument(
        token=_whole("instrument_token", token, at),
        exchange_token=_whole("exchange_token", exchange_token, at),
        symbol=_given("tradingsymbol", symbol, at),
        name=name,
        exchange=_given("exchange", exchange, at),
        segment=_given("segment", segment, at),
        type=_type(kind, segment, at),
        expiry=_day(expiry, at),
        strike=_number("strike", strike, at),
        tick_size=_number("tick_size", tick, at),
        lot_size=_whole("lot_size", lot, at),
    )


def _type(kind: str, segment: str, at: _Place) -> InstrumentType:
    if segment == INDEX_SEGMENT:
        return InstrumentType.INDEX
    try:
        return _TYPES[kind]
    except KeyError:
        raise at.complain("instrument_type", kind, f"none of {', '.join(_TYPES)}") from None


def _given(column: str, value: str, at: _Place) -> str:
    if not value:
        raise at.complain(column, value, "empty")
    return value


def _whole(column: str, value: str, at: _Place) -> int:
    if value.isascii() and value.isdigit():
        return int(value)
    number = _number(column, value, at)
    if number != number.to_integral_value():
        raise at.complain(column, value, "no whole number")
    return int(number)


def _number(column: str, value: str, at: _Place) -> Decimal:
    try:
        return _decimal(value)
    except InvalidOperation:
        raise at.complain(column, value, "no number") from None


@lru_cache(maxsize=8192)
def _decimal(value: str) -> Decimal:
    """Exact and in its shortest form, so that 80000.0 and 80000 are one strike; a dump repeats few values often."""
    number = Decimal(value)
    if not number.is_finite() or number < 0:
        raise InvalidOperation
    return number.quantize(Decimal(1)) if number == number.to_integral_value() else number.normalize()


def _day(value: str, at: _Place) -> date | None:
    if not value:
        return None
    try:
        return date.fromisoformat(value)
    except ValueError:
        raise at.complain("expiry", value, "no date") from None


def _row(each: Instrument) -> Iterator[object]:
    kind = InstrumentType.EQUITY if each.type is InstrumentType.INDEX else each.type
    yield from (each.token, each.exchange_token, each.symbol, each.name, _NOT_LIVE, each.expiry or "")
    yield from (each.strike, each.tick_size, each.lot_size, kind.value, each.segment, each.exchange)


def _unreadable(message: str) -> VenueError:
    return VenueError(message, permanent=True, hint="the venue may have changed its dump; compare it with an older one")
