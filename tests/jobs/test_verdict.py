"""How an attempt that has ended is judged."""

from __future__ import annotations

import pytest

from muhurat.clock import NS_PER_S
from muhurat.jobs.process import Process
from muhurat.jobs.standing import Expected, Standing
from muhurat.jobs.verdict import Ended, judge, too_few
from tests.jobs.bench import DAY

NOW = 1_795_000_000 * NS_PER_S


def standing(*, tries: int = 1, deadline_ns: int | None = None, **changes: object) -> Standing:
    told = {"title": "x", "name": "x", "phase": "BOD", "order": 1, "is_active": True, "application_path": "/x.py"}
    process = Process(**(told | {"retries": 2} | changes))  # type: ignore[arg-type]
    return Standing(Expected(process, DAY, deadline_ns=deadline_ns), DAY, tries=tries)


@pytest.mark.parametrize(
    ("rows", "earlier", "few"),
    [
        (500, [1000, 1000, 1000], False),
        (499, [1000, 1000, 1000], True),
        (0, [3], True),
        (0, [0, 0, 0], False),
        (0, [], False),
        (None, [1000], False),
        (600, [1000, 5000, 1000], False),
    ],
)
def test_half_of_the_median_is_the_fewest_that_passes(rows: int | None, earlier: list[int], few: bool) -> None:
    assert bool(too_few(rows, earlier)) is few


def test_a_job_may_say_that_its_count_says_nothing() -> None:
    ended = Ended(0, NOW, rows=0, facts={"any_count": True})
    assert judge(standing(), "r", ended, [5, 5], persistent=False).kind == "succeeded"


def test_failures_are_tried_again_with_growing_delays_up_to_the_limit() -> None:
    events = [judge(standing(tries=tries), "r", Ended(1, NOW, note="x"), [], persistent=False) for tries in (1, 2, 3)]
    assert [event.kind for event in events] == ["retry", "retry", "failed"]
    delays = [(event.facts["again_ns"] - NOW) / NS_PER_S for event in events[:2]]
    assert delays == [1, 2]


def test_wrong_use_is_final_and_what_may_not_run_twice_is_only_tried_again_when_it_was_too_early() -> None:
    assert judge(standing(), "r", Ended(2, NOW), [], persistent=True).kind == "failed"
    once = standing(idempotent=False)
    assert judge(once, "r", Ended(1, NOW), [], persistent=False).kind == "failed"
    assert judge(once, "r", Ended(75, NOW), [], persistent=False).kind == "retry"


def test_what_cannot_get_better_is_not_tried_again() -> None:
    refused = Ended(1, NOW, note="the login was refused", facts={"permanent": True})
    assert judge(standing(), "r", refused, [], persistent=True).kind == "failed"
    passing = Ended(75, NOW, note="the server is busy", facts={"permanent": False})
    assert judge(standing(), "r", passing, [], persistent=False).kind == "retry"


def test_the_service_tries_what_was_too_early_until_the_deadline() -> None:
    waits = standing(tries=9, deadline_ns=NOW + 600 * NS_PER_S)
    assert judge(waits, "r", Ended(75, NOW), [], persistent=True).facts["again_ns"] == NOW + 300 * NS_PER_S
    assert judge(waits, "r", Ended(75, NOW), [], persistent=False).kind == "failed"
    over = standing(tries=9, deadline_ns=NOW + 100 * NS_PER_S)
    assert judge(over, "r", Ended(75, NOW), [], persistent=True).kind == "failed"


def test_the_reason_is_the_jobs_own_word_else_how_it_ended() -> None:
    last = standing(tries=3)
    assert (
        judge(last, "r", Ended(1, NOW, note="404 for fo_secban.csv"), [], persistent=False).why
        == "404 for fo_secban.csv"
    )
    assert judge(last, "r", Ended(-9, NOW), [], persistent=False).why == "killed by SIGKILL"
    assert judge(last, "r", Ended(3, NOW), [], persistent=False).why == "exit code 3"
