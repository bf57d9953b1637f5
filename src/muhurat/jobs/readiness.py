"""What keeps a job from starting: the jobs it depends on, and how those stand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from muhurat.jobs.process import State
from muhurat.jobs.standing import Standing


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Why a job cannot start. `lasting`: no job that runs or is to run will remove it, only a person; `failed`: because
    something it needs has failed."""

    why: str
    lasting: bool = False
    failed: bool = False


def obstacle(standing: Standing, day: Mapping[str, Standing]) -> Obstacle | None:
    """What stands before this job on its day, the lasting first; None when all it depends on is done with.

    A dependency is done with when it succeeded, was skipped or overridden, or failed with `on_failure: warn`.
    """
    found = [met for name in standing.process.depends_on if (met := _of(name, day)) is not None]
    return next((met for met in found if met.lasting), found[0] if found else None)


def follows(standing: Standing, day: Mapping[str, Standing], now_ns: int) -> list[Standing]:
    """The jobs that the last of a half lets go before it when the day is caught up, its own time being over.

    What has an instant of its own, and a deadline after all others of its half, is about what they have done, such as
    the go / no-go: in its time it says how they stand; begun after its deadline it would only say that they still run.
    """
    deadline_ns = standing.expected.deadline_ns
    if deadline_ns is None or standing.expected.not_before_ns is None or now_ns < deadline_ns:
        return []
    phase = standing.process.phase
    others = [one for one in day.values() if one.process.phase == phase and one.name != standing.name]
    is_last = all((one.expected.deadline_ns or 0) < deadline_ns for one in others)
    return others if is_last else []


def _of(name: str, day: Mapping[str, Standing]) -> Obstacle | None:
    needed = day.get(name)
    if needed is None:
        return Obstacle(f"needs {name}, which this day does not have", lasting=True)
    if needed.is_done or needed.overridden_by:
        return None
    if needed.state in (State.FAILED, State.LOST):
        told = "was lost" if needed.state is State.LOST else "failed"
        return _failed(needed, Obstacle(f"blocked by {name}, which {told}: {needed.reason}", lasting=True, failed=True))
    if needed.state is State.PENDING and needed.held_by:
        return Obstacle(f"waits for {name}, which is held by {needed.held_by}", lasting=True)
    before = obstacle(needed, day) if needed.state is State.PENDING else None
    if before is not None and before.lasting:
        return _failed(needed, before)
    return Obstacle(f"waits for {name}")


def _failed(needed: Standing, met: Obstacle) -> Obstacle | None:
    """A job that only warns never blocks another by its failure, nor by a failure before it."""
    return None if met.failed and needed.process.on_failure == "warn" else met
