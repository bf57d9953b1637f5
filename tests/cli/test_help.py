"""Every verb explains itself, and quickly: nothing is imported that its help does not need."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys

import pytest

from muhurat.cli.registry import VERBS
from muhurat.cli.root import load

HEAVY = ("pydantic", "numpy", "pyarrow", "duckdb", "pandas", "structlog", "rich", "fastapi", "nicegui", "httpx")

# Runs one help and tells which of our verbs and which heavy libraries that took.
PROBE = """
import contextlib, io, json, sys
from muhurat.cli import main
shown = io.StringIO()
with contextlib.redirect_stdout(shown), contextlib.suppress(SystemExit):
    main([*sys.argv[2:], "--help"])
verbs = [name for name in sys.modules if name.startswith("muhurat.cli.")]
heavy = sorted(set(sys.argv[1].split()) & set(sys.modules))
print(json.dumps({"help": shown.getvalue(), "verbs": verbs, "heavy": heavy}))
"""


def probe(*words: str) -> dict[str, list[str]]:
    done = subprocess.run(
        [sys.executable, "-c", PROBE, " ".join(HEAVY), *words], capture_output=True, text=True, check=True
    )
    answer: dict[str, list[str]] = json.loads(done.stdout)
    return answer


def test_the_root_lists_every_verb_and_loads_none() -> None:
    answer = probe()
    for name, verb in VERBS.items():
        assert f"{name} " in answer["help"]
        assert verb.help in answer["help"]
        assert verb.module not in answer["verbs"]
    assert answer["heavy"] == []


@pytest.mark.parametrize("name", VERBS)
def test_every_verb_explains_itself_without_heavy_imports(name: str) -> None:
    answer = probe(name)
    assert f"Usage: muhurat {name}" in answer["help"]
    assert answer["heavy"] == []
    others = {verb.module for other, verb in VERBS.items() if other != name} - {VERBS[name].module}
    assert others.isdisjoint(answer["verbs"])


@pytest.mark.parametrize("name", VERBS)
def test_every_verb_of_a_verb_explains_itself(name: str) -> None:
    inner = getattr(load(name, VERBS[name]), "commands", {})
    for word, command in inner.items():
        assert command.help, f"muhurat {name} {word} has no docstring"
        answer = probe(name, word)
        assert f"Usage: muhurat {name} {word}" in answer["help"]
        assert answer["heavy"] == []


def test_every_registered_module_exists() -> None:
    assert [name for name, verb in VERBS.items() if importlib.util.find_spec(verb.module) is None] == []


def test_every_help_line_is_a_sentence() -> None:
    assert [name for name, verb in VERBS.items() if not verb.help.endswith(".") or len(verb.help) > 80] == []
