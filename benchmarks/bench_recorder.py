"""The recorder at a real day's load, on a real socket, beside a client that only receives.

Load as measured on a real account (facts: Kite, live behaviour): four frames a second of about 183 packets of 184
bytes, 730 packets a second, and a heartbeat every three seconds. Recorder, bare client and server are processes of
their own; CPU and memory are those of the whole process.
"""

from __future__ import annotations

import asyncio
import sys
import time
from asyncio.subprocess import PIPE, Process
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil

from benchmarks import Result, within

CPU_BAR, MEMORY_BAR_MB = 1.0, 70.0
WARM_UP_S, MEASURED_S = 4.0, 20.0

SERVER = """
import asyncio, struct, sys
from websockets.asyncio.server import serve

PACKETS = 183
FRAME = struct.pack(">H", PACKETS) + (struct.pack(">H", 184) + bytes(184)) * PACKETS

async def feed(connection):
    for turn in range(1 << 30):
        await connection.send(FRAME)
        if turn % 12 == 0:
            await connection.send(b"\\0")
        await asyncio.sleep(0.25)

async def main():
    async with serve(feed, "127.0.0.1", 0, ping_interval=None, compression=None) as server:
        print(server.sockets[0].getsockname()[1], flush=True)
        await asyncio.Future()

asyncio.run(main())
"""

RECORDER = """
import asyncio, gc, sys
from pathlib import Path
import muhurat.config
from muhurat.capture.recorder import FeedPlan, run
from muhurat.clock import SystemClock
from muhurat.heartbeat import Heartbeat
from muhurat.log import configure
from muhurat.venues.kite.stream import KiteStream

async def main(folder, url):
    clock = SystemClock()
    configure("recorder", folder / "logs", clock=clock)
    plan = FeedPlan("bench", folder / "journal", folder / "universe")
    stream = KiteStream(url, "key", lambda: "token", clock)
    await run([plan], {"bench": stream}, clock, Heartbeat("recorder", folder / "run", clock), asyncio.Event())

asyncio.run(main(Path(sys.argv[1]), sys.argv[2]))
"""

BARE = """
import asyncio, sys
from picows import WSFrame, WSListener, WSTransport, ws_connect

class Bare(WSListener):
    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        frame.get_payload_as_bytes()

async def main(url):
    transport, _ = await ws_connect(Bare, url)
    await transport.wait_disconnected()

asyncio.run(main(sys.argv[2]))
"""


def run() -> list[Result]:
    """CPU and memory over twenty seconds."""
    return asyncio.run(measured())


async def measured() -> list[Result]:
    with TemporaryDirectory(prefix="muhurat-bench-") as folder:
        server = await started(SERVER)
        assert server.stdout
        url = f"ws://127.0.0.1:{int(await server.stdout.readline())}"
        recorder, bare = [await started(script, folder, url) for script in (RECORDER, BARE)]
        try:
            await asyncio.sleep(WARM_UP_S)
            begun = [cpu_s(process) for process in (recorder, bare)]
            since = time.perf_counter()
            await asyncio.sleep(MEASURED_S)
            passed_s = time.perf_counter() - since
            ours, baseline = (
                100 * (cpu_s(process) - before) / passed_s
                for process, before in zip((recorder, bare), begun, strict=True)
            )
            memory, bare_memory = memory_mb(recorder), memory_mb(bare)
            size = sum(path.stat().st_size for path in Path(folder, "journal").glob("*.bin"))
        finally:
            for process in (recorder, bare, server):
                process.kill()
                await process.wait()
    note = f"{size / 1e6:.1f} MB recorded; baseline: a bare picows client"
    assert size > MEASURED_S * 4 * 183 * 184
    return [
        within(
            "recorder, real day's load, CPU", ours=ours, baseline=baseline, bar=CPU_BAR, unit="% of a core", note=note
        ),
        within("recorder, memory", ours=memory, baseline=bare_memory, bar=MEMORY_BAR_MB, unit="MB"),
    ]


async def started(script: str, *arguments: str) -> Process:
    return await asyncio.create_subprocess_exec(sys.executable, "-c", script, *arguments, stdout=PIPE)


def cpu_s(process: Process) -> float:
    times = psutil.Process(process.pid).cpu_times()
    return float(times.user + times.system)


def memory_mb(process: Process) -> float:
    return float(psutil.Process(process.pid).memory_info().rss) / 1e6
