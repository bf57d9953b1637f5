"""Kite's REST API through the official client, with its limits kept and its errors made actionable.

Everything here only asks, so it may be asked again; nothing here places an order. Limits are real time and Kite counts
them per account: quotes 1/s, candles 3/s, all else 10/s (Zerodha's forum, 2026).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Any, Final, TypeVar

from muhurat.clock import IST, NS_PER_S, Clock, ist, to_ns
from muhurat.errors import VenueError
from muhurat.model.bar import Bar
from muhurat.model.instrument import Instrument
from muhurat.venues.base import INTERVALS_S, Holding, Level, Margins, NetPosition, Profile, Quote
from muhurat.venues.calls import RateLimit, patiently, wait_real
from muhurat.venues.kite.failures import told_as_ours
from muhurat.venues.kite.login import KiteToken

T = TypeVar("T")

QUOTES_PER_CALL: Final = 500
LAST_PRICES_PER_CALL: Final = 1000
DAYS_PER_CALL: Final = {
    "minute": 60,
    "3minute": 100,
    "5minute": 100,
    "10minute": 100,
    "15minute": 200,
    "30minute": 200,
    "60minute": 400,
    "day": 2000,
}
"""The longest stretch of candles in one call (Zerodha's forum, thread 3105)."""

_TIMEOUT_S: Final = 7.0
_DAY_NS: Final = 86_400 * NS_PER_S
_PAISA: Final = Decimal("0.01")


class KiteRest:
    """Quotes, candles and the account; see `venues.base.Quotes`, `History` and `Account`.

    The session is asked for before each call, so a login takes effect at once. Raises `SessionExpired`, `RateLimited`
    and other `VenueError`s; calls wait for their turn and are repeated while that can help.
    """

    def __init__(
        self,
        root: str,
        session: Callable[[], KiteToken],
        clock: Clock,
        *,
        wait: Callable[[float], None] = wait_real,
    ) -> None:
        from kiteconnect import KiteConnect

        from muhurat.venues.kite.paced import give_pace

        self._session = session
        self._client = KiteConnect(api_key="", root=root, timeout=_TIMEOUT_S)
        give_pace(self._client.reqsession, clock, _TIMEOUT_S)
        self._quote_limit = RateLimit(1, clock, wait)
        self._history_limit = RateLimit(3, clock, wait)
        self._other_limit = RateLimit(10, clock, wait)

    def quotes(self, keys: Sequence[str]) -> dict[str, Quote]:
        """Full snapshots by `EXCHANGE:SYMBOL`; keys that Kite does not know are absent."""
        found: dict[str, Quote] = {}
        for part in _parts(keys, QUOTES_PER_CALL):
            found |= self._ask(f"quotes of {len(part)}", self._quote_limit, partial(self._quotes, part))
        return found

    def last_prices(self, keys: Sequence[str]) -> dict[str, Decimal]:
        """Last prices by `EXCHANGE:SYMBOL`; keys that Kite does not know are absent."""
        found: dict[str, Decimal] = {}
        for part in _parts(keys, LAST_PRICES_PER_CALL):
            found |= self._ask(f"last prices of {len(part)}", self._quote_limit, partial(self._last_prices, part))
        return found

    def candles(self, instrument: Instrument, interval: str, start_ns: int, end_ns: int) -> list[Bar]:
        """The candles that begin in `[start_ns, end_ns)`, also of today; an unknown interval is a permanent error."""
        if interval not in INTERVALS_S:
            raise VenueError(f"unknown interval {interval!r}; known: {', '.join(INTERVALS_S)}", permanent=True)
        found: list[Bar] = []
        for first_ns, last_ns in _stretches(start_ns, end_ns, DAYS_PER_CALL[interval]):
            call = partial(self._candles, instrument, interval, first_ns, last_ns)
            found += self._ask(f"candles of {instrument.key}", self._history_limit, call)
        return found

    def profile(self) -> Profile:
        """Whose session it is; the cheapest way to learn whether Kite still accepts it."""
        return self._ask("the profile", self._other_limit, self._profile)

    def margins(self) -> Margins:
        """Rupees of the equity and F&O segment, to the paisa."""
        return self._ask("the margins", self._other_limit, self._margins)

    def segment_margins(self) -> dict[str, Margins]:
        """Rupees by segment: `equity` (which is F&O's too) and `commodity`."""
        return self._ask("the margins", self._other_limit, self._segment_margins)

    def holdings(self) -> list[Holding]:
        """What is held, with what was bought yesterday and comes tomorrow (`t1_quantity`)."""
        return self._ask("the holdings", self._other_limit, self._holdings)

    def positions(self) -> list[NetPosition]:
        """The day's net positions, closed ones with quantity 0 among them."""
        return self._ask("the positions", self._other_limit, self._positions)

    def _ask(self, what: str, limit: RateLimit, call: Callable[[], T]) -> T:
        def once() -> T:
            token = self._session()
            limit.take()
            self._client.api_key = token.api_key
            self._client.set_access_token(token.access_token)
            with told_as_ours(what):
                return call()

        return patiently(once)

    def _quotes(self, keys: list[str]) -> dict[str, Quote]:
        return {key: _quote(key, row) for key, row in self._client.quote(keys).items()}

    def _last_prices(self, keys: list[str]) -> dict[str, Decimal]:
        return {key: _decimal(row["last_price"]) for key, row in self._client.ltp(keys).items()}

    def _candles(self, instrument: Instrument, interval: str, first_ns: int, last_ns: int) -> list[Bar]:
        start, end = _wall_clock(first_ns), _wall_clock(last_ns - 1)
        rows = self._client.historical_data(instrument.token, start, end, interval)
        bars = [_bar(instrument.symbol, INTERVALS_S[interval], row) for row in rows]
        return [bar for bar in bars if first_ns <= bar.start_ns < last_ns]

    def _profile(self) -> Profile:
        row = self._client.profile()
        return Profile(row["user_id"], row["user_name"], tuple(row["exchanges"]))

    def _margins(self) -> Margins:
        return _margins(self._client.margins("equity"))

    def _segment_margins(self) -> dict[str, Margins]:
        return {segment: _margins(row) for segment, row in self._client.margins().items()}

    def _holdings(self) -> list[Holding]:
        return [
            Holding(
                symbol=row["tradingsymbol"],
                exchange=row["exchange"],
                isin=row["isin"],
                quantity=row["quantity"] + row["t1_quantity"],
                average_price=_decimal(row["average_price"]),
                last_price=_decimal(row["last_price"]),
            )
            for row in self._client.holdings()
        ]

    def _positions(self) -> list[NetPosition]:
        return [
            NetPosition(
                symbol=row["tradingsymbol"],
                exchange=row["exchange"],
                product=row["product"],
                quantity=row["quantity"],
                average_price=_decimal(row["average_price"]),
                last_price=_decimal(row["last_price"]),
                pnl=_decimal(row["pnl"]),
            )
            for row in self._client.positions()["net"]
        ]


def _margins(row: Mapping[str, Any]) -> Margins:
    opening = row["available"].get("opening_balance", row["available"]["cash"])
    available, used, opening = map(_rupees, (row["net"], row["utilised"]["debits"], opening))
    return Margins(available, used, opening)


def _parts(keys: Sequence[str], size: int) -> Iterator[list[str]]:
    for first in range(0, len(keys), size):
        yield list(keys[first : first + size])


def _stretches(start_ns: int, end_ns: int, days: int) -> Iterator[tuple[int, int]]:
    """`[start_ns, end_ns)` in parts of at most `days`."""
    step_ns = days * _DAY_NS
    for first_ns in range(start_ns, end_ns, step_ns):
        yield first_ns, min(first_ns + step_ns, end_ns)


def _wall_clock(instant_ns: int) -> str:
    return f"{ist(instant_ns):%Y-%m-%d %H:%M:%S}"


def _bar(symbol: str, length_s: int, row: Mapping[str, Any]) -> Bar:
    start_ns = to_ns(row["date"])
    return Bar(
        symbol=symbol,
        start_ns=start_ns,
        end_ns=start_ns + length_s * NS_PER_S,
        open=float(row["open"]),
        high=float(row["high"]),
        low=float(row["low"]),
        close=float(row["close"]),
        volume=int(row["volume"]),
    )


def _quote(key: str, row: Mapping[str, Any]) -> Quote:
    """A row of /quote; an index has no depth, volume or price band."""
    ohlc = row["ohlc"]
    depth = row.get("depth") or {}
    return Quote(
        key=key,
        token=row["instrument_token"],
        last_price=_decimal(row["last_price"]),
        open=_decimal(ohlc["open"]),
        high=_decimal(ohlc["high"]),
        low=_decimal(ohlc["low"]),
        close=_decimal(ohlc["close"]),
        at_ns=_instant(row.get("timestamp")),
        volume=row.get("volume") or 0,
        oi=int(row.get("oi") or 0),
        lower_limit=_unless_zero(row.get("lower_circuit_limit")),
        upper_limit=_unless_zero(row.get("upper_circuit_limit")),
        bids=_levels(depth.get("buy", ())),
        asks=_levels(depth.get("sell", ())),
        modelled=bool(row.get("modelled", False)),
        average_price=_unless_zero(row.get("average_price")),
    )


def _levels(rows: Sequence[Mapping[str, Any]]) -> tuple[Level, ...]:
    """The levels that hold something; Kite pads the rest with zeros."""
    return tuple(Level(_decimal(row["price"]), row["quantity"], row["orders"]) for row in rows if row["quantity"])


def _unless_zero(value: float | None) -> Decimal | None:
    return _decimal(value) if value else None


def _instant(moment: datetime | str | None) -> int:
    """Kite's naive Indian time, which the official client has mostly parsed already."""
    if not moment:
        return 0
    parsed = moment if isinstance(moment, datetime) else datetime.fromisoformat(moment)
    return to_ns(parsed if parsed.tzinfo else parsed.replace(tzinfo=IST))


def _decimal(value: float) -> Decimal:
    """JSON's binary float as the number that was written."""
    return Decimal(str(value))


def _rupees(value: float) -> Decimal:
    """Money to the paisa; sums come with the dust of binary fractions."""
    return _decimal(value).quantize(_PAISA)
