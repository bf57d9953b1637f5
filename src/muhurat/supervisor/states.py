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
    State.WAITING: frozenset({State.STARTING, State.RUNNING, State.STOPPED, State.STOPPING}),
    State.STARTING: frozenset({State.RUNNING, State.BACKOFF, State.STOPPING, State.FATAL, State.FINISHED}),
    State.RUNNING: frozenset({State.BACKOFF, State.STOPPING, State.FATAL, State.FINISHED}),
    State.BACKOFF: frozenset({State.STARTING, State.STOPPED, State.WAITING, State.FATAL}),
    State.STOPPING: frozenset({State.STOPPED, State.WAITING, State.BACKOFF, State.FATAL, State.FINISHED}),
    State.STOPPED: frozenset({State.STARTING, State.WAITING}),
    State.FINISHED: frozenset({State.STARTING, State.WAITING, State.STOPPED}),
    State.FATAL: frozenset({State.STARTING, State.STOPPED, State.WAITING}),
}

ALIVE: Final = frozenset({State.STARTING, State.RUNNING, State.STOPPING})
"""States in which there is a process, or what a process left behind."""
