"""The recorder on a real socket, killed with -9 while frames come, started again, killed again."""

from __future__ import annotations

import asyncio
import random
import signal
import sys
from asyncio.subprocess import PIPE, Process
from pathlib import Path
from typing import Any

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from muhurat.capture.journal import AFTER_GAP, ControlRecord, HourPaths, JournalReader, Record, hours_of, verify_hour
from tests.capture.support import FEED

RECORDER = """
import asyncio, os, signal, sys
from pathlib import Path
from muhurat.capture import recorder
from muhurat.clock import SystemClock
from muhurat.heartbeat import Heartbeat
from muhurat.venues.kite.stream import KiteStream

class Telling(recorder.FeedRecorder):
    def flush(self):
        super().flush()
        os.write(1, b"%d\\n" % self.messages)

async def main(folder, url):
    clock, stop = SystemClock(), asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    plan = recorder.FeedPlan("desk", folder / "journal", folder / "universe")
    stream = KiteStream(url, "key", lambda: "token", clock)
    await recorder.run([plan], {"desk": stream}, clock, Heartbeat("recorder", folder / "run", clock), stop)

recorder.FeedRecorder = Telling
asyncio.run(main(Path(sys.argv[1]), sys.argv[2]))
"""

KILLS = 6


class Venue:
    """Sends numbered frames, sometimes several at once, to whoever is connected."""

    def __init__(self) -> None:
        self.number = 0

    async def serve(self, connection: ServerConnection) -> None:
        chance = random.Random(self.number)
        try:
            while True:
                for _ in range(chance.randrange(1, 4)):
                    self.number += 1
                    await connection.send(b"\x00\x01" + self.number.to_bytes(8, "big") * chance.choice((2, 25, 5000)))
                await asyncio.sleep(chance.random() * 0.004)
        except ConnectionClosed:
            pass


async def start(folder: Path, url: str) -> Process:
    return await asyncio.create_subprocess_exec(sys.executable, "-c", RECORDER, str(folder), url, stdout=PIPE)


async def read_told(process: Process, *, lines: int) -> int:
    """The last of so many numbers that the recorder told, each after it had written that many messages."""
    assert process.stdout
    told = 0
    for _ in range(lines):
        told = int(await process.stdout.readline())
    return told


async def rest_of(process: Process, told: int) -> int:
    """The last whole number in what is left of a killed process's output."""
    assert process.stdout
    lines = (await process.stdout.read()).split(b"\n")[:-1]
    return int(lines[-1]) if lines else told


def journal(folder: Path) -> list[Record | ControlRecord]:
    with JournalReader(folder / "journal", FEED, with_control=True) as reader:
        return [entry for batch in iter(reader.read, []) for entry in batch]


def gaps(entries: list[Record | ControlRecord]) -> list[dict[str, Any]]:
    return [e.entry for e in entries if isinstance(e, ControlRecord) and e.entry["event"] == "gap"]


async def test_nothing_that_was_read_a_turn_before_a_kill_is_lost_and_every_gap_is_recorded(tmp_path: Path) -> None:
    chance, venue = random.Random(3), Venue()
    async with serve(venue.serve, "127.0.0.1", 0, ping_interval=None) as server:
        url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        for number in range(KILLS):
            process = await start(tmp_path, url)
            told = await read_told(process, lines=5)
            await asyncio.sleep(chance.random() * 0.1)
            process.kill()
            told = await rest_of(process, told)
            await process.wait()
            recorded = [entry for entry in journal(tmp_path) if isinstance(entry, Record)]
            assert len(recorded) >= told
            assert len(gaps(journal(tmp_path))) == number

        last = await start(tmp_path, url)
        await read_told(last, lines=5)
        last.send_signal(signal.SIGTERM)
        await rest_of(last, 0)
        assert await last.wait() == 0

    entries = journal(tmp_path)
    records = [entry for entry in entries if isinstance(entry, Record)]
    numbers = [int.from_bytes(record.payload[2:10], "big") for record in records]
    assert numbers == sorted(set(numbers))
    assert [gap["reason"] for gap in gaps(entries)] == ["the recorder was down"] * KILLS
    assert sum(bool(record.flags & AFTER_GAP) for record in records) == KILLS
    for hour in hours_of(tmp_path / "journal", FEED):
        assert verify_hour(HourPaths(tmp_path / "journal", FEED, hour)).sound
