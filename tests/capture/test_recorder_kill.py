"""The recorder on a real socket, killed with -9 at random instants while frames come, and started again.

`MUHURAT_CAPTURE_KILLS=100` kills so often; `MUHURAT_CAPTURE_SEED` repeats a run.
"""

from __future__ import annotations

import asyncio
import os
import random
from functools import partial
from pathlib import Path

import pytest

from muhurat.capture.journal import AFTER_GAP, Record
from muhurat.supervisor.alerts import read_alerts
from tests.capture.killing import Follower, Killed, Venue, check_order, check_whole, entries, gaps, placed, until
from tests.jobs.library.small_disk import small_disk

KILLS = int(os.environ.get("MUHURAT_CAPTURE_KILLS", "5"))
SEED = int(os.environ.get("MUHURAT_CAPTURE_SEED", random.randrange(1 << 32)))


@pytest.mark.slow
async def test_nothing_that_was_read_a_turn_before_a_kill_is_lost_nor_anything_that_a_reader_had(
    tmp_path: Path,
) -> None:
    print(f"{KILLS} kills, seed {SEED}")
    chance, venue, follower = random.Random(SEED), Venue(SEED), Follower(tmp_path)
    async with venue.open() as url:
        killed = Killed(tmp_path, url)
        following = asyncio.create_task(follower.follow())
        try:
            for number in range(KILLS):
                killed.start()
                if number % 5 == 3:  # while it starts: imports, repair, the first connection
                    await asyncio.sleep(chance.random() * 0.8)
                    killed.kill()
                    continue
                await killed.recording()
                await asyncio.sleep(chance.random() * 0.1)
                if number % 5 == 4:
                    killed.kill()
                    continue
                venue.strike = partial(killed.kill, chance.random() * 0.0005)
                await until(lambda: venue.strike is None)
            killed.start()
            await killed.recording()
            await killed.stop()
            following.cancel()
            follower.look()
        finally:
            follower.close()
            killed.abandon()

    found = entries(tmp_path)
    records = [placed(entry) for entry in found if isinstance(entry, Record)]
    kept = {number for _, number in records}
    lost = [(life, [n for n in life.doubtful if n not in kept]) for life in killed.lives]
    ages_ms = [(life.killed_ns - life.read_ns[n]) / 1e6 for life, numbers in lost for n in numbers]
    print(f"{len(records)} records, {len(ages_ms)} lost that had been read, {max(ages_ms, default=0):.3f} ms before")
    for life in killed.lives:
        assert life.safe_turn == life.turns
        assert kept >= set(life.safe)
    assert follower.had == records
    check_order(found, venue.sent)
    check_whole(tmp_path)
    recorded = sum(bool(life.safe) for life in killed.lives)
    assert {gap["reason"] for gap in gaps(found)} == {"the recorder was down"}
    marks = sum(bool(entry.flags & AFTER_GAP) for entry in found if isinstance(entry, Record))
    assert marks >= recorded


@pytest.mark.slow
@pytest.mark.parametrize("turn", range(max(1, KILLS // 5)))
async def test_a_recorder_killed_on_a_full_disk_goes_on_by_itself_once_there_is_room(turn: int, tmp_path: Path) -> None:
    seed = SEED + turn
    print(f"seed {seed}")
    chance, venue = random.Random(seed), Venue(seed)
    with small_disk(tmp_path / "journal", kilobytes=4096) as disk:
        (disk / "filler").write_bytes(bytes(2 << 20))
        follower = Follower(tmp_path)
        async with venue.open() as url:
            killed = Killed(tmp_path, url, buffer_bytes=1 << 20)
            following = asyncio.create_task(follower.follow())
            try:
                for _ in range(3):  # before, while or after the disk becomes full; then on a full one
                    killed.start()
                    await killed.recording(2)
                    await asyncio.sleep(chance.random() * 0.4)
                    killed.kill()
                killed.start()
                await until(lambda: killed.facts.get("dropped_records"))
                assert "No space left" in killed.detail
                assert "records wait in memory" in killed.detail
                follower.look()
                had = len(follower.had)
                venue.resting = True
                (disk / "filler").unlink()
                await until(lambda: killed.facts.get("disk_error") == "" and not killed.facts["buffered_records"])
                await killed.stop()
                following.cancel()
                follower.look()
            finally:
                follower.close()
                killed.abandon()

        found = entries(tmp_path)
        records = [placed(entry) for entry in found if isinstance(entry, Record)]
        assert len(records) > had > 0
        assert follower.had == records
        for life in killed.lives:
            assert {number for _, number in records} >= set(life.safe)
        check_order(found, venue.sent)
        check_whole(tmp_path)
        given_up = [gap["records"] for gap in gaps(found) if gap["reason"] == "the disk refused"]
        assert sum(given_up) >= killed.facts["dropped_records"] > 0
        alerts = [alert["what"] for alert in read_alerts(tmp_path / "run", 1000)]
        for said in ("records wait in memory", "the oldest records are being given up", "the disk takes records again"):
            assert any(said in alert for alert in alerts)
