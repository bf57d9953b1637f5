"""What holds of any two recordings, checked against a plain reference on many small ones."""

from __future__ import annotations

from collections import Counter
from itertools import accumulate
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from muhurat.capture.journal import CLOCK_DOUBT, HourPaths, verify_hour
from tests.capture.merge.support import (
    Frame,
    Packet,
    all_packets,
    by_token,
    contains,
    full,
    index,
    longest,
    ltp,
    recorded,
    records_of,
    united,
)

packets = st.builds(ltp, st.integers(1, 3), st.integers(0, 2)) | st.builds(full, st.integers(1, 2), st.integers(0, 3))


@st.composite
def frames(draw: st.DrawFn) -> list[Frame]:
    """Any recording; clocks may stand still or jump."""
    steps = draw(st.lists(st.tuples(st.integers(0, 4_000), st.lists(packets, min_size=1, max_size=4)), max_size=12))
    times = accumulate(step for step, _ in steps)
    return [(ms, content) for ms, (_, content) in zip(times, steps, strict=True)]


@st.composite
def seen_by_two(draw: st.DrawFn) -> tuple[list[Frame], list[Frame], list[Packet]]:
    """One feed of packets that all differ, as two connections got it: each in frames of its own, with its own holes."""
    count = draw(st.integers(1, 40))
    tokens = draw(st.lists(st.integers(1, 3), min_size=count, max_size=count))
    sent = [index(token, place) if token == 1 else full(token, place) for place, token in enumerate(tokens)]
    views = []
    lost_by_both: set[int] = set(range(count))
    for _ in range(2):
        lost = draw(st.sets(st.integers(0, count - 1)))
        lost_by_both &= lost
        late = draw(st.integers(0, 300))
        kept = [(100 * place + late, packet) for place, packet in enumerate(sent) if place not in lost]
        view: list[Frame] = []
        while kept:
            size = draw(st.integers(1, 5))
            view.append((kept[:size][-1][0], [packet for _, packet in kept[:size]]))
            kept = kept[size:]
        views.append(view)
    return views[0], views[1], [packet for place, packet in enumerate(sent) if place not in lost_by_both]


@settings(max_examples=60, deadline=None)
@given(frames(), frames())
def test_the_union_is_the_shortest_sequence_that_has_both(a: list[Frame], b: list[Frame]) -> None:
    with TemporaryDirectory() as folder:
        out = Path(folder) / "out.bin"
        sides = [recorded(Path(folder) / name, side) for name, side in (("a", a), ("b", b))]
        found = united(*sides, out)
        result, mine, theirs = (records_of(path) for path in (out, *sides)) if out.exists() else ([], [], [])

        expected = 0
        whole, in_a, in_b = (by_token(all_packets(records)) for records in (result, mine, theirs))
        for token in {*in_a, *in_b}:
            here, there = in_a.get(token, []), in_b.get(token, [])
            contents = [packet for _, packet in whole[token]]
            assert contains(contents, [packet for _, packet in here])
            assert contains(contents, [packet for _, packet in there])
            assert len(contents) == len(here) + len(there) - longest(here, there)
            expected += longest(here, there)
        assert whole.keys() == {*in_a, *in_b}
        assert found["both"] == expected
        assert found["packets"] == sum(map(len, whole.values())) == found["both"] + found["only_a"] + found["only_b"]
        assert contains([p for _, p in all_packets(result)], [p for _, p in all_packets(mine)])
        check_order(result, out)


@settings(max_examples=30, deadline=None)
@given(frames(), frames(), st.integers(1, 200))
def test_read_in_small_parts_nothing_is_lost_and_nothing_new(a: list[Frame], b: list[Frame], part_bytes: int) -> None:
    with TemporaryDirectory() as folder:
        out = Path(folder) / "out.bin"
        sides = [recorded(Path(folder) / name, side) for name, side in (("a", a), ("b", b))]
        united(*sides, out, part_bytes=part_bytes)
        result, mine, theirs = (records_of(path) for path in (out, *sides)) if out.exists() else ([], [], [])

        whole, in_a, in_b = (by_token(all_packets(records)) for records in (result, mine, theirs))
        assert whole.keys() == {*in_a, *in_b}
        for token, contents in whole.items():
            here, there = in_a.get(token, []), in_b.get(token, [])
            assert contains([p for _, p in contents], [p for _, p in here])
            assert contains([p for _, p in contents], [p for _, p in there])
            assert len(contents) <= len(here) + len(there)
        check_order(result, out)


@settings(max_examples=30, deadline=None)
@given(seen_by_two(), st.sampled_from([100, 1 << 25]))
def test_two_views_of_one_feed_make_the_feed_again(
    feed: tuple[list[Frame], list[Frame], list[Packet]], part_bytes: int
) -> None:
    a, b, sent = feed
    with TemporaryDirectory() as folder:
        sides = [recorded(Path(folder) / name, side) for name, side in (("a", a), ("b", b))]
        outs = [Path(folder) / "ab.bin", Path(folder) / "ba.bin"]
        united(*sides, outs[0], part_bytes=part_bytes)
        united(*sides[::-1], outs[1], part_bytes=part_bytes)

        for out in outs:
            result = all_packets(records_of(out)) if out.exists() else []
            assert Counter(packet for _, packet in result) == Counter(sent)
            for view in (a, b):
                for token, seen in by_token([(0, packet) for _, content in view for packet in content]).items():
                    assert contains([packet for _, packet in by_token(result)[token]], [packet for _, packet in seen])


@settings(max_examples=15, deadline=None)
@given(frames())
def test_a_recording_merged_with_itself_or_with_nothing_is_itself(a: list[Frame]) -> None:
    with TemporaryDirectory() as folder:
        mine, nothing = recorded(Path(folder) / "a", a), recorded(Path(folder) / "none", [])
        for number, pair in enumerate(((mine, mine), (mine, nothing), (nothing, mine))):
            out = Path(folder) / f"out{number}.bin"
            found = united(*pair, out)
            assert found["packets"] == sum(len(content) for _, content in a)
            assert (out.read_bytes() if out.exists() else b"") == mine.read_bytes()


def check_order(result: list, out: Path) -> None:  # type: ignore[type-arg]
    """The file is sound, and what is earlier than something before it is marked as doubtful."""
    if not out.exists():
        return
    latest = 0
    for record in result:
        assert bool(record.flags & CLOCK_DOUBT) == (record.ts_recv_ns < latest)
        latest = max(latest, record.ts_recv_ns)
    verified = verify_hour(HourPaths.alone(out, "20250902_0900"))
    assert verified.sound
    assert verified.closed
    assert verified.records == len(result)
