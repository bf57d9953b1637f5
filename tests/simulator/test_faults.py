from __future__ import annotations

import pytest

from muhurat.clock import ManualClock
from muhurat.errors import UsageError
from muhurat.simulator.faults import FaultBoard, Kind

KNOWN = {
    "lasting": Kind("lasts", default_for_s=10.0),
    "once": Kind("happens", default_count=1),
}


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def board(clock: ManualClock) -> FaultBoard:
    return FaultBoard(KNOWN, clock.monotonic)


def test_a_lasting_fault_shows_until_its_time_is_over(board: FaultBoard, clock: ManualClock) -> None:
    board.add(b'{"fault": "lasting", "for_s": 3}')
    assert board.take("lasting")
    clock.advance(2.9)
    assert board.take("lasting")
    clock.advance(0.1)

    assert not board.take("lasting")
    assert not board


def test_a_counted_fault_shows_as_often_as_asked(board: FaultBoard) -> None:
    board.add(b'{"fault": "once", "count": 2}')

    assert [bool(board.take("once")) for _ in range(3)] == [True, True, False]


def test_a_fault_without_measure_has_its_kind_s_own(board: FaultBoard, clock: ManualClock) -> None:
    board.add(b'{"fault": "lasting"}')
    board.add(b'{"fault": "once"}')
    clock.advance(9)

    assert board.take("lasting")
    assert board.take("once")
    assert not board.take("once")


def test_looking_uses_up_nothing(board: FaultBoard) -> None:
    board.add(b'{"fault": "once"}')
    assert board.showing("once")
    assert board.showing("once")

    assert board.take("once")


def test_a_fault_may_be_meant_for_one_connection_or_path(board: FaultBoard) -> None:
    board.add(b'{"fault": "once", "connection": 2}')
    board.add(b'{"fault": "lasting", "path": "/orders"}')

    assert not board.showing("once", connection=1)
    assert board.showing("once", connection=2)
    assert not board.showing("lasting", path="/quote")
    assert board.showing("lasting", path="/orders/regular")


def test_clearing_forgets_all_faults(board: FaultBoard) -> None:
    board.add(b'{"fault": "lasting"}')

    assert board.clear() == 1
    assert board.described() == []
    assert not board.take("lasting")


def test_faults_in_force_are_described(board: FaultBoard, clock: ManualClock) -> None:
    board.add(b'{"fault": "lasting", "for_s": 5}')
    clock.advance(2)
    board.take("lasting")

    [described] = board.described()
    assert described["fault"] == "lasting"
    assert described["for_s"] == 3.0
    assert described["hits"] == 1


@pytest.mark.parametrize(
    ("body", "offender"),
    [
        (b'{"fault": "earthquake"}', "earthquake"),
        (b'{"fault": "once", "often": 3}', "often"),
        (b'{"count": 3}', "fault"),
        (b"nonsense", "JSON"),
    ],
)
def test_a_wrong_request_is_refused_by_name(board: FaultBoard, body: bytes, offender: str) -> None:
    with pytest.raises(UsageError, match=offender):
        board.add(body)
