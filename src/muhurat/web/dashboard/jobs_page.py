"""The jobs page (MISSION B3): search, the buttons that run a half of the day, and a card for every job."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from functools import partial
from html import escape
from typing import Any, Final

from nicegui import ui

from muhurat.errors import MuhuratError
from muhurat.jobs.base import PHASES, Phase
from muhurat.jobs.operator import Operator
from muhurat.jobs.process import Row, State
from muhurat.web.dashboard import header
from muhurat.web.dashboard.job_cards import CARDS_CSS, card, deeds, details, halves, matches, titles, what_runs
from muhurat.web.dashboard.parts import Part, Watch
from muhurat.web.dashboard.theme import CSS
from muhurat.web.jobs_desk import DEEDS, JobsDesk, last_line, log_tail
from muhurat.web.palette import JOB_COLOURS
from muhurat.web.snapshot import Place, Snapshot

_REFRESH_S: Final = 1.0
_LOG_BYTES: Final = 6_000
_WHO: Final = "page"
_READ_ONLY: Final = "To be looked at only: changes are taken from the desk's own machine."


class JobsPage:
    """One browser's page. Every change asks for a reason, and is kept with it and with who asked.

    Without `may_change` there is nothing on it that changes anything.
    """

    def __init__(self, jobs: JobsDesk, look: Callable[[], Snapshot], place: Place, *, may_change: bool) -> None:
        self.may_change = may_change
        self._jobs = jobs
        self._watch = Watch(look, self._show, header.broken)
        self._head = Part(lambda shot: header.header(place, shot))
        self._cards: dict[str, _Card] = {}
        self._wanted = ""
        self._who = ""
        self._area: ui.element
        self._none: ui.html
        self._far: ui.html

    def build(self) -> None:
        ui.add_css(CSS + CARDS_CSS)
        ui.dark_mode(None)
        with ui.element("header").classes("head"):
            self._head.place()
            self._watch.place()
        with ui.element("div").classes("tools"):
            search = ui.input(placeholder="search: title, state, BOD").props("dense outlined clearable")
            search.on_value_change(lambda event: self._search(event.value or ""))
            if self.may_change:
                for phase in PHASES:
                    _button(f"▷ {phase}", partial(self._run, phase), "outline").classes(phase.lower())
                _button("rerun what failed", self._rerun_failed)
            else:
                ui.html(_READ_ONLY, sanitize=False).classes("told")
            self._far = ui.html("", sanitize=False).classes("far")
        self._area = ui.element("div").classes("cards")
        self._none = ui.html("", sanitize=False).style("padding:0 16px")
        self._watch.refresh()
        ui.timer(_REFRESH_S, self._watch.refresh, immediate=False)

    def settings(self, row: Row) -> None:
        """A dialog with all that is known of a job at this instant, and what can be done to it."""
        row = next((one for one in self._jobs.rows(row.business_date) if one.process == row.process), row)
        with self._area, _dialog() as dialog, ui.element("div").classes("ask"):
            events = self._jobs.history.events(row.business_date)
            ui.html(f"<h3>{escape(row.process.title)}</h3>{details(row, events)}", sanitize=False)
            with ui.element("div").classes("deeds"):
                for verb, told in deeds(row).items() if self.may_change else ():
                    _button(verb, partial(self.ask_of, row, verb, told, dialog), "outline")
                _button("close", dialog.close)
        dialog.on("hide", dialog.delete)
        dialog.open()

    def ask_of(self, row: Row, verb: str, told: str, before: ui.dialog | None = None) -> None:
        """Ask before something is done to one job; `before` is the dialog that led here."""
        if before is not None:
            before.close()
        deed, day, name = DEEDS[verb], row.business_date, row.process.name
        self._ask(
            f"{verb.capitalize()} {row.process.title}", told, lambda operator, why: deed(operator, day, name, why)
        )

    def _ask(self, title: str, told: str, deed: Callable[[Operator, str], object]) -> None:
        """A dialog that says what will happen and wants a reason; then the deed is done."""
        with self._area, _dialog() as dialog, ui.element("div").classes("ask"):
            ui.html(f"<h3>{escape(title)}</h3><p>{escape(told)}</p>", sanitize=False)
            why = ui.input("why").props("dense outlined autofocus").classes("w-full")
            who = ui.input("your name", value=self._who).props("dense outlined").classes("w-full who")
            wrong = ui.html("", sanitize=False).classes("bad")

            def do() -> None:
                self._who = str(who.value or "").strip()[:80]
                operator = self._jobs.operator(f"{self._who} ({_WHO})" if self._who else _WHO)
                try:
                    deed(operator, str(why.value or "")[:1000])
                except MuhuratError as error:
                    wrong.set_content(f"{escape(str(error))}. {escape(error.hint)}")
                    return
                dialog.close()
                self._watch.refresh()

            why.on("keydown.enter", do)
            with ui.element("div").classes("deeds"):
                _button(title, do, "outline")
                _button("leave it", dialog.close)
        dialog.on("hide", dialog.delete)
        dialog.open()

    def _show(self, shot: Snapshot) -> None:
        self._head.show(shot)
        words = self._jobs.working()
        names = [row.process.name for row in shot.jobs]
        if names != list(self._cards):
            self._area.clear()
            with self._area:
                self._cards = {row.process.name: _Card(row, self) for row in shot.jobs}
        for row in shot.jobs:
            self._cards[row.process.name].show(row, shot.now_ns, words.get(row.process.name))
        far = halves(shot.jobs)
        if far != self._far.content:
            self._far.set_content(far)
        self._search(self._wanted)

    def _search(self, wanted: str) -> None:
        self._wanted = wanted
        found = 0
        for each in self._cards.values():
            each.element.set_visibility(matches(each.row, wanted))
            found += each.element.visible
        told = "No jobs today." if not self._cards else "" if found else f"No job is found by “{escape(wanted)}”."
        told = f'<div class="empty">{told}</div>' if told else ""
        if told != self._none.content:
            self._none.set_content(told)

    def _run(self, phase: Phase) -> None:
        cards = [each for each in self._cards.values() if each.row.process.phase == phase]
        rows = [each.row for each in cards]
        chosen = [each.row for each in cards if each.included is not None and each.included.value]
        told = what_runs(phase, rows, chosen)
        for day in {row.business_date for row in rows}:
            if not self._jobs.runner(day):
                told += "\nNobody runs jobs at present: they begin with `muhurat up`."
            self._ask(f"Run {phase}", told, partial(_run_chosen, day, chosen))

    def _rerun_failed(self) -> None:
        rows = [each.row for each in self._cards.values()]
        bad = [row for row in rows if row.state in (State.FAILED, State.LOST)]
        told = f"What failed or was lost runs again, and what depends on it: {titles(bad) or 'nothing did'}."
        for day in {row.business_date for row in rows}:
            self._ask("Rerun what failed", told, partial(_rerun_all_failed, day))


class _Card:
    """One job's card: what does not change is built once, the rest is sent when it differs."""

    def __init__(self, row: Row, page: JobsPage) -> None:
        self.row = row
        self.included: ui.checkbox | None = None
        self._page = page
        self._now_ns = 0
        self._word: Mapping[str, Any] | None = None
        self._again: ui.button | None = None
        self._sent: dict[str, str] = {}
        with ui.element("div").classes("card") as self.element:
            self._face = ui.html("", sanitize=False).style("width:100%")
            with ui.element("div").classes("deeds"):
                if page.may_change:
                    self.included = ui.checkbox(value=row.state is not State.SKIPPED).props("dense size=xs")
                    self.included.tooltip(f"goes along when {row.process.phase} is run")
                    self._again = _button("run", self._run)
                _button("settings", lambda: page.settings(self.row))
                _button("log", self._turn_log)
            self._log = ui.html("", sanitize=False).style("width:100%")
            self._log.set_visibility(False)

    def show(self, row: Row, now_ns: int, word: Mapping[str, Any] | None) -> None:
        if row.state is State.SKIPPED and self.row.state is not State.SKIPPED and self.included is not None:
            self.included.value = False
        self.row, self._now_ns, self._word = row, now_ns, word
        last = row.attempts[-1] if row.attempts else None
        line = last_line(last) if last is not None and row.state is State.RUNNING else ""
        if self._is_new("face", told := card(row, now_ns, word, line)):
            self._face.set_content(told)
        if self._is_new("colour", colour := JOB_COLOURS[row.state]):
            self.element.style(f"--card:{colour}")
        if self._again is not None:
            self._again.set_text("rerun" if row.attempts else "run")
            self._again.set_visibility(row.state is not State.RUNNING)
        if self._log.visible:
            text = log_tail(last, _LOG_BYTES) if last is not None else "It has not run today."
            if self._is_new("log", told := f'<div class="log"><pre>{escape(text) or "nothing yet"}</pre></div>'):
                self._log.set_content(told)

    def _is_new(self, what: str, told: str) -> bool:
        """Whether it differs from what was sent last."""
        before = self._sent.get(what)
        self._sent[what] = told
        return before != told

    def _turn_log(self) -> None:
        self._log.set_visibility(not self._log.visible)
        self.show(self.row, self._now_ns, self._word)

    def _run(self) -> None:
        if self.row.attempts or self.row.state is State.SKIPPED:
            told = "It runs once more, now; earlier attempts are kept. What depends on it stays as it is."
            self._page.ask_of(self.row, "rerun", told)
        else:
            told = "It may start now, before its time, as soon as what it waits for is done."
            self._page.ask_of(self.row, "run", told)


def _button(text: str, act: Callable[[], object], look: str = "flat") -> ui.button:
    return ui.button(text, on_click=act, color=None).props(f"{look} no-caps dense").classes("deed")


def _dialog() -> ui.dialog:
    return ui.dialog().props("transition-duration=0")


def _run_chosen(day: date, chosen: Sequence[Row], operator: Operator, why: str) -> None:
    """What is skipped today and was chosen all the same is wanted for its own sake."""
    operator.run(day, [row.process.name for row in chosen if row.state is not State.SKIPPED], why)
    operator.rerun(day, [row.process.name for row in chosen if row.state is State.SKIPPED], why)


def _rerun_all_failed(day: date, operator: Operator, why: str) -> None:
    operator.rerun_from_failed(day, why)
