"""From the socket to the file, by the recorder's own objects; and what an hour of it does to its memory.

A server of its own process sends as fast as it is read: ready-made frames, each by a system call of its own, as a venue
sends them when they come about. (Thousands packed into one call never come from a venue.) Against it runs, each
in a fresh process and in turns, a bare picows client that takes each payload as bytes and drops it, and the recorder:
`KiteStream`, `FeedRecorder`, `JournalWriter` with its background `fdatasync`. Time is from the connection to the last
byte in the file. `dd conv=fsync` writes as many bytes to the same disk: at large frames the disk, not we, may be the
limit, so there the bar is the lesser of two.

Memory: `muhurat capture run` receives an hour's messages of 320 full packets, heartbeats between them, in a fraction of
the hour; the desk's clock runs along, over the change of the hour. The slope is that after a warm-up.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from asyncio.subprocess import PIPE
from datetime import date
from datetime import time as time_of_day
from pathlib import Path
from statistics import linear_regression, median
from tempfile import TemporaryDirectory
from typing import Final

from benchmarks import Result, faster, within
from benchmarks.bench_recorder import make_desk, memory_mb, recorded_bytes, started
from muhurat.clock import ClockPage, ist_ns

SMALL, LARGE = 200, 59_522
SMALL_BAR, LARGE_BAR, DISK_BAR, SLOPE_BAR_MB = 0.5, 0.6, 0.8, 5.0
SMALL_COUNT, LARGE_COUNT, ROUNDS = 300_000, 8_000, 5
HOUR_MESSAGES, PER_S, WARM_UP = 14_400, 480, 0.25
"""An hour's messages (four a second), how many of them a real second brings, the share before memory is looked at."""

SERVER: Final = """
import base64, hashlib, itertools, socket, struct, sys, threading, time

size, count, per_s = (int(argument) for argument in sys.argv[1:])
payload = b"\\x01\\x40" + bytes(size - 2)
frame = b"\\x82" + (bytes((126,)) + struct.pack(">H", size)) + payload
HEARTBEAT = b"\\x82\\x01\\0"
KEY = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
ANSWER = "HTTP/1.1 101 Switching Protocols\\r\\nUpgrade: websocket\\r\\nConnection: Upgrade\\r\\nSec-WebSocket-Accept: "

def serve(connection):
    head = connection.recv(65536).decode()
    key = next(line.split()[1] for line in head.splitlines() if line.lower().startswith("sec-websocket-key"))
    accept = base64.b64encode(hashlib.sha1((key + KEY).encode()).digest()).decode()
    connection.sendall(f"{ANSWER}{accept}\\r\\n\\r\\n".encode())
    try:
        paced(connection) if per_s else flooded(connection)
        while connection.recv(65536):
            pass
    except OSError:
        pass

def flooded(connection):
    send = connection.sendall
    for _ in range(count):
        send(frame)

def paced(connection):
    begun = time.perf_counter()
    for number in range(count):
        connection.sendall(frame if number % 12 else HEARTBEAT + frame)
        time.sleep(max(0, begun + number / per_s - time.perf_counter()))

listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
while True:
    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
"""

BARE: Final = """
import asyncio, sys, time
from picows import WSFrame, WSListener, WSTransport, ws_connect

class Bare(WSListener):
    def on_ws_connected(self, transport: WSTransport) -> None:
        self.left, self.begun = int(sys.argv[2]), time.perf_counter()

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        frame.get_payload_as_bytes()
        self.left -= 1
        if not self.left:
            print(time.perf_counter() - self.begun, flush=True)
            transport.disconnect()

async def main():
    transport, _ = await ws_connect(Bare, sys.argv[1])
    await transport.wait_disconnected()

asyncio.run(main())
"""

RECORDER: Final = """
import asyncio, sys, time
from pathlib import Path
from muhurat.capture.feed_recorder import FeedPlan, FeedRecorder
from muhurat.clock import SystemClock
from muhurat.venues.base import ConnectionKind
from muhurat.venues.kite.stream import KiteStream

class Timed(FeedRecorder):
    def on_event(self, event):
        if event.kind is ConnectionKind.CONNECTED:
            self.begun = time.perf_counter()
        super().on_event(event)

    def flush(self):
        super().flush()
        if self.messages == int(sys.argv[2]):
            print(time.perf_counter() - self.begun, flush=True)
            self.expect_end()
            stream.close()

async def main():
    global stream
    clock, folder = SystemClock(), Path(sys.argv[3])
    recorder = Timed(FeedPlan("bench", folder, folder), clock, lambda error: sys.exit(str(error)))
    recorder.open()
    stream = KiteStream(sys.argv[1], "key", lambda: "token", clock)
    await stream.run(recorder)
    recorder.finish()

asyncio.run(main())
"""


