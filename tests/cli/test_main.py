"""How the command line ends: one clear message, and 0 done, 1 failed, 2 wrong use or desk file."""

from __future__ import annotations

import subprocess
import sys
from types import ModuleType
from typing import Any

import pytest
import typer

from muhurat import __version__
from muhurat.cli import main
from muhurat.cli.registry import VERBS, Verb
from muhurat.errors import ConfigError, ConfigProblem, MissingDriver, MuhuratError, UsageError


def plant(monkeypatch: pytest.MonkeyPatch, **members: Any) -> None:
    """Register a verb `planted` whose module has these members."""
    module = ModuleType("planted_verb")
    module.__dict__.update(members)
    monkeypatch.setitem(sys.modules, "planted_verb", module)
    monkeypatch.setitem(VERBS, "planted", Verb("planted_verb", "Do what the test wants.", "Planted"))


def run(*words: str) -> int:
    try:
        return main(list(words))
    except SystemExit as end:
        return int(end.code or 0)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (MuhuratError("the disk is full", hint="make room"), 1),
        (MissingDriver("questdb", "questdb"), 1),
        (UsageError("no such feed: 'x'", hint="the desk has: a, b"), 2),
        (ConfigError([ConfigProblem("desk.name", "is missing"), ConfigProblem("feeds.a", "is empty")]), 2),
    ],
)
def test_an_error_is_one_message_and_a_hint(
    error: MuhuratError, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def command() -> None:
        raise error

    plant(monkeypatch, command=command)
    assert run("planted") == code
    assert capsys.readouterr() == ("", f"error: {error}\nhint: {error.hint}\n")


def test_an_error_without_a_hint_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def command() -> None:
        raise MuhuratError("lost")

    plant(monkeypatch, command=command)
    assert run("planted") == 1
    assert capsys.readouterr().err == "error: lost\n"


def test_a_mistake_of_our_own_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def command() -> None:
        raise KeyError("a bug")

    plant(monkeypatch, command=command)
    with pytest.raises(KeyError):
        run("planted")


def test_a_verb_takes_options_and_ends_with_its_own_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def command(count: int, loud: bool = False) -> None:
        """Count."""
        typer.echo(f"{count} {loud}")
        raise typer.Exit(1)

    plant(monkeypatch, command=command)
    assert run("planted", "3", "--loud") == 1
    assert capsys.readouterr().out == "3 True\n"
    assert run("planted", "three") == 2


def test_a_verb_with_one_verb_of_its_own_stays_a_group(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    app = typer.Typer()

    @app.command()
    def sql(query: str) -> None:
        """Ask."""
        typer.echo(query)

    plant(monkeypatch, app=app)
    assert run("planted", "sql", "select 1") == 0
    assert capsys.readouterr().out == "select 1\n"
    assert run("planted") == 2
    assert "Do what the test wants." in capsys.readouterr().err


def test_an_unknown_verb_is_wrong_use_and_names_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("jurnal") == 2
    assert "Did you mean 'journal'?" in capsys.readouterr().err


def test_the_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--version") == 0
    assert capsys.readouterr().out == f"muhurat {__version__}\n"


def test_the_package_runs_as_a_module() -> None:
    done = subprocess.run([sys.executable, "-m", "muhurat", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == f"muhurat {__version__}\n"
