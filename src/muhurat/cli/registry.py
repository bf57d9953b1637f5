"""Every verb of the command line: where it lives and what it is for, without importing any of it.

A verb is a file `cli/<verb>.py` and a line here. The file has either a function `command` or, for a verb with verbs of
its own, a Typer application `app`. It is imported when its verb runs, not before.
"""

from __future__ import annotations

from typing import Final, NamedTuple


class Verb(NamedTuple):
    """One line of `muhurat --help`."""

    module: str
    help: str
    group: str


_START: Final = "Getting started"
_RUN: Final = "Running the desk"
_DATA: Final = "Recorded data"
_TRADE: Final = "Trading"
_TRY: Final = "Trying and testing"

VERBS: Final[dict[str, Verb]] = {
    "demo": Verb("muhurat.cli.demo", "Run a whole simulated trading day and report on it.", _START),
    "init": Verb("muhurat.cli.init", "Write a desk file to begin with.", _START),
    "check": Verb("muhurat.cli.check", "Explain every problem of a desk file at once.", _START),
    "login": Verb("muhurat.cli.login", "Log in to Kite and keep the day's session.", _RUN),
    "up": Verb("muhurat.cli.up", "Start the desk's services in their windows and watch them.", _RUN),
    "status": Verb("muhurat.cli.status", "Show services, feeds and alerts.", _RUN),
    "start": Verb("muhurat.cli.start", "Start a service.", _RUN),
    "stop": Verb("muhurat.cli.stop", "Stop a service.", _RUN),
    "restart": Verb("muhurat.cli.restart", "Stop a service and start it again.", _RUN),
    "web": Verb("muhurat.cli.web", "Serve the desk's page.", _RUN),
    "day": Verb("muhurat.cli.day", "Plan, run, watch and correct the day's jobs.", _RUN),
    "job": Verb("muhurat.cli.job", "List, run and write the day's jobs.", _RUN),
    "calendar": Verb("muhurat.cli.calendar", "Show the sessions of an exchange, add dated ones.", _RUN),
    "db": Verb("muhurat.cli.db", "Back databases up, restore them, bring their schemas up to date.", _RUN),
    "capture": Verb("muhurat.cli.capture", "Record a feed's bytes, decode them into the tick store.", _DATA),
    "journal": Verb("muhurat.cli.journal", "Inspect, verify, decode and replay recorded journals.", _DATA),
    "ticks": Verb("muhurat.cli.ticks", "Query the tick store.", _DATA),
    "trade": Verb("muhurat.cli.trade", "Trade by rule: on candles, on the live feed, with paper money.", _TRADE),
    "report": Verb("muhurat.cli.report", "Write the report of a day.", _TRADE),
    "sim": Verb("muhurat.cli.sim", "Serve simulated venues on loopback.", _TRY),
}
