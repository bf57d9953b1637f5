"""The states a service can be in, and the steps between them."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class State(StrEnum):
    """What the supervisor knows of one service."""

    WAITING = "waiting"  # outside its window; starts by itself when it opens
    STARTING = "starting"  # spawned, has not said that it is ready
    RUNNING = "running"
    BACKOFF = "backoff"  # died or failed to start; will be tried again
    STOPPING = "stopping"  # asked to end
    STOPPED = "stopped"  # by an operator, until started again
    FINISHED = "finished"  # ended by itself with exit code 0; rests until its next window
    FATAL = "fatal"  # trying again does not help; a person has to look


ALLOWED: Final[dict[State, frozenset[State]]] = {
    State.WAITING: frozenset({State.STARTING, State.RUNNING, State.STOPPING, State.STOPPED}),
    State.STARTING: frozenset({State.RUNNING, State.STOPPING, State.BACKOFF, State.FINISHED, State.FATAL}),
    State.RUNNING: frozenset({State.STOPPING, State.BACKOFF, State.FINISHED, State.FATAL}),
    State.BACKOFF: frozenset({State.STARTING, State.WAITING, State.STOPPED}),
    State.STOPPING: frozenset({State.WAITING, State.STOPPED, State.BACKOFF, State.FINISHED, State.FATAL}),
    State.STOPPED: frozenset({State.WAITING}),
    State.FINISHED: frozenset({State.WAITING, State.STOPPED}),
    State.FATAL: frozenset({State.WAITING, State.STOPPED}),
}

ALIVE: Final = frozenset({State.STARTING, State.RUNNING, State.STOPPING})
"""States in which there is a process, or what a process left behind."""
