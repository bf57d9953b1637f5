"""The jobs page (MISSION B3): search, the buttons that run a half of the day, and a card for every job."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from typing import Final

from nicegui import ui

from muhurat.errors import MuhuratError
from muhurat.jobs.operator import Operator
from muhurat.jobs.process import Row
from muhurat.web.dashboard.job_cards import CARDS_CSS, card, details
from muhurat.web.dashboard.parts import Part
from muhurat.web.dashboard.theme import CSS
from muhurat.web.jobs_desk import JobsDesk, log_tail
from muhurat.web.palette import JOB_COLOURS
from muhurat.web.snapshot import Snapshot

_REFRESH_S: Final = 1.0
_LOG_BYTES: Final = 6_000
_WHO: Final = "page"

Deed = Callable[[Operator, str], object]


class JobsPage:
    """One browser's page. Every change asks for a reason, and is kept with it."""

    def __init__(self, jobs: JobsDesk, look: Callable[[], Snapshot], header: Callable[[Snapshot], str]) -> None:
        self._jobs = jobs
        self._look = look
        self._head = Part(header)
        self._problem = Part(lambda shot: _notice(jobs.problem()))
        self._cards: dict[str, _Card] = {}
        self._wanted = ""
        self._area: ui.element

    def build(self) -> None:
        ui.add_css(CSS + CARDS_CSS)
        ui.dark_mode(None)
        with ui.element("header").classes("head"):
            self._head.place()
            self._problem.place()
        with ui.element("div").classes("tools"):
            search = ui.input(placeholder="search jobs").props("dense outlined clearable").style("min-width:220px")
            search.on_value_change(lambda event: self._search(event.value or ""))
            for phase in ("BOD", "EOD"):
                run = ui.button(f"▷ {phase}", on_click=lambda _, phase=phase: self._run(phase))
                run.props("outline no-caps dense").classes("deed")
            again = ui.button("rerun what failed", on_click=self._rerun_failed)
            again.props("flat no-caps dense").classes("deed")
        self._area = ui.element("div").classes("cards")
        self.refresh()
        ui.timer(_REFRESH_S, self.refresh, immediate=False)

    def refresh(self) -> None:
        """Look at the desk and send what differs."""
        shot = self._look()
        self._head.show(shot)
        self._problem.show(shot)
        words = self._jobs.working()
        names = [row.process.name for row in shot.jobs]
        if names != list(self._cards):
            self._area.clear()
            with self._area:
                self._cards = {row.process.name: _Card(row, self) for row in shot.jobs}
        for row in shot.jobs:
            self._cards[row.process.name].show(row, shot.now_ns, words.get(row.process.name))
        self._search(self._wanted)

    def ask(self, title: str, deed: Deed, *, told: str = "") -> None:
        """A dialog that says what will happen and wants a reason; then the deed is done."""
        with ui.dialog() as dialog, ui.element("div").classes("ask"):
            ui.html(f"<b>{escape(title)}</b><div class='quiet'>{escape(told)}</div>", sanitize=False)
            why = ui.input("why").props("dense autofocus").classes("w-full")

            def do() -> None:
                try:
                    deed(self._jobs.operator(_WHO), str(why.value or ""))
                except MuhuratError as error:
                    ui.notify(f"{error} · {error.hint}" if error.hint else str(error), type="negative")
                    return
                dialog.close()
                self.refresh()

            with ui.row():
                ui.button(title, on_click=do).props("no-caps dense outline")
                ui.button("leave it", on_click=dialog.close).props("no-caps dense flat")
        dialog.open()

    def today(self) -> Snapshot:
        return self._look()

    def _search(self, wanted: str) -> None:
        self._wanted = wanted.lower()
        for name, each in self._cards.items():
            each.element.set_visibility(self._wanted in f"{name} {each.title}".lower())

    def _run(self, phase: str) -> None:
        names = [name for name, each in self._cards.items() if each.row.process.phase == phase and each.included.value]
        runner = self._jobs.runner(self._look().day)
        told = f"{len(names)} of {phase}'s jobs; those that are done stay done." + (
            "" if runner else " Nobody runs jobs at present: they begin with `muhurat up`."
        )
        self.ask(f"Run {phase}", lambda operator, why: operator.run(self._look().day, names, why), told=told)

    def _rerun_failed(self) -> None:
        told = "What failed or was lost, and what depends on it, runs again."
        self.ask(
            "Rerun what failed", lambda operator, why: operator.rerun_from_failed(self._look().day, why), told=told
        )


