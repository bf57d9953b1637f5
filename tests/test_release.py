"""What must hold of the repository as a whole before it is handed to anybody."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

import muhurat

ROOT = Path(__file__).parent.parent
REQUIREMENTS = ("requirements.txt", "requirements-extras.txt", "requirements-dev.txt")
PIN = re.compile(
    r"""(?mx) ^ (?P<name> [\w.-]+ ) == (?P<version> \S+ ) (?: [ ] ; [ ] [^\\\n]+ )?
        (?: [ ] \\ \n [ ]+ --hash=sha256:[0-9a-f]{64} )+ \n"""
)

# Spelt in pieces, so that this file does not name what it forbids.
FORBIDDEN_HOSTS = [
    ".".join(name) for name in (("pypi", "org"), ("pythonhosted", "org"), ("npmjs", "org"), ("proxy.golang", "org"))
]
FORBIDDEN_PATHS = [f"/{folder}/" for folder in ("work", "root", "farm")] + [str(ROOT), f"{Path.home()}/"]


def pins(file: str) -> dict[str, set[str]]:
    """Versions by package; a package may have one per Python version."""
    found: dict[str, set[str]] = {}
    for match in PIN.finditer((ROOT / file).read_text()):
        found.setdefault(match["name"], set()).add(match["version"])
    return found


def normal(requirement: str) -> str:
    """The name of a requirement as pins spell it."""
    return re.sub(r"[-_.]+", "-", re.split(r"[\[<>=! ;]", requirement)[0]).lower()


def test_the_changelog_opens_with_the_version() -> None:
    first = re.search(r"(?m)^## \[(.+?)\] - (.+)$", (ROOT / "CHANGELOG.md").read_text())
    assert first is not None
    assert first[1] == muhurat.__version__
    assert re.fullmatch(r"unreleased|\d{4}-\d\d-\d\d", first[2])


@pytest.mark.parametrize("file", REQUIREMENTS)
def test_every_requirement_is_pinned_with_hashes_and_without_addresses(file: str) -> None:
    text = (ROOT / file).read_text()
    assert PIN.sub("", text) == ""
    assert "://" not in text


def test_the_requirement_files_agree() -> None:
    everything = pins("requirements-dev.txt")
    for file in ("requirements.txt", "requirements-extras.txt"):
        assert {name: versions for name, versions in pins(file).items() if everything.get(name) != versions} == {}


def test_the_requirement_files_hold_what_the_project_declares() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    core = {normal(name) for name in project["project"]["dependencies"]}
    extras = {normal(name) for names in project["project"]["optional-dependencies"].values() for name in names}
    tools = {normal(name) for name in project["dependency-groups"]["dev"]}
    assert core - pins("requirements.txt").keys() == set()
    assert (core | extras) - pins("requirements-extras.txt").keys() == set()
    assert (core | extras | tools) - pins("requirements-dev.txt").keys() == set()


@pytest.mark.parametrize("large", ["pandas", "polars", "numba", "dask", "docker", "questdb", "pymysql", "redis"])
def test_the_core_stays_small(large: str) -> None:
    assert large not in pins("requirements.txt")


def test_no_file_names_a_registry_or_a_path_of_one_machine() -> None:
    forbidden = [*FORBIDDEN_HOSTS, *FORBIDDEN_PATHS]
    texts = {name: (ROOT / name).read_text(errors="replace") for name in tracked()}
    assert [f"{name}: {word}" for name, text in texts.items() for word in forbidden if word in text] == []


def test_nothing_that_a_tool_makes_is_tracked() -> None:
    made = re.compile(r"(^|/)(\.venv|__pycache__|[^/]+\.egg-info|\.mypy_cache)/|^uv\.lock$")
    assert [name for name in tracked() if made.search(name)] == []


def tracked() -> list[str]:
    """Files under version control, and those about to be."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("not a git checkout: nothing says which files belong to the project")
    return [name for name in listed.stdout.split("\0") if (ROOT / name).is_file()]
