"""What a simulated exchange's day offers: instruments, packets with the instants they are sent at, quotes and candles.

Three sources make such a day (`synthetic`, `candles`, `replay`); the servers that put it on a socket know only the
`Market` protocol below. Prices are integer paise (index points times 100), quantities are units, `exchange_s` is the
exchange's time in whole epoch seconds, `send_ns` the instant the venue sends the packet.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from datetime import date
from typing import Any, Final, NamedTuple, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from muhurat.errors import MuhuratError
from muhurat.model.instrument import Instrument, InstrumentType

Ints = NDArray[np.int64]
Prices = NDArray[np.int32]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Depth = NDArray[np.int32]


class Books(Protocol):
    """Books by packet that are drawn when they are looked at; reads like a `Depth`."""

    def __getitem__(self, rows: slice | int, /) -> Depth: ...


LEVELS: Final = 5
PRICE, QUANTITY, ORDERS = 0, 1, 2
"""The last axis of `Series.depth`."""

DAY_MINUTES: Final = 1440
"""The `interval_minutes` that asks for daily candles."""


class UnknownToken(MuhuratError):
    """No instrument of the day carries this token."""


class Level(NamedTuple):
    """One step of the book; all zero when nobody stands there."""

    price: int
    quantity: int
    orders: int


NO_BOOK: Final = (Level(0, 0, 0),) * LEVELS


@dataclass(frozen=True, slots=True)
class SimInstrument:
    """An instrument of the day; `modelled` says that its prices stand in for real ones nobody recorded.

    `late`: the exchange adds it during the day, and the dump has it once somebody asks for that.
    """

    instrument: Instrument
    modelled: bool = False
    late: bool = False

    @property
    def token(self) -> int:
        return self.instrument.token

    @property
    def tradable(self) -> bool:
        """Whether packets carry trades and a book; an index has neither."""
        return self.instrument.type is not InstrumentType.INDEX


@dataclass(frozen=True, slots=True)
class Quote:
    """Everything a packet or a REST quote can say about one instrument at one instant.

    `bids` and `asks` hold five levels, best first. An index has prices only. `close` is the previous session's.
    """

    exchange_s: int
    last_price: int
    open: int
    high: int
    low: int
    close: int
    last_quantity: int = 0
    average_price: int = 0
    volume: int = 0
    buy_quantity: int = 0
    sell_quantity: int = 0
    last_trade_time: int = 0
    oi: int = 0
    oi_day_high: int = 0
    oi_day_low: int = 0
    bids: tuple[Level, ...] = NO_BOOK
    asks: tuple[Level, ...] = NO_BOOK


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """One instrument's packets of the day in the order they are sent, as columns of equal length.

    `depth[i]` is the book of packet `i`: ten levels of (price, quantity, orders), the five bids first, best first.
    Columns that never change share one value in memory, so treat every column as read-only.
    """

    token: int
    tradable: bool
    send_ns: Ints
    exchange_s: Ints
    last_price: Prices
    open: Prices
    high: Prices
    low: Prices
    close: Prices
    last_quantity: Ints
    average_price: Prices
    volume: Ints
    buy_quantity: Ints
    sell_quantity: Ints
    last_trade_time: Ints
    oi: Ints
    oi_day_high: Ints
    oi_day_low: Ints
    depth: Depth | Books

    def __len__(self) -> int:
        return len(self.send_ns)

    def quote(self, row: int) -> Quote:
        """Packet `row` in plain Python numbers."""
        levels = tuple(Level(*map(int, level)) for level in self.depth[row])
        plain = {name: int(getattr(self, name)[row]) for name in QUOTE_COLUMNS}
        return Quote(**plain, bids=levels[:LEVELS], asks=levels[LEVELS:])

    @classmethod
    def of(cls, token: int, tradable: bool, quotes: Sequence[tuple[int, Quote]]) -> Self:
        """Columns from `(send_ns, quote)` pairs, so that one encoder serves the stream and a single snapshot."""
        columns: dict[str, Any] = {
            name: np.array([getattr(quote, name) for _, quote in quotes], dtype=COLUMN_TYPES[name])
            for name in QUOTE_COLUMNS
        }
        depth = np.array([quote.bids + quote.asks for _, quote in quotes], dtype=np.int32)
        return cls(
            token=token,
            tradable=tradable,
            send_ns=np.array([send_ns for send_ns, _ in quotes], dtype=np.int64),
            depth=depth.reshape(len(quotes), 2 * LEVELS, 3),
            **columns,
        )


QUOTE_COLUMNS: Final = tuple(entry.name for entry in fields(Quote) if entry.name not in ("bids", "asks"))
_PRICE_COLUMNS: Final = frozenset({"last_price", "open", "high", "low", "close", "average_price"})
COLUMN_TYPES: Final = {name: np.int32 if name in _PRICE_COLUMNS else np.int64 for name in QUOTE_COLUMNS}


@dataclass(frozen=True, slots=True)
class Candle:
    """Open, high, low, close in paise and volume in units from `start_s` (epoch seconds) on; `oi` at its end."""

    start_s: int
    open: int
    high: int
    low: int
    close: int
    volume: int
    oi: int
    modelled: bool = False


@dataclass(frozen=True, slots=True)
class Frame:
    """What is sent at one instant: packet `rows[i]` of the series of `tokens[i]`, in ascending order of token.

    A recorded frame has the `message` that was sent then, and no rows: `tokens` are those of its packets, none for a
    heartbeat.
    """

    send_ns: int
    tokens: tuple[int, ...]
    rows: tuple[int, ...] = ()
    message: bytes | None = None


class Market(Protocol):
    """One exchange day, the same for every reader and in whatever order it is read."""

    @property
    def day(self) -> date:
        """The trading date."""

    @property
    def source(self) -> str:
        """`synthetic`, `candles` or `journal`: where the prices come from."""

    def instruments(self) -> Sequence[SimInstrument]:
        """The day's dump; every instrument in it can be asked for below."""

    def series(self, token: int) -> Series:
        """All packets of one instrument; raises `UnknownToken`."""

    def state(self, token: int, at_ns: int) -> Quote:
        """What the venue would answer at `at_ns`: its last packet sent by then; before the first one yesterday's close,
        open interest and an empty book; after the close the last packet with an empty book."""

    def candles(
        self, token: int, interval_minutes: int, from_ns: int, to_ns: int, *, at_ns: int | None = None
    ) -> list[Candle]:
        """Candles that start within `[from_ns, to_ns]`, previous sessions included; ticks after `at_ns` are left out,
        so the running candle ends there. `interval_minutes` counts from the open; `DAY_MINUTES` gives daily ones."""

    def frames(self, tokens: Iterable[int], from_ns: int, to_ns: int) -> Iterator[Frame]:
        """What is sent to a listener of `tokens` within `[from_ns, to_ns)`, in order of time."""
