"""The whole recorder against the simulated Kite: refused sessions, mute connections, and what it says of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from muhurat.clock import NS_PER_S, ClockPage
from tests.capture.simulated_recording import QUICK, Recording, recording, until
from tests.simulator.conftest import Running, kite, page
from tests.simulator.tiny_market import OPEN_NS

__all__ = ["kite", "page"]


@pytest.fixture(autouse=True)
def _often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("muhurat.capture.recorder._REPORT_EVERY_S", 0.02)
    monkeypatch.setattr("muhurat.heartbeat._LEAST_INTERVAL_S", 0.0)


@pytest.fixture
async def desk(kite: Running, page: ClockPage, tmp_path: Path) -> AsyncIterator[Recording]:
    return Recording(kite, page, tmp_path)


async def test_a_refused_session_is_not_tried_again_and_a_login_is_asked_for(desk: Recording) -> None:
    good, desk.token = desk.token, "yesterdays"
    async with recording(desk):
        await until(lambda: desk.troubles() == ["login desk"])
        asked = desk.asked
        await until(lambda: desk.asked > asked + 20)  # it looks for another token, and knocks with none
        assert desk.refusals() == 1
        assert desk.facts()["login_needed"]
        assert desk.word()["detail"].startswith("login needed: desk is refused: HTTP 403")

        desk.token = good
        await until(lambda: desk.facts().get("state") == "connected")
        assert desk.troubles() == []
        assert desk.refusals() == 1
        await desk.kite.conductor.advance_to(OPEN_NS + 5 * NS_PER_S)
        await until(lambda: desk.facts()["packets"] >= 10)


async def test_a_session_that_dies_during_the_day_is_replaced_without_a_restart(desk: Recording) -> None:
    async with recording(desk):
        await desk.flow()
        desk.fault("forbid_403", count=1)
        desk.fault("drop", count=1)
        await until(lambda: desk.troubles() == ["login desk"])
        await asyncio.sleep(0.1)
        assert desk.refusals() == 1

        await desk.kite.conductor.advance_to(OPEN_NS + 10 * NS_PER_S)
        desk.token = desk.kite.simulation.sessions.issue()
        await until(lambda: desk.facts()["state"] == "connected")
        packets = desk.facts()["packets"]
        await desk.kite.conductor.advance_to(OPEN_NS + 20 * NS_PER_S)
        await until(lambda: desk.facts()["packets"] > packets)

    (gap,) = desk.gaps()
    assert "disconnected" in gap["reason"]


async def test_a_mute_socket_is_replaced_within_its_limit_though_heartbeats_come(desk: Recording) -> None:
    async with recording(desk):
        await desk.flow()
        desk.fault("heartbeat_only", for_s=600, connection=1)
        mute_ns = desk.kite.conductor.now_ns
        while desk.facts()["reconnects"] == 0:
            assert desk.kite.conductor.now_ns < mute_ns + 60 * NS_PER_S
            await desk.kite.conductor.advance_to(desk.kite.conductor.now_ns + NS_PER_S)
            await asyncio.sleep(0.05)
        assert desk.kite.conductor.now_ns - mute_ns <= (QUICK.data_s + 5) * NS_PER_S
        await desk.kite.conductor.advance_to(desk.kite.conductor.now_ns + 3 * NS_PER_S)
        await until(lambda: desk.facts()["gap_since_ns"] is None)

    (gap,) = desk.gaps()
    assert gap["reason"].startswith("stale no market data for 30 s")


async def test_the_disk_is_part_of_what_the_recorder_says(desk: Recording) -> None:
    async with recording(desk):
        await until(desk.word)
        disk = desk.word()["gauges"]["disk"]
    assert disk["free_bytes"] > 0
    assert disk["trouble"] is None