class _Card:
    """One job's card: what does not change is built once, the rest is sent when it differs."""

    def __init__(self, row: Row, page: JobsPage) -> None:
        self.row = row
        self.title = row.process.title
        self._page = page
        self._colour = ""
        self._told = ""
        with ui.element("div").classes("card") as self.element:
            self._face = ui.html("", sanitize=False).style("width:100%")
            with ui.element("div").classes("deeds"):
                self.included = ui.checkbox(value=row.process.is_active).props("dense size=sm")
                self.included.tooltip("goes along when its half of the day is run")
                for word, act in (("rerun", self._rerun), ("settings", self._settings)):
                    ui.button(word, on_click=act).props("flat no-caps dense").classes("deed")
            self._drawer = ui.expansion("log").props("dense").classes("w-full")
            with self._drawer:
                self._log = ui.html("", sanitize=False).style("width:100%")

    def show(self, row: Row, now_ns: int, word: object) -> None:
        self.row = row
        told = card(row, now_ns, word if isinstance(word, dict) else None)
        if told != self._told:
            self._told = told
            self._face.set_content(told)
        colour = JOB_COLOURS[row.state]
        if colour != self._colour:
            self._colour = colour
            self.element.style(f"--card:{colour}")
        if self._drawer.value:
            text = log_tail(row.attempts[-1], _LOG_BYTES) if row.attempts else ""
            self._log.set_content(f'<pre class="log">{escape(text) or "nothing yet"}</pre>')

    def _rerun(self) -> None:
        name, day = self.row.process.name, self.row.business_date
        done = bool(self.row.attempts)
        title = f"{'Rerun' if done else 'Run'} {self.title}"

        def deed(operator: Operator, why: str) -> None:
            (operator.rerun if done else operator.run)(day, [name], why)

        self._page.ask(title, deed)

    def _settings(self) -> None:
        name, day = self.row.process.name, self.row.business_date
        deeds: dict[str, tuple[str, Deed]] = {
            "hold": ("It does not start until it is released.", lambda op, why: op.hold(day, name, why)),
            "release": ("It may start.", lambda op, why: op.release(day, name, why)),
            "skip": ("It is left out today, and what depends on it goes on.", lambda op, why: op.skip(day, name, why)),
            "override": (
                "What it blocks is free, and so is the trader, as if it had been done.",
                lambda op, why: op.override(day, name, why),
            ),
        }
        with ui.dialog() as dialog, ui.element("div").classes("ask"):
            ui.html(f"<b>{escape(self.title)}</b>{details(self.row)}", sanitize=False)
            with ui.row():
                for word, (told, deed) in deeds.items():
                    ask = self._asker(dialog, f"{word.capitalize()} {self.title}", told, deed)
                    ui.button(word, on_click=ask).props("no-caps dense flat")
                ui.button("close", on_click=dialog.close).props("no-caps dense flat")
        dialog.open()

    def _asker(self, dialog: ui.dialog, title: str, told: str, deed: Deed) -> Callable[[], None]:
        def ask() -> None:
            dialog.close()
            self._page.ask(title, deed, told=told)

        return ask


def _notice(problem: str) -> str:
    return f'<div class="notice down"><b>{escape(problem)}</b></div>' if problem else ""
