"""A made-up dump of four exchanges, and a venue's prices in the test's hand."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from functools import cache

from muhurat.capture.universe import Market, Order
from muhurat.model.instrument import Instrument, InstrumentType
from muhurat.venues.base import Quote
from tests.capture.support import NINE

DAY = date(2025, 9, 2)
NEAR, NEXT, FAR = date(2025, 9, 30), date(2025, 10, 28), date(2025, 11, 25)
WEEK = date(2025, 9, 4)
FUTURE, CALL, PUT = InstrumentType.FUTURE, InstrumentType.CALL, InstrumentType.PUT


def row(
    symbol: str,
    kind: InstrumentType,
    exchange: str,
    *,
    name: str = "",
    expiry: date | None = None,
    strike: float = 0,
    lot: int = 1,
) -> Instrument:
    """A row of the dump; its token is made of its symbol and exchange."""
    number = abs(hash((exchange, symbol))) % 2**24
    return Instrument(
        number << 8 | 2,
        number,
        symbol,
        name or symbol,
        exchange,
        exchange if expiry is None else f"{exchange}-X",
        kind,
        expiry,
        Decimal(str(strike)),
        Decimal("0.05"),
        lot,
    )


def chain(name: str, exchange: str, expiry: date, strikes: Iterable[float], lot: int = 50) -> list[Instrument]:
    """Calls and puts of one expiry."""
    return [
        row(
            f"{name}{expiry:%d%b}{strike:g}{kind}".upper(),
            kind,
            exchange,
            name=name,
            expiry=expiry,
            strike=strike,
            lot=lot,
        )
        for strike in strikes
        for kind in (CALL, PUT)
    ]


def futures(name: str, exchange: str, expiries: Iterable[date], lot: int = 50) -> list[Instrument]:
    """Futures of some months."""
    return [row(f"{name}{each:%b}FUT".upper(), FUTURE, exchange, name=name, expiry=each, lot=lot) for each in expiries]


def stock(name: str, months: Sequence[date] = (FAR, NEAR, NEXT)) -> list[Instrument]:
    """A stock on both exchanges with its futures and options around 1,000."""
    strikes = [1000 + 20 * step for step in range(-5, 6)]
    return [
        row(name, InstrumentType.EQUITY, "NSE"),
        row(name, InstrumentType.EQUITY, "BSE"),
        *futures(name, "NFO", months),
        *chain(name, "NFO", NEXT, strikes),
        *chain(name, "NFO", NEAR, strikes),
    ]


@cache
def dump(stocks: int = 75) -> tuple[Instrument, ...]:
    """Stocks S00, S01, …; SENSEX and BANKEX; five funds; NIFTY, which is no stock; and a stock future that expired."""
    funds = ("NIFTYBEES", "GOLDBEES", "BANKBEES", "SENSEXETF", "LIQUIDBEES", "JUNIORBEES")
    sensex, bankex = [80_000 + 100 * n for n in range(-20, 21)], [60_000 + 100 * n for n in range(-20, 21)]
    return (
        *(each for number in range(stocks) for each in stock(f"S{number:02}")),
        *(row(fund, InstrumentType.EQUITY, "BSE") for fund in funds),
        row("SENSEX", InstrumentType.INDEX, "BSE"),
        row("BANKEX", InstrumentType.INDEX, "BSE"),
        *futures("SENSEX", "BFO", (NEXT, NEAR, FAR), 20),
        *futures("BANKEX", "BFO", (NEAR, NEXT, FAR), 30),
        *chain("SENSEX", "BFO", NEAR, sensex, 20),
        *chain("SENSEX", "BFO", WEEK, sensex, 20),
        *chain("BANKEX", "BFO", NEAR, bankex, 30),
        *futures("SENSEX50", "BFO", (NEAR,), 75),
        *futures("NIFTY", "NFO", (NEAR, NEXT), 75),
        *chain("NIFTY", "NFO", NEAR, (24_000, 24_050), 75),
        *futures("S00", "NFO", (date(2025, 8, 26),)),
    )


class Prices:
    """A venue's quotes: every share at 1,004, the indices where they stand; what is in `lacking` is not known."""

    def __init__(self, turnover: Mapping[str, int] | None = None, lacking: Iterable[str] = ()) -> None:
        self.turnover = turnover or {}
        self.lacking = frozenset(lacking)
        self.spots = {"BSE:SENSEX": Decimal("80049.5"), "BSE:BANKEX": Decimal(60_000)}
        self.modelled: frozenset[str] = frozenset()

    def quotes(self, keys: Sequence[str]) -> dict[str, Quote]:
        return {key: self._quote(key) for key in keys if key not in self.lacking}

    def last_prices(self, keys: Sequence[str]) -> dict[str, Decimal]:
        return {key: self.spots.get(key, Decimal(1004)) for key in keys if key in _listed() and key not in self.lacking}

    def _quote(self, key: str) -> Quote:
        price, name = Decimal(1000), key.partition(":")[2][:3]
        volume = self.turnover.get(name, 0)
        return Quote(key, 1, price, price, price, price, price, volume=volume, modelled=key in self.modelled)


@cache
def _listed() -> frozenset[str]:
    return frozenset(each.key for each in dump())


def order(day: date = DAY) -> Order:
    return Order("sso_xvenue", "kite", "full", 5, day, NINE)


def market(prices: Prices | None = None) -> Market:
    return Market(prices or Prices())
