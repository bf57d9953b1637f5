"""A recorder in a process of its own, to be killed; a venue that numbers what it sends; what both knew of each message.

The recorder writes into a shared page what it reads and in which turn of its loop, so that it can be asked after its
death. A turn is safe when everything read in it, and before it, is in the journal.
"""

from __future__ import annotations

import asyncio
import mmap
import random
import signal
import struct
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.protocol import State

from muhurat.capture.journal import AFTER_GAP, ControlRecord, HourPaths, JournalReader, Record, hours_of, verify_hour
from muhurat.heartbeat import read_heartbeats
from muhurat.supervisor.alerts import read_alerts
from tests.capture.support import FEED

SLOTS: Final = 4096
ENTRY: Final = struct.Struct("<QQQ")  # number, turn, read at (monotonic ns)
HEAD: Final = struct.Struct("<QQ")  # turns ended, the last safe one
ON_THE_WAY_NS: Final = 5 * 10**9  # at most, from the venue's send to the recorder's read, on a busy machine

RECORDER = """
import asyncio, mmap, signal, struct, sys, time
from pathlib import Path
from muhurat.capture import recorder
from muhurat.clock import SystemClock
from muhurat.heartbeat import Heartbeat
from muhurat.supervisor.alerts import Alerts
from muhurat.venues.kite.stream import KiteStream

SLOTS, ENTRY, HEAD = 4096, struct.Struct("<QQQ"), struct.Struct("<QQ")
folder, url, buffer_bytes = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
with (folder / "page").open("r+b") as file:
    page = mmap.mmap(file.fileno(), 0)

class Telling(recorder.FeedRecorder):
    read = turn = 0

    def on_binary(self, payload):
        at = HEAD.size + self.read % SLOTS * ENTRY.size
        number = int.from_bytes(payload[2:10], "big")
        ENTRY.pack_into(page, at, number, self.turn + 1, time.monotonic_ns())
        self.read += 1
        super().on_binary(payload)

    def flush(self):
        super().flush()
        self.turn += 1
        safe = HEAD.unpack_from(page, 0)[1] if self.backlog or self.writer is None else self.turn
        HEAD.pack_into(page, 0, self.turn, safe)

async def main():
    clock, stop = SystemClock(), asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    plan = recorder.FeedPlan("desk", folder / "journal", folder / "universe", buffer_bytes=buffer_bytes)
    stream = KiteStream(url, "key", lambda: "token", clock)
    heartbeat, alerts = Heartbeat("recorder", folder / "run", clock), Alerts(folder / "run", clock)
    await recorder.run([plan], {"desk": stream}, clock, heartbeat, stop, tell=alerts.raise_)

recorder.FeedRecorder = Telling
asyncio.run(main())
"""


class Venue:
    """Sends numbered frames, sometimes several at once, to whoever is connected; `sent` is when, in ns.

    `strike` is done, once, right after a frame has left, when the recorder is likely at work on it.
    """

    def __init__(self, seed: int) -> None:
        self.sent: list[int] = []
        self.resting = False
        self.strike: Callable[[], object] | None = None
        self._chance = random.Random(seed)

    @asynccontextmanager
    async def open(self) -> AsyncIterator[str]:
        async with serve(self._serve, "127.0.0.1", 0, ping_interval=None, compression=None) as server:
            yield f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"

    async def _serve(self, connection: ServerConnection) -> None:
        chance = self._chance
        try:
            while connection.state is State.OPEN:
                for _ in range(0 if self.resting else chance.randrange(1, 4)):
                    number = len(self.sent).to_bytes(8, "big")
                    self.sent.append(time.time_ns())
                    await connection.send(b"\x00\x01" + number * chance.choice((2, 25, 5000)))
                    if self.strike:
                        self.strike()
                        self.strike = None
                await asyncio.sleep(chance.random() * 0.004)
        except ConnectionClosed:
            pass


@dataclass
class Life:
    """What a recorder knew when it died: the numbers read in safe turns, those of the turn it died in, and how old."""

    safe: list[int] = field(default_factory=list)
    doubtful: list[int] = field(default_factory=list)
    turns: int = 0
    safe_turn: int = 0
    killed_ns: int = 0
    read_ns: dict[int, int] = field(default_factory=dict)