def run() -> list[Result]:
    """Both frame sizes, then memory."""
    bare, ours, _ = rates(SMALL, SMALL_COUNT)
    small = faster("socket to file, 200 B", ours=ours, baseline=bare, bar=SMALL_BAR, unit="messages/s")
    return [small, large(), asyncio.run(slope())]


def large() -> Result:
    """Frames of 320 full packets: the bar is the lesser of two."""
    bare, ours, disk = rates(LARGE, LARGE_COUNT)
    name, note = "socket to file, 59.5 KB", f"{ours * LARGE / 1e6:,.0f} MB/s, dd conv=fsync {disk * LARGE / 1e6:,.0f}"
    bar, baseline = min(((LARGE_BAR, bare), (DISK_BAR, disk)), key=lambda pair: pair[0] * pair[1])
    return faster(name, ours=ours, baseline=baseline, bar=bar, unit="messages/s", note=note)


def rates(size: int, count: int) -> tuple[float, float, float]:
    """Messages per second of the bare client, of the recorder, and of `dd` writing as many bytes."""
    with subprocess.Popen([sys.executable, "-c", SERVER, str(size), str(count), "0"], stdout=subprocess.PIPE) as server:
        assert server.stdout
        url = f"ws://127.0.0.1:{int(server.stdout.readline())}"
        bare, ours, disk = [], [], []
        for _ in range(ROUNDS):
            with TemporaryDirectory(prefix="muhurat-bench-") as folder:
                bare.append(count / taken(BARE, url, count, folder))
                disk.append(count / written(Path(folder) / "dd", size * count))
                ours.append(count / taken(RECORDER, url, count, folder))
        server.kill()
    return median(bare), median(ours), median(disk)


def taken(script: str, url: str, count: int, folder: str) -> float:
    """The seconds a client says it took."""
    command = [sys.executable, "-c", script, url, str(count), folder]
    return float(subprocess.run(command, stdout=subprocess.PIPE, check=True, timeout=120).stdout.split()[-1])


def written(path: Path, size: int) -> float:
    begun = time.perf_counter()
    command = ["dd", "if=/dev/zero", f"of={path}", "bs=1M", f"count={size >> 20}", "conv=fsync"]
    subprocess.run(command, stderr=subprocess.DEVNULL, check=True, timeout=120)
    passed_s = time.perf_counter() - begun
    path.unlink()
    return passed_s


async def slope() -> Result:
    """Growth of the recorder's memory per hour, by a line through what was seen after the warm-up."""
    with TemporaryDirectory(prefix="muhurat-bench-") as name:
        folder = Path(name)
        begins_ns, hour_s = ist_ns(date(2025, 9, 2), time_of_day(10, 30)), HOUR_MESSAGES / PER_S
        clock = ClockPage.create(folder / "clock", begins_ns)
        server = await asyncio.create_subprocess_exec(
            sys.executable, "-c", SERVER, str(LARGE), str(HOUR_MESSAGES), str(PER_S), stdout=PIPE
        )
        assert server.stdout
        make_desk(folder, f"ws://127.0.0.1:{int(await server.stdout.readline())}")
        recorder = await started("-m", "muhurat", "capture", "run", "--desk", f"{folder}/desk.yaml", clock=clock)
        hours, memory = [], []
        try:
            limit = time.perf_counter() + 4 * hour_s
            while (size := recorded_bytes(folder)) < HOUR_MESSAGES * LARGE and time.perf_counter() < limit:
                hour = size / (HOUR_MESSAGES * LARGE)
                clock.now_ns = begins_ns + round(hour * 3600e9)
                if hour > WARM_UP:
                    hours.append(hour)
                    memory.append(memory_mb(recorder))
                await asyncio.sleep(0.02)
            files = len(list((folder / "data" / "raw_ticks" / "bench").glob("*.bin")))
        finally:
            for process in (recorder, server):
                process.kill()
                await process.wait()
    assert files >= 2, "the hour did not turn"
    assert hours[-1] > 0.9
    grown = linear_regression(hours, memory).slope
    note = f"{HOUR_MESSAGES:,} messages of 59.5 KB in {hour_s:.0f} s, {files} files; baseline: its size"
    return within(
        "recorder, memory per hour", ours=grown, baseline=median(memory), bar=SLOPE_BAR_MB, unit="MB", note=note
    )
