"""One fact of the day's jobs: what was told of a job on a business date, by whom and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any


@dataclass(frozen=True, slots=True)
class RunEvent:
    """An entry of the run log; never changed and never deleted, so that every row can be made from the entries again.

    `at_ns` is desk time, UTC nanoseconds. `name` is the job's name, empty for what concerns the whole day; `run_id`
    names an attempt where one is meant. `who` told it (`runner`, `checker`, or an operator) and `why`. `facts` hold
    what belongs to the kind, as plain JSON. `seq` is its number in the log, 0 before it is kept.
    """

    at_ns: int
    business_date: date
    name: str
    kind: str
    run_id: str = ""
    who: str = ""
    why: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)
    seq: int = 0
