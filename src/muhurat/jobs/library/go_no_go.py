"""The go / no-go of 09:10: whether the desk may trade today, in one verdict that everybody sees (DESIGN §1).

Asked are the broker's session, the day's jobs that block (masters, bans, SPAN, bhavcopy, backup), the date of the
instrument master, the clock against the venue's, the disk, the public address against the registered one, and the
limits. A single no is a NO-GO, and as this job blocks, the trader then only reduces.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator

import msgspec
from pydantic import Field

from muhurat.errors import MuhuratError
from muhurat.jobs.base import Job, JobError, Options, Outcome, Tools
from muhurat.jobs.desk_work import Check, DeskWork
from muhurat.jobs.process import State
from muhurat.jobs.runs import RunHistory
from muhurat.stores.base import Cache, ReferenceStore
from muhurat.venues.base import Account

KEY = "day:go_no_go"
"""Under this key the verdict of the day lies in the cache, as JSON."""


class GoNoGoOptions(Options):
    most_offset_s: float = Field(default=3.0, gt=0, description="How far the clock may be off the venue's, in seconds.")
    least_free_gb: float = Field(default=5.0, ge=0, description="How much room the data folder must have, in GB.")


def run(options: GoNoGoOptions, tools: Tools) -> Outcome:
    questions: list[tuple[str, Callable[[], tuple[bool | None, str]]]] = [
        ("jobs", lambda: _jobs(tools)),
        ("session", lambda: _session(tools)),
        ("instrument master", lambda: _master(tools)),
        ("clock", lambda: _clock(tools, options.most_offset_s)),
        ("disk", lambda: _disk(tools, options.least_free_gb)),
        ("public address", lambda: _address(tools)),
        ("limits", lambda: _limits(tools)),
    ]
    checks = list(_asked(questions, tools))
    told = {"date": tools.business_date.isoformat(), "checks": checks}
    no = [f"{check.name}: {check.detail}" for check in checks if check.ok is False]
    tools.get(Cache).set(KEY, msgspec.json.encode(told | {"go": not no}))
    if no:
        hint = "mend it, then `muhurat day rerun --from-failed`"
        raise JobError(f"NO-GO: {'; '.join(no)}", permanent=False, hint=hint)
    facts = {check.name: check.detail for check in checks}
    return Outcome(f"GO: {sum(check.ok is True for check in checks)} checks passed", facts=facts)


def _asked(questions: list[tuple[str, Callable[[], tuple[bool | None, str]]]], tools: Tools) -> Iterator[Check]:
    """Every question's answer; one that cannot be asked is a no that says why."""
    for number, (name, ask) in enumerate(questions):
        tools.progress(number, len(questions), f"checking {name}")
        try:
            ok, detail = ask()
        except MuhuratError as error:
            ok, detail = False, str(error)
        yield Check(name, ok, detail)


def _jobs(tools: Tools) -> tuple[bool, str]:
    rows = tools.get(RunHistory).rows(tools.business_date)
    asked = [row for row in rows if row.process.phase == "BOD" and row.process.job != JOB.name]
    if not asked:
        return False, "the day was never opened: `muhurat day run bod`"
    waived = [row for row in asked if row.overridden_by or row.process.on_failure == "warn"]
    wanting = [row for row in asked if row not in waived and row.state not in (State.SUCCESSFUL, State.SKIPPED)]
    if wanting:
        return False, "; ".join(f"{row.process.title} is {row.state}: {row.reason or 'not done'}" for row in wanting)
    return True, f"{len(asked) - len(waived)} that block are done or skipped, {len(waived)} only warn or were waived"


def _session(tools: Tools) -> tuple[bool, str]:
    profile = tools.get(Account).profile()
    return True, f"the broker knows us as {profile.user_id}"


def _master(tools: Tools) -> tuple[bool, str]:
    newest = tools.get(ReferenceStore).read("Instruments", columns=("MasterDate",), limit=1)
    if not newest:
        return False, "there is no instrument master; run upload_instrument_master"
    dated = newest[0]["MasterDate"]
    return dated == tools.business_date, f"of {dated}"


def _clock(tools: Tools, most_s: float) -> tuple[bool, str]:
    offset_s = tools.get(DeskWork).venue_clock_offset_s()
    return abs(offset_s) <= most_s, f"{offset_s:+.1f} s against the venue's"


def _disk(tools: Tools, least_gb: float) -> tuple[bool, str]:
    free_gb = shutil.disk_usage(tools.data_dir).free / 1e9
    return free_gb >= least_gb, f"{free_gb:.1f} GB free"


def _address(tools: Tools) -> tuple[bool | None, str]:
    found = tools.get(DeskWork).public_ip()
    if found is None:
        return None, "the desk file registers none (jobs.public_ip)"
    seen, registered = found
    return seen == registered, f"{seen}" + ("" if seen == registered else f", registered is {registered}")


def _limits(tools: Tools) -> tuple[bool | None, str]:
    told = tools.get(DeskWork).limits()
    return (None, "the desk does not trade") if told is None else (True, told)


JOB = Job(
    name="go_no_go",
    help="Say whether the desk may trade today.",
    options=GoNoGoOptions,
    run=run,
    present=True,
    session="kite",
)
