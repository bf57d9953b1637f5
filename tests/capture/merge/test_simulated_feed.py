"""Two connections to the simulated Kite, cut at different times: together they have what a third one received."""

from __future__ import annotations

from contextlib import AsyncExitStack
from itertools import groupby
from pathlib import Path
from random import Random

from muhurat.capture.journal import hour_name
from muhurat.clock import NS_PER_S, ClockPage, SimulatedClock
from muhurat.venues.kite.stream import KiteStream, StreamLimits
from tests.capture.merge.support import (
    FEED,
    MS,
    all_packets,
    by_token,
    frame,
    packets_of,
    recording,
    records_of,
    united,
)
from tests.simulator.conftest import Running, kite, page
from tests.simulator.tiny_market import CALL, INDEX, OPEN_NS
from tests.venues.kite.ticker_server import Listener, running, until

__all__ = ["kite", "page"]


class Recording(Listener):
    """Writes down messages with the desk's time, one packet to a message where `alone`."""

    def __init__(self, page: ClockPage, *, alone: bool = False) -> None:
        super().__init__()
        self.messages: list[tuple[int, bytes]] = []
        self._page = page
        self._alone = alone

    def on_binary(self, payload: bytes) -> None:
        super().on_binary(payload)
        parts = [frame([packet]) for packet in packets_of(payload)] if self._alone and len(payload) > 1 else [payload]
        self.messages += [((self._page.now_ns - OPEN_NS) // MS, part) for part in parts]

    def recorded(self, folder: Path) -> Path:
        recording(folder, self.messages, start_ns=OPEN_NS)
        return folder / f"{FEED}_{hour_name(OPEN_NS)}.bin"


async def listening(stack: AsyncExitStack, kite: Running, page: ClockPage, listener: Listener) -> None:
    """Connect, and wait until packets have come."""
    stream = KiteStream(
        kite.urls["kite_ticker"],
        kite.simulation.app.api_key,
        kite.simulation.sessions.ready,
        SimulatedClock(page),
        limits=StreamLimits(backoff_first_s=0.01, backoff_cap_s=0.02, token_poll_s=0.01),
        chance=Random(1),
    )
    stream.set_instruments([INDEX, CALL], "full")
    had = sum(len(payload) > 1 for payload in listener.binary)
    await stack.enter_async_context(running(stream, listener))
    await until(lambda: sum(len(payload) > 1 for payload in listener.binary) > had)


async def test_two_recordings_with_holes_make_the_feed_that_was_sent(
    kite: Running, page: ClockPage, tmp_path: Path
) -> None:
    a, b, witness = Recording(page), Recording(page, alone=True), Recording(page)
    await kite.conductor.advance_to(OPEN_NS)
    async with AsyncExitStack() as always:
        await listening(always, kite, page, witness)
        async with AsyncExitStack() as first:
            await listening(first, kite, page, a)
            async with AsyncExitStack() as both:
                await listening(both, kite, page, b)
                await kite.conductor.advance_to(OPEN_NS + 20 * NS_PER_S)
            await kite.conductor.advance_to(OPEN_NS + 40 * NS_PER_S)
        async with AsyncExitStack() as second:
            await listening(second, kite, page, b)
            await kite.conductor.advance_to(OPEN_NS + 60 * NS_PER_S)
            await listening(second, kite, page, a)
            await kite.conductor.advance_to(OPEN_NS + 80 * NS_PER_S)

    found = united(a.recorded(tmp_path / "a"), b.recorded(tmp_path / "b"), tmp_path / "out.bin")

    sent, together = (
        {token: changes(packets) for token, packets in by_token(all_packets(records_of(path))).items() if token[1:]}
        for path in (witness.recorded(tmp_path / "w"), tmp_path / "out.bin")
    )
    assert together == sent
    assert sum(map(len, sent.values())) > 150
    assert min(found["only_a"], found["only_b"], found["both"]) > 30


def changes(packets: list[tuple[int, bytes]]) -> list[bytes]:
    """The packets without those with which a connection begins: one in mode quote, one that says the last again."""
    return [packet for packet, _ in groupby(packet for _, packet in packets if len(packet) in {32, 184})]
