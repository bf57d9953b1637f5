"""A connection is judged by real silence and by desk time without data."""

from __future__ import annotations

from muhurat.clock import NS_PER_S, ManualClock
from muhurat.venues.pulse import Condition, Pulse


class FastClock(ManualClock):
    """A rehearsal's clock: desk time runs a hundred times as fast as real time."""

    def advance(self, seconds: float) -> None:
        super().advance(seconds)
        self.set(self.now_ns() + round(99 * seconds * NS_PER_S))


def pulse_on(clock: ManualClock, *, due_from_s: float = 0.0) -> Pulse:
    return Pulse(
        clock,
        silence_s=8.0,
        data_s=30.0,
        data_floor_s=0.5,
        data_due=lambda now_ns: now_ns >= due_from_s * NS_PER_S,
    )


def test_no_frame_at_all_is_silence() -> None:
    clock = ManualClock()
    pulse = pulse_on(clock)

    clock.advance(8.0)
    assert pulse.look(0, 0) is Condition.ALIVE
    clock.advance(0.1)
    assert pulse.look(0, 0) is Condition.SILENT


def test_frames_without_data_make_a_connection_mute_but_not_silent() -> None:
    clock = ManualClock()
    pulse = pulse_on(clock)

    conditions = []
    for beat in range(1, 12):
        clock.advance(3.0)
        conditions.append(pulse.look(beat, 0))

    assert conditions == [Condition.ALIVE] * 10 + [Condition.MUTE]


def test_data_that_come_start_the_wait_anew() -> None:
    clock = ManualClock()
    pulse = pulse_on(clock)

    for beat in range(1, 40):
        clock.advance(3.0)
        assert pulse.look(beat, beat // 9) is Condition.ALIVE


def test_data_are_missed_only_from_when_they_are_due() -> None:
    clock = ManualClock()
    pulse = pulse_on(clock, due_from_s=100.0)

    heard_mute_after_s = next(
        3.0 * beat for beat in range(1, 100) if not clock.advance(3.0) and pulse.look(beat, 0) is Condition.MUTE
    )

    assert 130.0 < heard_mute_after_s <= 135.0


def test_in_a_fast_rehearsal_half_a_real_second_has_to_pass_too() -> None:
    clock = FastClock()
    pulse = pulse_on(clock)

    clock.advance(0.45)
    assert clock.now_ns() == 45 * NS_PER_S
    assert pulse.look(1, 0) is Condition.ALIVE
    clock.advance(0.1)
    assert pulse.look(2, 0) is Condition.MUTE
