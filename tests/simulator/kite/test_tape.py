from __future__ import annotations

import pytest

from muhurat.clock import NS_PER_S, ClockPage
from muhurat.simulator.conductor import QUIET_FACTOR, Conductor
from muhurat.simulator.kite.tape import Tape
from muhurat.simulator.market.base import Frame
from tests.simulator.tiny_market import CALL, DELAY_NS, INDEX, OPEN_NS, SECONDS, TinyMarket

END_NS = OPEN_NS + SECONDS * NS_PER_S
SPEED = 1e4


@pytest.fixture
def conductor(page: ClockPage) -> Conductor:
    return Conductor(page, SPEED)


@pytest.fixture
def tape(conductor: Conductor) -> Tape:
    made = Tape(TinyMarket(), conductor)
    conductor.add_source(made)
    return made


@pytest.fixture
def played(tape: Tape) -> list[Frame]:
    frames: list[Frame] = []
    tape.follow(frames.append)
    return frames


async def test_only_what_is_wanted_is_played(conductor: Conductor, tape: Tape, played: list[Frame]) -> None:
    await conductor.advance_to(OPEN_NS + 5 * NS_PER_S)
    assert played == []

    tape.want([CALL])
    await conductor.advance_to(OPEN_NS + 7 * NS_PER_S)

    assert [(frame.tokens, frame.rows) for frame in played] == [((CALL,), (5,)), ((CALL,), (6,))]


async def test_wanted_twice_is_to_be_unwanted_twice(conductor: Conductor, tape: Tape, played: list[Frame]) -> None:
    tape.want([CALL])
    tape.want([CALL, INDEX])
    tape.unwant([CALL, INDEX])
    await conductor.advance_to(OPEN_NS + NS_PER_S)
    assert [frame.tokens for frame in played] == [(CALL,)]

    tape.unwant([CALL])
    await conductor.advance_to(OPEN_NS + 2 * NS_PER_S)

    assert len(played) == 1


async def test_a_wish_of_the_same_instant_does_not_cost_the_frame_that_is_due(
    conductor: Conductor, tape: Tape, played: list[Frame]
) -> None:
    instant = OPEN_NS + DELAY_NS
    tape.want([INDEX])
    conductor.call_at(instant, lambda: tape.want([CALL]))
    await conductor.advance_to(OPEN_NS + 2 * NS_PER_S)

    assert [(frame.send_ns, frame.tokens) for frame in played] == [
        (instant, (INDEX,)),
        (instant + NS_PER_S, (INDEX, CALL)),
    ]


async def test_the_market_is_busy_also_when_nobody_listens(conductor: Conductor, tape: Tape) -> None:
    paces: dict[str, float] = {}
    moments = {"before": OPEN_NS - 200 * NS_PER_S, "during": OPEN_NS + 100 * NS_PER_S, "after": END_NS + 300 * NS_PER_S}
    for name, instant in moments.items():
        conductor.call_at(instant, lambda name=name: paces.update({name: conductor.page.speed}))
    await conductor.advance_to(END_NS + 600 * NS_PER_S)

    assert paces == {"before": SPEED * QUIET_FACTOR, "during": SPEED, "after": SPEED * QUIET_FACTOR}


async def test_a_day_that_is_over_has_nothing_due(conductor: Conductor, tape: Tape, played: list[Frame]) -> None:
    tape.want([CALL, INDEX])
    await conductor.advance_to(END_NS + NS_PER_S)

    assert len(played) == SECONDS
    assert tape.due_ns() is None
    assert tape.active_ns(conductor.now_ns) is None
