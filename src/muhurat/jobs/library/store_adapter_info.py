"""Ask every venue, store and mail server of the desk how it is, and put the answers into the cache (MISSION B16).

They are under `adapter:info`: reachable or not, how long the answer took, version, what it holds. What does not answer
is part of the result and never fails the day.
"""

from __future__ import annotations

import json

from pydantic import Field

from muhurat.jobs.adapters import KEY, Adapters, State, ask_all
from muhurat.jobs.base import Job, Options, Outcome, Tools
from muhurat.stores.base import Cache

_COUNTS_S = 86_400.0


class StoreAdapterInfoOptions(Options):
    timeout_s: float = Field(default=10, gt=0, description="How long to wait for the slowest, in seconds.")


def run(options: StoreAdapterInfoOptions, tools: Tools) -> Outcome:
    adapters = tools.get(Adapters).all
    tools.progress(0, len(adapters), "asking " + ", ".join(adapter.name for adapter in adapters))
    states = ask_all(adapters, tools.clock, options.timeout_s)
    told = {state.name: state.told() for state in states}
    tools.get(Cache).set(KEY, json.dumps(told, default=str).encode(), ttl_s=_COUNTS_S)
    return Outcome(_note(states), facts=told)


def _note(states: list[State]) -> str:
    wrong = [f"{state.name} ({state.detail})" for state in states if not state.reachable]
    reached = f"{len(states) - len(wrong)} of {len(states)} answer"
    return reached + (f"; not: {', '.join(wrong)}" if wrong else "")


JOB = Job(
    name="store_adapter_info",
    help="Show how every venue, store and mail server is.",
    options=StoreAdapterInfoOptions,
    run=run,
    present=True,
    on_failure="warn",
)
