"""The plan of a venue's connections, over any demands."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from muhurat.capture.allocation import Allocation, Demand, Limits, allocate

KITE = Limits(3000, 3)
FEEDS = ("desk", "crawler", "third", "fourth")

limits = st.builds(Limits, st.integers(1, 12), st.integers(1, 4))


@st.composite
def demands(draw: st.DrawFn) -> list[Demand]:
    feeds = FEEDS[: draw(st.integers(1, 4))]
    tokens = st.lists(st.integers(0, 40), max_size=30)
    return [Demand(feed, draw(tokens)) for feed in feeds]


def carried(plan: Allocation, feed: str) -> list[int]:
    return [token for tokens in plan.lines[feed].values() for token in tokens]


@given(demands(), limits, demands())
def test_no_limit_is_ever_broken_and_nothing_is_lost_silently(
    now: list[Demand], limits: Limits, before: list[Demand]
) -> None:
    plan = allocate(now, limits, allocate(before, limits).lines)

    assert plan.connections <= limits.connections
    for demand in now:
        lines = plan.lines[demand.feed]
        assert all(len(tokens) <= limits.instruments for tokens in lines.values())
        told = carried(plan, demand.feed) + plan.left_out[demand.feed]
        assert Counter(told) == Counter(dict.fromkeys(demand.tokens, 1))


@given(demands(), limits, demands())
def test_the_first_feed_gives_way_to_none(now: list[Demand], limits: Limits, before: list[Demand]) -> None:
    plan = allocate(now, limits, allocate(before, limits).lines)

    distinct = list(dict.fromkeys(now[0].tokens))
    room = limits.instruments * limits.connections
    assert sorted(carried(plan, now[0].feed)) == sorted(distinct[:room])


@given(demands(), limits)
def test_what_is_left_out_are_the_least_important_and_only_when_every_connection_is_in_use(
    now: list[Demand], limits: Limits
) -> None:
    plan = allocate(now, limits)

    for demand in now:
        distinct = list(dict.fromkeys(demand.tokens))
        left_out = plan.left_out[demand.feed]
        assert left_out == distinct[len(distinct) - len(left_out) :]
        assert not left_out or plan.connections == limits.connections


@given(demands(), limits)
def test_the_same_demand_again_changes_nothing(now: list[Demand], limits: Limits) -> None:
    plan = allocate(now, limits)

    assert allocate(now, limits, plan.lines) == plan


@given(demands(), limits, st.lists(st.integers(100, 120), max_size=5))
def test_growth_moves_nothing_that_has_a_place_while_no_line_has_to_end(
    now: list[Demand], limits: Limits, more: list[int]
) -> None:
    before = allocate(now, limits)
    grown = [Demand(now[0].feed, [*now[0].tokens, *more]), *now[1:]]

    after = allocate(grown, limits, before.lines)

    for feed, lines in after.lines.items():
        for number, tokens in before.lines[feed].items():
            if number in lines:
                assert set(lines[number]) >= set(tokens) - set(after.left_out[feed])


def test_a_feed_of_320_instruments_beside_the_desks_own_needs_two_connections() -> None:
    plan = allocate([Demand("desk", range(25)), Demand("crawler", range(1000, 1320))], KITE)

    assert {feed: [len(tokens) for tokens in lines.values()] for feed, lines in plan.lines.items()} == {
        "desk": [25],
        "crawler": [320],
    }


def test_more_than_a_connection_carries_is_split_evenly() -> None:
    plan = allocate([Demand("desk", range(25)), Demand("crawler", range(3001))], KITE)

    assert sorted(map(len, plan.lines["crawler"].values())) == [1500, 1501]


def test_the_traded_feed_takes_a_connection_from_another_and_its_instruments_are_named() -> None:
    before = allocate([Demand("desk", range(25)), Demand("crawler", range(6000))], KITE)

    after = allocate([Demand("desk", range(3001)), Demand("crawler", range(6000))], KITE, before.lines)

    assert [len(lines) for lines in after.lines.values()] == [2, 1]
    assert len(after.left_out["crawler"]) == 3000
    assert after.left_out["desk"] == []
    assert set(before.lines["desk"][0]) <= set(after.lines["desk"][0])


def test_each_feed_gets_a_connection_before_any_of_the_others_gets_a_second() -> None:
    plan = allocate([Demand("desk", [1]), Demand("crawler", range(9000)), Demand("third", [2])], KITE)

    assert [len(lines) for lines in plan.lines.values()] == [1, 1, 1]
    assert len(plan.left_out["crawler"]) == 6000


def test_a_feed_too_many_has_no_connection_and_all_of_it_is_named() -> None:
    plan = allocate([Demand(feed, [number]) for number, feed in enumerate(FEEDS)], KITE)

    assert plan.lines["fourth"] == {}
    assert plan.left_out["fourth"] == [3]
