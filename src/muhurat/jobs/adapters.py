"""The state of whatever the desk talks to: venues, stores, the mail server; asked side by side, each within a limit."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final, Literal

from muhurat.clock import Clock
from muhurat.errors import MuhuratError

KEY: Final = "adapter:info"
"""Where the cache keeps the newest answers: a JSON object by adapter."""


@dataclass(frozen=True, slots=True)
class Adapter:
    """Something the desk talks to. `ask` gives facts about it, such as `version` and `holds`; raises `MuhuratError` or
    `OSError` when it cannot be reached."""

    name: str
    kind: Literal["venue", "store", "channel"]
    address: str
    ask: Callable[[], Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Adapters:
    """All of a desk's."""

    all: tuple[Adapter, ...]


@dataclass(frozen=True, slots=True)
class State:
    """One adapter at one moment. `latency_ms` is of the whole question, real time; `hint` says what would help."""

    name: str
    kind: str
    address: str
    reachable: bool
    latency_ms: float
    detail: str = ""
    hint: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)

    def told(self) -> dict[str, Any]:
        return asdict(self)


def ask_all(adapters: Sequence[Adapter], clock: Clock, limit_s: float) -> list[State]:
    """The state of each, in order. One that does not answer within the limit is left behind, and shown so."""
    answers: queue.SimpleQueue[tuple[int, State]] = queue.SimpleQueue()
    began = clock.monotonic()
    for place, adapter in enumerate(adapters):
        # daemons, so that one that hangs keeps nobody from ending
        threading.Thread(target=_ask, args=(place, adapter, clock, answers), name=adapter.name, daemon=True).start()
    found: dict[int, State] = {}
    while len(found) < len(adapters) and (left := limit_s - (clock.monotonic() - began)) > 0:
        try:
            place, state = answers.get(timeout=left)
        except queue.Empty:
            break
        found[place] = state
    return [found.get(place) or _silent(adapter, limit_s) for place, adapter in enumerate(adapters)]


def _ask(place: int, adapter: Adapter, clock: Clock, answers: queue.SimpleQueue[tuple[int, State]]) -> None:
    began = clock.monotonic()
    reachable, detail, hint, facts = True, "", "", {}
    try:
        facts = dict(adapter.ask())
        detail = str(facts.pop("detail", ""))
        hint = str(facts.pop("hint", ""))
    except MuhuratError as error:
        reachable, detail, hint = False, str(error), error.hint
    except OSError as error:
        reachable, detail = False, error.strerror or str(error) or type(error).__name__
        hint = "check the address and the network"
    latency_ms = round(1000 * (clock.monotonic() - began), 1)
    told = State(adapter.name, adapter.kind, adapter.address, reachable, latency_ms, detail, hint, facts)
    answers.put((place, told))


def _silent(adapter: Adapter, limit_s: float) -> State:
    return State(
        adapter.name,
        adapter.kind,
        adapter.address,
        reachable=False,
        latency_ms=1000 * limit_s,
        detail=f"no answer within {limit_s:g} s",
        hint="check the address and the network",
    )
