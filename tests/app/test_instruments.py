"""The day's instruments of a desk with two feeds, chosen from the simulated Kite's dump."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from datetime import time
from pathlib import Path

import pytest
import structlog

from muhurat.app import relisting
from muhurat.app.desk import calendar_of, open_desk
from muhurat.app.instruments import _write_copy, choose_instruments, notice_new_contracts, universe_kind
from muhurat.capture.universe import SSO_XVENUE, Entry, Universe, load_universe
from muhurat.cli.desk_check import _universe_files
from muhurat.clock import ClockPage, ManualClock, ist_ns
from muhurat.config import Desk
from muhurat.errors import MuhuratError
from muhurat.simulator.conductor import Conductor
from muhurat.simulator.kite.simulation import KiteSimulation
from muhurat.simulator.options import SimOptions
from muhurat.simulator.stocks.market import StockMarket, WithStocks
from muhurat.venues.kite.instruments import load_instruments
from tests.simulator.tiny_market import DAY, TinyMarket

MORNING = ist_ns(DAY, time(8, 45))
SEED_FILE = "config/crawlers/crawler3_sso_xvenue/crawler3_sso_xvenue.json"
OWN = {"instruments": {"SBIN": {"token": 128083204}, "TITAN": {"token": 128224516}}}


@pytest.fixture(scope="module")
def kite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KiteSimulation]:
    """The simulated Kite with its stocks, in a thread of its own, at a quarter to nine."""
    import threading

    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, daemon=True).start()
    page = ClockPage.create(tmp_path_factory.mktemp("kite") / "clock", MORNING)
    market = WithStocks(TinyMarket(), StockMarket(DAY, 1))
    simulation = KiteSimulation(SimOptions(DAY, rate_limits=False), Conductor(page, 1.0), market)
    asyncio.run_coroutine_threadsafe(simulation.start({}), loop).result(20)
    yield simulation
    asyncio.run_coroutine_threadsafe(simulation.stop(), loop).result(20)
    loop.call_soon_threadsafe(loop.stop)


def desk(folder: Path, kite: KiteSimulation | None, universe: str) -> Desk:
    root = kite.overlay()["venues"]["kite"]["root"] if kite else "http://127.0.0.1:9"
    (folder / "desk.yaml").write_text(
        "desk: { name: crawler }\n"
        f"venues: {{ kite: {{ root: '{root}' }} }}\n"
        f"feeds:\n  sso_xvenue: {{ venue: kite, universe: {universe} }}\n"
        f"  sensex_desk: {{ venue: kite, universe: {'sensex_atm' if kite else SEED_FILE}, strikes: 0 }}\n"
    )
    token = folder / "config" / "api_configs" / "zerodha_token.json"
    token.parent.mkdir(parents=True)
    session = {"api_key": kite.app.api_key, "access_token": kite.sessions.ready()} if kite else {}
    token.write_text(json.dumps(session))
    return open_desk(folder / "desk.yaml")


def write_own(folder: Path) -> Path:
    path = folder / SEED_FILE
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(OWN))
    return path


def test_the_crawlers_path_is_made_by_its_rule_beside_the_file_of_the_day(tmp_path: Path, kite: KiteSimulation) -> None:
    made = desk(tmp_path, kite, SEED_FILE)

    chosen = choose_instruments(made, ManualClock(MORNING))

    assert chosen["sso_xvenue"] == 320
    dated = load_universe(tmp_path / "data" / "universe" / "sso_xvenue_20261120.json")
    assert load_universe(tmp_path / SEED_FILE) == dated
    assert (dated.kind, dated.venue, dated.mode) == ("sso_xvenue", "kite", "full")
    kept = {row.exchange for row in load_instruments(tmp_path / "data" / "reference", DAY)}
    assert kept == {"NSE", "NFO", "BSE", "BFO"}, "one dump for all feeds"


def test_with_the_rule_named_a_file_of_ones_own_at_its_path_is_left_alone(tmp_path: Path) -> None:
    path = write_own(tmp_path)

    _write_copy(desk(tmp_path, None, "sso_xvenue"), SSO_XVENUE, Universe({"INFY": Entry(token=7)}, kind="sso_xvenue"))

    assert json.loads(path.read_text()) == OWN


def test_a_file_of_ones_own_is_recorded_as_it_is_and_nobody_is_asked(tmp_path: Path) -> None:
    write_own(tmp_path)
    made = desk(tmp_path, None, SEED_FILE)

    assert universe_kind(made, made.feeds["sso_xvenue"]) is None
    assert choose_instruments(made, ManualClock(MORNING)) == {"sso_xvenue": 2, "sensex_desk": 2}
    assert notice_new_contracts(made, ManualClock(MORNING)) == {}


def test_a_feed_whose_instruments_cannot_be_chosen_does_not_cost_the_others_theirs(
    tmp_path: Path, kite: KiteSimulation
) -> None:
    made = desk(tmp_path, kite, SEED_FILE)
    write_own(tmp_path).write_text("{spoilt")

    with pytest.raises(MuhuratError, match=r"crawler3_sso_xvenue\.json is spoilt"):
        choose_instruments(made, ManualClock(MORNING))

    universe = tmp_path / "data" / "universe"
    assert "SENSEX" in load_universe(universe / "sensex_desk_20261120.json").instruments
    assert not (universe / "sso_xvenue_20261120.json").exists()


def test_a_spoilt_copy_is_told_and_the_feed_is_recorded(tmp_path: Path, kite: KiteSimulation) -> None:
    made = desk(tmp_path, kite, "sso_xvenue")
    write_own(tmp_path).write_text("{spoilt")

    with pytest.raises(MuhuratError, match=r"crawler3_sso_xvenue\.json is spoilt"):
        choose_instruments(made, ManualClock(MORNING))

    assert len(load_universe(tmp_path / "data" / "universe" / "sso_xvenue_20261120.json").instruments) == 320


def test_the_rule_is_known_by_its_name_and_by_its_path(tmp_path: Path) -> None:
    made = desk(tmp_path, None, "sso_xvenue")

    assert universe_kind(made, made.feeds["sso_xvenue"]) is SSO_XVENUE
    assert universe_kind(made, made.feeds["sensex_desk"]) is SSO_XVENUE


def test_check_tells_a_file_that_will_be_made_from_one_that_is_not_there(tmp_path: Path) -> None:
    made, other, own = (tmp_path / name for name in ("made", "other", "own"))
    for folder in (made, other, own):
        folder.mkdir()
    write_own(own)

    said = [
        next((found.verdict, found.detail) for found in _universe_files(desk(folder, None, universe)))
        for folder, universe in ((made, SEED_FILE), (other, "mine.json"), (own, SEED_FILE))
    ]

    assert said == [
        ("ok", f"{made / SEED_FILE} is made by `prepare_universe`"),
        ("wrong", f"{other / 'mine.json'} does not exist"),
        ("ok", f"{own / SEED_FILE}: 2 instruments"),
    ]


async def test_the_dump_is_looked_at_again_during_the_session_and_a_failure_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, seconds in (("_POLL_S", 0.01), ("_AT_LEAST_S", 0.0)):
        monkeypatch.setattr(relisting, name, seconds)
    made, clock = desk(tmp_path, None, "sso_xvenue"), ManualClock(MORNING)
    looks: list[int] = []

    async def look(_: Desk) -> None:
        looks.append(clock.now_ns())

    monkeypatch.setattr(relisting, "_look", look)
    looking = asyncio.create_task(relisting.look_for_new_contracts(made, calendar_of(made).session(DAY), clock))
    clock.advance(900)
    await asyncio.sleep(0.05)
    assert looks == [], "the session has not begun"
    clock.advance(900)
    async with asyncio.timeout(5):
        while not looks:
            await asyncio.sleep(0.01)
    await asyncio.sleep(0.05)
    looking.cancel()
    assert looks == [MORNING + 1800 * 10**9]


async def test_a_look_that_fails_is_told_with_its_reason(tmp_path: Path) -> None:
    made = desk(tmp_path, None, "sso_xvenue")
    (tmp_path / "desk.yaml").write_text("desk: [")

    with structlog.testing.capture_logs() as told:
        await relisting._look(made)

    assert [entry["event"] for entry in told] == ["the dump could not be looked at again; next try in a while"]
    assert "desk.yaml" in told[0]["reason"]
