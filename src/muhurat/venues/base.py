"""What every venue offers, whoever it is: a stream of messages, the day's instruments, quotes, past candles.

`capture` and `trading` know these contracts only; `app` picks the venue behind them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, Final, Literal, Protocol

from muhurat.model.bar import Bar
from muhurat.model.instrument import Instrument

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

StreamMode = Literal["ltp", "quote", "full"]
"""How much of an instrument a stream carries: last price; prices and volume; all that and five levels of depth."""

INTERVALS_S: Final[Mapping[str, int]] = {
    "minute": 60,
    "3minute": 180,
    "5minute": 300,
    "10minute": 600,
    "15minute": 900,
    "30minute": 1800,
    "60minute": 3600,
    "day": 86_400,
}
"""The candle intervals that can be asked for, with their length in seconds."""


class ConnectionKind(StrEnum):
    """What can happen to a stream's connection."""

    CONNECTED = "connected"
    SUBSCRIBED = "subscribed"
    DISCONNECTED = "disconnected"
    UNREACHABLE = "unreachable"
    REFUSED = "refused"
    STALE = "stale"
    RESUMED = "resumed"


@dataclass(frozen=True, slots=True)
class ConnectionEvent:
    """One thing that happened to a stream's connection.

    `at_ns` is desk time, `monotonic_s` real. `connection` counts from 1 and belongs to one life on the wire; an attempt
    that failed carries the number it would have had. `status` is the HTTP status of a refused upgrade; `permanent` says
    that the stream waits for a new token instead of trying again. `retry_in_s` is the real pause before the next
    attempt, where one follows. STALE: connected, but no market data though some were due; RESUMED: they came.
    """

    kind: ConnectionKind
    at_ns: int
    monotonic_s: float
    connection: int
    reason: str = ""
    status: int | None = None
    permanent: bool = False
    retry_in_s: float | None = None
    instruments: int = 0


class StreamListener(Protocol):
    """Receives what a stream delivers, in order, on the stream's event loop.

    All frames of one read are handed over in one turn of the loop; a listener that wants them together collects them
    and does its work in `loop.call_soon`. Whatever it raises ends the stream's `run`.
    """

    def on_binary(self, payload: bytes) -> None:
        """One binary message as received, heartbeats included. Must be quick: the socket waits."""

    def on_text(self, text: str) -> None:
        """One text message as received."""

    def on_event(self, event: ConnectionEvent) -> None:
        """Something happened to the connection; nothing of a connection comes after its DISCONNECTED."""


class StreamClient(Protocol):
    """Keeps one connection to a venue's live data, and comes back by itself."""

    async def run(self, listener: StreamListener) -> None:
        """Stay connected until `close` or cancellation."""

    def set_instruments(self, tokens: Iterable[int], mode: StreamMode) -> None:
        """From now on carry exactly these instruments; on a live connection only the differences are sent."""

    def close(self) -> None:
        """End `run` soon; may be called more than once."""


@dataclass(frozen=True, slots=True)
class Packets:
    """Where single instruments' packets lie in a buffer of messages: in order of the messages, and within each.

    `message` counts the messages from 0; `start` and `length` are bytes of the buffer. A message that is not made of
    whole packets of known kinds (a heartbeat, one cut short, one of another form) has none here.
    """

    message: NDArray[np.int64]
    start: NDArray[np.int64]
    length: NDArray[np.int64]
    instrument: NDArray[np.int64]


class PacketFormat(Protocol):
    """How a venue puts several instruments' packets into one message. Both are pure functions; no bytes raise."""

    def split(self, buffer: NDArray[np.uint8], starts: NDArray[np.int64], lengths: NDArray[np.int64]) -> Packets:
        """The packets of the messages that lie at `starts` in a buffer."""

    def join(self, packets: Sequence[bytes]) -> bytes:
        """One message made of packets."""


class InstrumentSource(Protocol):
    """The venue's list of what can be quoted and traded today."""

    def fetch(self, exchanges: Sequence[str]) -> list[Instrument]:
        """The instruments of these exchanges; raises `VenueError`."""


@dataclass(frozen=True, slots=True)
class Level:
    """One level of the book: rupees, units, number of orders."""

    price: Decimal
    quantity: int
    orders: int


@dataclass(frozen=True, slots=True)
class Quote:
    """A snapshot on request. Prices are rupees (index points); `at_ns` is the venue's time, 0 when it gave none.
    `average_price` is that of the session's trades, None where nothing has been traded.

    `lower_limit` and `upper_limit` are the day's price band, None where the venue gives none (indices). `modelled` is a
    rehearsal's: a simulator says that it made the price up; no real venue sends it.
    """

    key: str
    token: int
    last_price: Decimal
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    at_ns: int = 0
    volume: int = 0
    oi: int = 0
    lower_limit: Decimal | None = None
    upper_limit: Decimal | None = None
    bids: tuple[Level, ...] = ()
    asks: tuple[Level, ...] = ()
    modelled: bool = False
    average_price: Decimal | None = None


class Quotes(Protocol):
    """Snapshots on request, by `Instrument.key`; keys the venue does not know are absent from the answer."""

    def quotes(self, keys: Sequence[str]) -> dict[str, Quote]:
        """Full snapshots; raises `VenueError`."""

    def last_prices(self, keys: Sequence[str]) -> dict[str, Decimal]:
        """Last prices only; raises `VenueError`."""


class History(Protocol):
    """Past candles."""

    def candles(self, instrument: Instrument, interval: str, start_ns: int, end_ns: int) -> list[Bar]:
        """The candles that begin in `[start_ns, end_ns)`, oldest first; raises `VenueError`."""


@dataclass(frozen=True, slots=True)
class Profile:
    """Whose session it is."""

    user_id: str
    name: str
    exchanges: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Margins:
    """Rupees of the equity and F&O segment: what an order can still use, what is in use, what the day began with."""

    available: Decimal
    used: Decimal
    opening: Decimal


@dataclass(frozen=True, slots=True)
class Holding:
    """Shares that are the user's own, also those bought yesterday and not delivered yet; prices in rupees."""

    symbol: str
    exchange: str
    isin: str
    quantity: int
    average_price: Decimal
    last_price: Decimal


@dataclass(frozen=True, slots=True)
class NetPosition:
    """What is open, net of the day's trades; a short one is negative. Prices and `pnl` in rupees."""

    symbol: str
    exchange: str
    product: str
    quantity: int
    average_price: Decimal
    last_price: Decimal
    pnl: Decimal


class Account(Protocol):
    """The user's own standing at the venue."""

    def profile(self) -> Profile:
        """Whose session it is; raises `SessionExpired` when the session is no longer valid."""

    def margins(self) -> Margins:
        """What can be traded with in the equity and F&O segment; raises `VenueError`."""

    def segment_margins(self) -> dict[str, Margins]:
        """What can be traded with, by the venue's name of the segment; raises `VenueError`."""

    def holdings(self) -> list[Holding]:
        """What is held beyond the day; raises `VenueError`."""

    def positions(self) -> list[NetPosition]:
        """What is open today; raises `VenueError`."""
