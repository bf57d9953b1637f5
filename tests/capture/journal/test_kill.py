"""The only honest unit of durability: a writer killed with -9 at random instants."""

from __future__ import annotations

import random
import signal
import struct
import subprocess
import sys
import time
from pathlib import Path

import pytest

from muhurat.capture.journal import HourPaths, hours_of, verify_hour
from tests.capture.support import FEED, open_writer, payloads_in

WRITER = """
import os, sys, zlib
from pathlib import Path
from muhurat.capture.journal import JournalWriter
from muhurat.clock import SystemClock

clock = SystemClock()
writer = JournalWriter(Path(sys.argv[1]), "desk", clock, sync_interval_s=0.01)
number = int(sys.argv[2])
sizes = (200, 0, 59_522, 7, 184)
while True:
    batch = []
    for _ in range(1 + number % 5):
        batch.append((b"%d:" % number + bytes(sizes[number % 5]), clock.now_ns(), 0))
        number += 1
    writer.append(batch)
    if number % 11 == 0:
        writer.control({"event": "note", "number": number})
    os.write(1, b"%d\\n" % number)
"""


@pytest.mark.slow
def test_what_was_acknowledged_before_a_kill_is_there_and_nothing_is_torn(tmp_path: Path) -> None:
    chance = random.Random(20250902)
    number = 0
    for _ in range(20):
        writer = subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path), str(number)], stdout=subprocess.PIPE)
        assert writer.stdout
        first = writer.stdout.readline()
        time.sleep(chance.random() * 0.03)
        writer.send_signal(signal.SIGKILL)
        told = writer.stdout.read().rpartition(b"\n")[0].rpartition(b"\n")[2] or first
        writer.wait()
        acknowledged = int(told)

        open_writer(tmp_path, at_ns=time.time_ns()).close()

        numbers = [int(payload.partition(b":")[0]) for payload in payloads_in(tmp_path)]
        assert numbers == list(range(len(numbers)))
        assert len(numbers) >= acknowledged
        number = len(numbers)

    for hour in hours_of(tmp_path, FEED):
        found = verify_hour(HourPaths(tmp_path, FEED, hour))
        assert found.sound
        assert found.unindexed == 0
        with (tmp_path / f"desk_{hour}.bin").open("rb") as plain:
            while header := plain.read(12):
                assert len(plain.read(struct.unpack(">QI", header)[1])) == struct.unpack(">QI", header)[1]