class Killed:
    """The recorder's folder, and its lives one after the other."""

    def __init__(self, folder: Path, url: str, *, buffer_bytes: int = 32 << 20) -> None:
        self.folder = folder
        self.lives: list[Life] = []
        self._url = url
        self._buffer_bytes = buffer_bytes
        self._process: subprocess.Popen[bytes] | None = None
        self._page: mmap.mmap

    @property
    def detail(self) -> str:
        """The sentence of its last heartbeat."""
        return str(read_heartbeats(self.folder / "run").get("recorder", {}).get("detail", ""))

    @property
    def facts(self) -> dict[str, Any]:
        beat = read_heartbeats(self.folder / "run").get("recorder", {})
        found: dict[str, Any] = beat.get("gauges", {}).get("feeds", {}).get(FEED, {})
        return found

    @property
    def turns(self) -> int:
        """Turns that the present life has ended."""
        return int(HEAD.unpack_from(self._page, 0)[0])

    def start(self) -> None:
        path = self.folder / "page"
        path.write_bytes(bytes(HEAD.size + SLOTS * ENTRY.size))
        with path.open("r+b") as file:
            self._page = mmap.mmap(file.fileno(), 0)
        command = [sys.executable, "-c", RECORDER, str(self.folder), self._url, str(self._buffer_bytes)]
        self._process = subprocess.Popen(command, stderr=subprocess.DEVNULL)

    async def recording(self, turns: int = 5) -> None:
        await until(lambda: self.turns >= turns, self._alive)

    def kill(self, after_s: float = 0.0) -> Life:
        """Kill it this instant, or so soon that nothing else of the test may happen; what it knew."""
        assert self._process
        time.sleep(after_s)
        killed_ns = time.monotonic_ns()
        self._process.send_signal(signal.SIGKILL)
        self._process.wait(30)
        turns, safe_turn = HEAD.unpack_from(self._page, 0)
        life = Life(turns=turns, safe_turn=safe_turn, killed_ns=killed_ns)
        for slot in range(SLOTS):
            number, turn, read_ns = ENTRY.unpack_from(self._page, HEAD.size + slot * ENTRY.size)
            if turn:
                (life.safe if turn <= safe_turn else life.doubtful).append(number)
                life.read_ns[number] = read_ns
        self.lives.append(life)
        return life

    async def stop(self) -> None:
        """End it in order."""
        assert self._process
        self._process.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(self._process.wait, 30) == 0

    def abandon(self) -> None:
        """Whatever a test came to, leave no process behind."""
        if self._process and self._process.poll() is None:
            self._process.kill()
            self._process.wait()

    def _alive(self) -> None:
        assert self._process
        assert self._process.poll() is None, "the recorder ended by itself"


class Follower:
    """A registered reader that keeps what it was given, as a decoder does."""

    def __init__(self, folder: Path) -> None:
        self._reader = JournalReader(folder / "journal", FEED, name="follower")
        self.had: list[tuple[str, int]] = []

    def look(self) -> None:
        while records := self._reader.read_records():
            self.had += [placed(record) for record in records]

    async def follow(self) -> None:
        while True:
            self.look()
            await asyncio.sleep(0.002)

    def close(self) -> None:
        self._reader.close()


def placed(record: Record) -> tuple[str, int]:
    return str(record.position), number_of(record)


def number_of(record: Record) -> int:
    return int.from_bytes(record.payload[2:10], "big")


def entries(folder: Path) -> list[Record | ControlRecord]:
    with JournalReader(folder / "journal", FEED, with_control=True) as reader:
        return [entry for batch in iter(reader.read, []) for entry in batch]


def gaps(found: list[Record | ControlRecord]) -> list[dict[str, Any]]:
    return [e.entry for e in found if isinstance(e, ControlRecord) and e.entry["event"] == "gap"]


def check_order(found: list[Record | ControlRecord], sent: list[int]) -> None:
    """Records are in order, none twice; where numbers are missing stand gaps that tell of it."""
    before: Record | None = None
    told: list[dict[str, Any]] = []
    for entry in found:
        if isinstance(entry, ControlRecord):
            told += [entry.entry] if entry.entry["event"] == "gap" else []
            continue
        if before:
            assert number_of(entry) > number_of(before)
            assert entry.ts_recv_ns >= sent[number_of(entry)]
            if number_of(entry) > number_of(before) + 1 or entry.flags & AFTER_GAP:
                assert entry.flags & AFTER_GAP
                check_told(before, entry, told, sent)
        before, told = entry, []


def check_told(before: Record, after: Record, told: list[dict[str, Any]], sent: list[int]) -> None:
    """Gaps leave no time untold of, and count what they know to be lost."""
    missing = number_of(after) - number_of(before) - 1
    given_up = sum(gap.get("records", 0) for gap in told)
    assert given_up == missing if all("records" in gap for gap in told) else given_up <= missing
    reached = max(before.ts_recv_ns, sent[number_of(before) + 1] + ON_THE_WAY_NS)
    for gap in sorted(told, key=lambda gap: int(gap["from_ns"])):
        assert gap["from_ns"] <= reached
        reached = max(reached, gap["to_ns"])
    assert reached >= after.ts_recv_ns


def check_whole(folder: Path) -> None:
    """Nothing is torn; what was cut lies aside and an alert names it."""
    for hour in hours_of(folder / "journal", FEED):
        found = verify_hour(HourPaths(folder / "journal", FEED, hour))
        assert found.sound
        assert found.unindexed == 0
    told = " ".join(alert["what"] for alert in read_alerts(folder / "run", 1000))
    for path in (folder / "journal").glob("*.torn-*"):
        assert path.name in told


async def until(condition: Callable[[], object], alive: Callable[[], None] = lambda: None) -> None:
    async with asyncio.timeout(30):
        while not condition():
            alive()
            await asyncio.sleep(0.002)
