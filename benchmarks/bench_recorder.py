"""The recorder at a real day's load, on a real socket, beside a client that only receives.

Load as measured on a real account (facts: Kite, live behaviour): four frames a second of about 183 packets of 184
bytes, 730 packets a second, and a heartbeat every three seconds. `muhurat capture run`, the bare client and the server
are processes of their own; CPU and memory are those of the whole process. The desk's time is ten o'clock of a past day.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import Mapping
from datetime import date
from datetime import time as time_of_day
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil

from benchmarks import Result, within
from muhurat.clock import ENVIRONMENT_VARIABLE, ClockPage, ist_ns

CPU_BAR, MEMORY_BAR_MB = 1.0, 70.0
WARM_UP_S, MEASURED_S = 4.0, 20.0
PACKETS_PER_S, PACKET_BYTES = 4 * 183, 184

DESK = """
desk: { name: bench }
venues: { kite: { ticker: "%s" } }
feeds: { bench: { venue: kite, universe: sensex_atm } }
"""
TOKEN = {"api_key": "abcdefgh", "access_token": "01234567", "user_id": "AB1234"}

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

BARE = """
import asyncio, sys
from picows import WSFrame, WSListener, WSTransport, ws_connect

class Bare(WSListener):
    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        frame.get_payload_as_bytes()

async def main(url):
    transport, _ = await ws_connect(Bare, url)
    await transport.wait_disconnected()

asyncio.run(main(sys.argv[1]))
"""


def run() -> list[Result]:
    """CPU and memory over twenty seconds."""
    return asyncio.run(measured())


async def measured() -> list[Result]:
    with TemporaryDirectory(prefix="muhurat-bench-") as name:
        folder = Path(name)
        clock = ClockPage.create(folder / "clock", ist_ns(date(2025, 9, 2), time_of_day(10)))
        server = await started("-c", SERVER)
        assert server.stdout
        url = f"ws://127.0.0.1:{int(await server.stdout.readline())}"
        make_desk(folder, url)
        recorder = await started("-m", "muhurat", "capture", "run", "--desk", f"{folder}/desk.yaml", clock=clock)
        bare = await started("-c", BARE, url)
        both = (recorder, bare)
        try:
            await passing(clock, WARM_UP_S)
            begun = [cpu_s(process) for process in both]
            passed_s = await passing(clock, MEASURED_S)
            cpu = [100 * (cpu_s(process) - before) / passed_s for process, before in zip(both, begun, strict=True)]
            memory = [memory_mb(process) for process in both]
            size = recorded_bytes(folder)
        finally:
            for process in (*both, server):
                process.kill()
                await process.wait()
    assert size > MEASURED_S * PACKETS_PER_S * PACKET_BYTES
    note = f"{size / 1e6:.1f} MB recorded; baseline: a bare picows client"
    return [
        within(
            "recorder at a day's load, CPU", ours=cpu[0], baseline=cpu[1], bar=CPU_BAR, unit="% of a core", note=note
        ),
        within("recorder, memory", ours=memory[0], baseline=memory[1], bar=MEMORY_BAR_MB, unit="MB"),
    ]


def make_desk(folder: Path, url: str) -> None:
    """A desk whose recorder has something to subscribe: without instruments it opens no connection."""
    (folder / "desk.yaml").write_text(DESK % url)
    token = folder / "config" / "api_configs" / "zerodha_token.json"
    token.parent.mkdir(parents=True)
    token.write_text(json.dumps(TOKEN))
    universe = folder / "data" / "universe" / "bench_20250902.json"
    universe.parent.mkdir(parents=True)
    universe.write_text(json.dumps({"instruments": {f"I{token}": {"token": token} for token in range(1, 321)}}))


async def started(*arguments: str, clock: ClockPage | None = None) -> Process:
    named: Mapping[str, str] = {ENVIRONMENT_VARIABLE: str(clock.path)} if clock else {}
    return await asyncio.create_subprocess_exec(sys.executable, *arguments, stdout=PIPE, env={**os.environ, **named})


async def passing(clock: ClockPage, seconds: float) -> float:
    """Let time pass, the desk's too; returns the real seconds."""
    begun = last = time.perf_counter()
    while last - begun < seconds:
        await asyncio.sleep(0.02)
        now = time.perf_counter()
        clock.now_ns += round((now - last) * 1e9)
        last = now
    return last - begun


def recorded_bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in (folder / "data" / "raw_ticks" / "bench").glob("*.bin"))


def cpu_s(process: Process) -> float:
    times = psutil.Process(process.pid).cpu_times()
    return float(times.user + times.system)


def memory_mb(process: Process) -> float:
    return float(psutil.Process(process.pid).memory_info().rss) / 1e6
