"""What a job can take: the rules that no job of the package shows by itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import Field, SecretStr

from muhurat.jobs.base import Job, Options, Outcome, Tools
from muhurat.jobs.registry_parameters import Places, read_parameter
from muhurat.jobs.registry_paths import PathMap


class MadeOptions(Options):
    verify: bool = True
    files: tuple[Path, ...] = ()
    limit: int = Field(default=1, le=9)
    secret: SecretStr = Field(default=SecretStr("none"), min_length=4)


def run(options: MadeOptions, tools: Tools) -> Outcome:
    return Outcome("")


JOB = Job("made", "A job made for these tests.", MadeOptions, run)


def found(parameter: dict[str, Any], **environment: str) -> dict[str, str]:
    places = Places(Path("/srv/desk"), PathMap({"C:\\in": Path("/in")}), environment)
    read_parameter(parameter, "parameter", places, job=JOB, is_active=True)
    return {problem.path.removeprefix("parameter."): str(problem) for problem in places.problems}


def test_false_cannot_switch_off_what_is_on_by_default() -> None:
    assert "false leaves the option out, and then it is true" in found({"verify": False})["verify"]
    assert found({"verify": "false"}) == {}


def test_one_value_is_a_list_of_one_as_on_the_command_line() -> None:
    assert found({"files": "/a"}) == found({"files": ["/a", "/b"]}) == {}


def test_a_secret_that_does_not_fit_is_never_shown() -> None:
    for shown in (found({"secret": "abc"}), found({"secret": "${env:PIN}"}, PIN="abc")):
        assert "the value behind it does not fit (too_short)" in shown["secret"]
        assert "abc" not in shown["secret"]


def test_a_value_of_the_environment_is_checked_and_not_shown() -> None:
    assert found({"limit": "${env:LIMIT}"}, LIMIT="7") == {}
    shown = found({"limit": "${env:LIMIT}"}, LIMIT="77")["limit"]
    assert "77" not in shown
    assert "less_than_equal" in shown


def test_keys_may_be_spelt_as_on_the_command_line() -> None:
    assert found({"--limit": 1}) == {}
    assert list(found({"--limt": 1})) == ["--limt"]


@pytest.mark.parametrize(
    ("written", "here"), [("C:\\in\\a", "/in/a"), (["c:/IN/b", "/c"], ["/in/b", "/c"]), ("d/e", "d/e")]
)
def test_paths_are_those_of_this_machine(written: Any, here: Any) -> None:
    places = Places(Path("/srv/desk"), PathMap({"C:\\in": Path("/in")}), {})
    assert read_parameter({"files": written}, "parameter", places, job=JOB, is_active=True) == {"files": here}
    assert places.problems == []
