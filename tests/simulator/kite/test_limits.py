from __future__ import annotations

import pytest

from muhurat.clock import ManualClock
from muhurat.simulator.kite.errors import KiteError
from muhurat.simulator.kite.limits import Bucket, RateLimits


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.mark.parametrize(
    ("bucket", "a_second"), [(Bucket.QUOTE, 1), (Bucket.HISTORICAL, 3), (Bucket.ORDER, 10), (Bucket.OTHER, 10)]
)
def test_one_request_too_many_within_a_second_is_refused(clock: ManualClock, bucket: Bucket, a_second: int) -> None:
    limits = RateLimits(clock.monotonic)
    for _ in range(a_second):
        limits.count(bucket, "simkey")
    with pytest.raises(KiteError, match="Too many requests") as refused:
        limits.count(bucket, "simkey")
    assert (refused.value.status, refused.value.error_type) == (429, "NetworkException")

    clock.advance(1.0)
    limits.count(bucket, "simkey")


def test_orders_are_limited_to_400_a_minute(clock: ManualClock) -> None:
    limits = RateLimits(clock.monotonic)
    for _ in range(400):
        limits.count(Bucket.ORDER, "simkey")
        clock.advance(0.11)
    with pytest.raises(KiteError):
        limits.count(Bucket.ORDER, "simkey")

    clock.advance(60 - 400 * 0.11 + 0.001)
    limits.count(Bucket.ORDER, "simkey")


def test_callers_and_kinds_of_request_are_counted_apart(clock: ManualClock) -> None:
    limits = RateLimits(clock.monotonic)
    limits.count(Bucket.QUOTE, "simkey")
    limits.count(Bucket.QUOTE, "another")

    limits.count(Bucket.OTHER, "simkey")


def test_limits_can_be_off(clock: ManualClock) -> None:
    limits = RateLimits(clock.monotonic, enforced=False)

    for _ in range(100):
        limits.count(Bucket.QUOTE, "simkey")
