"""A power cut at any moment, repairs included: what was synchronised is there, nothing is invented, losses are told."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from muhurat.capture.journal import RECOVERED, HourPaths, JournalWriter, Record, verify_hour
from muhurat.capture.journal.writer import Message
from tests.capture.journal.crashing import CrashingFiles, PowerCut
from tests.capture.support import FEED, MS, NINE, open_writer, records_in

HOUR = "20250902_0900"


class Written:
    """What was given to the journal, and how much of it had come to the disk."""

    def __init__(self, seed: int) -> None:
        self.chance = Random(seed)
        self.messages: list[Message] = []
        self.durable = self.durable_bytes = 0

    def some(self) -> list[Message]:
        """A few more messages, numbered, small and large."""
        fresh = []
        for _ in range(self.chance.randrange(1, 4)):
            number = len(self.messages)
            payload = number.to_bytes(4, "big") + self.chance.randbytes(self.chance.choice((0, 30, 200, 1700)))
            self.messages.append((payload, NINE + number * MS + 1234, 0))
            fresh.append(self.messages[-1])
        return fresh


def write(files: CrashingFiles, written: Written, folder: Path) -> None:
    """Append, note, synchronise, in any order, until the power goes."""
    writer = open_writer(folder, files=files)
    try:
        for _ in range(written.chance.randrange(2, 14)):
            match written.chance.randrange(6):
                case 0:
                    files.settle()
                    written.durable = len(written.messages)
                    written.durable_bytes = sum(12 + len(payload) for payload, _, _ in written.messages)
                case 1:
                    writer.control({"event": "note", "number": len(written.messages)}, NINE)
                case _:
                    writer.append(written.some())
    finally:
        gone(writer, files)


def gone(writer: JournalWriter, files: CrashingFiles) -> None:
    files.die()
    writer._bell.close()
    writer._lock.release()
    writer._closed = True


@given(seed=st.integers(0, 1 << 32), first=st.integers(1, 60), second=st.integers(1, 25))
@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_after_any_power_cut_what_was_synchronised_is_there_and_the_rest_is_right_or_told(
    seed: int, first: int, second: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder, written = tmp_path_factory.mktemp("power"), Written(seed)
    files = CrashingFiles(first)
    with suppress(PowerCut):
        write(files, written, folder / "first")
    files.image(folder / "first", folder / "second", written.chance)
    files = CrashingFiles(second)
    with suppress(PowerCut):
        gone(open_writer(folder / "second", files=files), files)
    files.image(folder / "second", folder / "third", written.chance)

    with open_writer(folder / "third") as writer:
        recovery = writer.recovery
        writer.append([(b"after", NINE + 10**9, 0)])
    again = open_writer(folder / "third")
    assert again.recovery
    assert not again.recovery.repaired
    again.close()

    read = records_in(folder / "third")
    assert read.pop().payload == b"after"
    sure = [record for record in read if not record.flags & RECOVERED]
    check_right(sure, written.messages)
    assert [record.payload for record in read[: written.durable]] == [m[0] for m in written.messages[: written.durable]]
    found = verify_hour(HourPaths(folder / "third", FEED, HOUR))
    assert (found.torn_bytes, found.unindexed) == (0, 0)
    assert all(start >= written.durable_bytes for start, _ in found.damaged)
    complete = [record.payload for record in read] == [m[0] for m in written.messages[: len(read)]]
    assert complete or found.damaged or len(sure) < len(read) or (recovery and recovery.lost)


def check_right(records: list[Record], messages: list[Message]) -> None:
    """In order, each as it was written."""
    numbers = [int.from_bytes(record.payload[:4], "big") for record in records]
    assert numbers == sorted(set(numbers))
    for number, record in zip(numbers, records, strict=True):
        assert (record.payload, record.ts_recv_ns) == messages[number][:2]
