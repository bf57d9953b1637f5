"""The colours of page and report: one set of names for light and dark, each with one meaning everywhere.

Green is up or well, red down or failed, amber waiting, stale or late, blue running or selected, grey not today,
violet the end of the day.
"""

from __future__ import annotations

from typing import Final

from muhurat.jobs.process import State

GREEN, RED, AMBER, BLUE, GREY = "var(--good)", "var(--bad)", "var(--wait)", "var(--run)", "var(--none)"
VIOLET = "var(--eod)"
SHORT_EMA, LONG_EMA = "var(--run)", "var(--wait)"

LIGHT: Final = (
    "--surface:#f7f7f5; --raised:#ffffff; --line:#e2e3e0; --text:#1d2126; --quiet:#626a75;"
    " --good:#1f7d4b; --bad:#c23636; --wait:#94660a; --run:#2b68c0; --none:#858c96; --eod:#7a4fb5;"
)
DARK: Final = (
    "--surface:#14171b; --raised:#1a1e23; --line:#2a3037; --text:#e4e6e9; --quiet:#959da7;"
    " --good:#43b581; --bad:#ec6a6a; --wait:#d9a441; --run:#64a0ee; --none:#737b86; --eod:#b08be6;"
)

JOB_COLOURS: Final = {
    State.PENDING: GREY,
    State.RUNNING: BLUE,
    State.SUCCESSFUL: GREEN,
    State.FAILED: RED,
    State.LOST: RED,
    State.LATE: AMBER,
    State.SKIPPED: GREY,
}
"""What a job's state looks like."""

STATE_COLOURS: Final = {
    "running": GREEN,
    "starting": BLUE,
    "stopping": AMBER,
    "backoff": AMBER,
    "waiting": GREY,
    "finished": GREY,
    "stopped": AMBER,
    "fatal": RED,
    "gone": RED,
    "unsupervised": AMBER,
}
"""What a service's state looks like; a state that is not here is grey."""
