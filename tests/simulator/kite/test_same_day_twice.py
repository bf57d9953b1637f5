"""Two rehearsals with one seed are the same, however slow the machine is."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path

from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_connect

from muhurat.clock import NS_PER_S, ClockPage
from tests.simulator.conftest import BEFORE_OPEN_NS, InThread
from tests.simulator.tiny_market import CALL, FUTURE, INDEX, OPEN_NS

Seen = list[tuple[int, bytes]]
SECONDS = 40


class Recorder(WSListener):
    """Keeps each message with the desk's time of arrival; may take its time about it."""

    def __init__(self, page: ClockPage, dawdle_s: float) -> None:
        self.seen: Seen = []
        self.snapshots = asyncio.Event()
        self._page = page
        self._dawdle_s = dawdle_s

    def on_ws_connected(self, transport: WSTransport) -> None:
        tokens = [CALL, INDEX, FUTURE]
        transport.send(WSMsgType.TEXT, json.dumps({"a": "subscribe", "v": tokens}))
        transport.send(WSMsgType.TEXT, json.dumps({"a": "mode", "v": ["full", tokens]}))

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type is WSMsgType.BINARY and frame.payload_size > 1:
            time.sleep(self._dawdle_s)
            self.seen.append((self._page.now_ns, frame.get_payload_as_bytes()))
            if len(self.seen) == 2:
                self.snapshots.set()


async def rehearse(folder: Path, *, speed: float, dawdle_s: float) -> Seen:
    page = ClockPage.create(folder / "clock", BEFORE_OPEN_NS)
    simulation = InThread(page, rate_limits=False, speed=speed)
    token = simulation.simulation.sessions.ready()
    url = f"{simulation.urls['kite_ticker']}/?api_key=simkey&access_token={token}"
    transport, recorder = await ws_connect(lambda: Recorder(page, dawdle_s), url)
    await recorder.snapshots.wait()
    await asyncio.to_thread(simulation.advance_to, OPEN_NS + SECONDS * NS_PER_S)
    transport.disconnect()
    await transport.wait_disconnected()
    simulation.stop()
    return recorder.seen


async def test_a_slow_listener_records_what_a_fast_one_does(tmp_path: Path) -> None:
    fast = await rehearse(tmp_path / "fast", speed=1e6, dawdle_s=0.0)
    slow = await rehearse(tmp_path / "slow", speed=200.0, dawdle_s=0.01)

    assert len(fast) == SECONDS + 2
    assert slow == fast
