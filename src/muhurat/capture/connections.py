"""All connections of one account at a venue, owned by the recorder's process and shared out among its feeds."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from muhurat.capture.allocation import Allocation, Demand, Limits, allocate
from muhurat.errors import MuhuratError
from muhurat.venues.base import StreamClient, StreamListener, StreamMode


class FeedListener(StreamListener, Protocol):
    """Hears a feed, which may come by several lines at once; each is one connection at a time."""

    def line(self, number: int) -> StreamListener:
        """Who hears a line; asked for before it is opened."""

    def end_line(self, number: int) -> None:
        """A line is about to be closed on purpose; what comes of it still is recorded, and its end is no gap. The
        first line, 0, is there from the start."""


class FeedStream(Protocol):
    """What the recorder needs of a feed's stream; any `venues.base.StreamClient` will do."""

    async def run(self, listener: FeedListener) -> None: ...

    def set_instruments(self, tokens: Iterable[int], mode: StreamMode) -> None: ...

    def close(self) -> None: ...


class ConnectionPool:
    """Never has more connections open than the account may have, not even while one takes over from another."""

    def __init__(self, open_stream: Callable[[], StreamClient], limits: Limits, feeds: Sequence[str]) -> None:
        """`feeds` begin with the one that gives way to none. `open_stream` makes a client; it connects when it is
        run."""
        self._open_stream = open_stream
        self._limits = limits
        self._demands: dict[str, Sequence[int]] = dict.fromkeys(feeds, ())
        self._permits = asyncio.Semaphore(limits.connections)
        self._plan = Allocation()
        self._streams = {feed: PooledStream(self, feed) for feed in feeds}

    @property
    def streams(self) -> Mapping[str, PooledStream]:
        """A feed's stream by its name."""
        return self._streams

    def left_out(self, feed: str) -> Sequence[int]:
        """The instruments of a feed for which there is no room."""
        return self._plan.left_out.get(feed, ())

    def want(self, feed: str, tokens: Iterable[int]) -> None:
        """Plan anew for what a feed wants from now on."""
        self._demands[feed] = tuple(tokens)
        demands = [Demand(name, wanted) for name, wanted in self._demands.items()]
        self._plan = allocate(demands, self._limits, self._plan.lines)
        for name, stream in self._streams.items():
            stream.end_lines_but(self._plan.lines[name].keys())
        for name, stream in self._streams.items():
            stream.carry(self._plan.lines[name])

    def client(self) -> StreamClient:
        """A client for a new line."""
        return self._open_stream()

    async def connected(self, line: _Line, listener: StreamListener) -> None:
        """Run a line's client once the account has a connection to spare."""
        async with self._permits:
            if not line.ending:
                await line.client.run(listener)


@dataclass(slots=True, eq=False)
class _Line:
    """One of a feed's connections."""

    number: int
    client: StreamClient
    task: asyncio.Task[None] | None = None
    ending: bool = False
    carried: tuple[tuple[int, ...], StreamMode] | None = None


class PooledStream:
    """One feed's share of the connections; see `FeedStream`."""

    def __init__(self, pool: ConnectionPool, feed: str) -> None:
        self._pool = pool
        self._feed = feed
        self._mode: StreamMode = "full"
        self._lines: dict[int, _Line] = {}
        self._listener: FeedListener | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._changed = asyncio.Event()
        self._closing = False

    def set_instruments(self, tokens: Iterable[int], mode: StreamMode) -> None:
        """From now on carry exactly these instruments, or as many as there is room for."""
        self._mode = mode
        self._pool.want(self._feed, tokens)

    def carry(self, lines: Mapping[int, Sequence[int]]) -> None:
        """Carry these tokens on lines of these numbers, opening those that are new."""
        for number, tokens in lines.items():
            line = self._lines.get(number) or _Line(number, self._pool.client())
            self._lines[number] = line
            carried = (tuple(tokens), self._mode)
            if line.carried != carried:
                line.carried = carried
                line.client.set_instruments(tokens, self._mode)
        self._start_lines()

    def end_lines_but(self, numbers: Iterable[int]) -> None:
        """Close the lines that have none of these numbers."""
        for number in self._lines.keys() - set(numbers):
            line = self._lines.pop(number)
            line.ending = True
            if self._listener is not None and line.task is not None:
                self._listener.end_line(number)
            line.client.close()

    async def run(self, listener: FeedListener) -> None:
        """Stay connected until `close`; raises what a line raised, and when one ends by itself."""
        self._listener = listener
        if not self._lines:
            listener.end_line(0)
        self._start_lines()
        try:
            while self._tasks or not self._closing:
                await self._wait()
                for task in [task for task in self._tasks if task.done()]:
                    self._tasks.remove(task)
                    task.result()
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def close(self) -> None:
        """End `run` soon."""
        self._closing = True
        for line in self._lines.values():
            line.ending = True
            line.client.close()
        self._changed.set()

    async def _wait(self) -> None:
        """Until a line has ended or the lines have changed."""
        self._changed.clear()
        changed = asyncio.create_task(self._changed.wait())
        try:
            await asyncio.wait({changed, *self._tasks}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            changed.cancel()

    def _start_lines(self) -> None:
        if self._listener is None or self._closing:
            return
        for line in self._lines.values():
            if line.task is None:
                line.task = asyncio.create_task(self._keep(line, self._listener.line(line.number)))
                self._tasks.add(line.task)
        self._changed.set()

    async def _keep(self, line: _Line, listener: StreamListener) -> None:
        await self._pool.connected(line, listener)
        if not line.ending:
            raise MuhuratError(f"line {line.number} of {self._feed} ended by itself")
