"""The house rules of docs and design: a folder imports only the folders listed below it.

The table is the one of the design (§3). Imports inside functions count; so does `import_module("muhurat.…")`.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = "muhurat"
SOURCE = Path(__file__).parent.parent / "src" / PACKAGE

FOUNDATION = ("errors", "clock", "log", "config", "heartbeat")
BASES = (
    "notify.base",
    "venues.base",
    "venues.bse.base",
    "venues.ftp.base",
    "venues.nse.base",
    "venues.nse.extranet_base",
    "stores.base",
)
RECORDING = (*FOUNDATION, "model", "calendars", "venues.base", "stores.base")
TRADING = (*RECORDING, "notify.base", "capture.journal", "optionchain")
JOBS = (*FOUNDATION, "model", "calendars", *BASES, "supervisor", "capture", "optionchain", "trading")

# Every room and what it may import besides itself. A room imports a folder (and all in it) or one module of a folder.
MAY_IMPORT: dict[str, tuple[str, ...]] = {
    "errors": (),
    "clock": ("errors",),
    "log": ("errors", "clock"),
    "config": ("errors",),
    "heartbeat": ("errors", "clock"),
    "model": ("errors",),
    "calendars": (*FOUNDATION, "model"),
    "notify": (*FOUNDATION, "model"),
    "venues": (*FOUNDATION, "model"),
    "stores": (*FOUNDATION, "model"),
    "simulator": (*FOUNDATION, "model", "calendars"),
    "supervisor": (*FOUNDATION, "calendars", "notify.base", "stores.base"),
    "capture": RECORDING,
    "optionchain": RECORDING,
    "trading": TRADING,
    "jobs": JOBS,
    "web": (*JOBS, "jobs"),
}
EVERYTHING = ("app", "cli", "__main__")


def test_every_folder_keeps_to_the_table() -> None:
    assert violations(SOURCE) == []


def violations(source: Path) -> list[str]:
    """Every import that the table forbids, and every room it does not know, as readable lines."""
    found = []
    for path in sorted(source.rglob("*.py")):
        module = module_name(path, source)
        room = module.partition(".")[0]
        if room in EVERYTHING or not module:
            continue
        if room not in MAY_IMPORT:
            found.append(f"{path.relative_to(source)}: the table has no room {room!r}")
            continue
        found += [
            f"{path.relative_to(source)}:{line}: {room} may not import {target or PACKAGE}"
            for line, target in imports(path, source)
            if not allowed(room, target)
        ]
    return found


def allowed(room: str, target: str) -> bool:
    """Whether a room may import a module; the package's own `__init__` (its version) is free to all."""
    if not target:
        return True
    return any(target == name or target.startswith(f"{name}.") for name in (room, *MAY_IMPORT[room]))


def imports(path: Path, source: Path) -> Iterator[tuple[int, str]]:
    """Line and target of every import of our own modules in a file, targets relative to the package."""
    package = path.relative_to(source.parent).parent.parts
    for node in ast.walk(ast.parse(path.read_text(), str(path))):
        for target in _targets(node, package, source):
            head, _, rest = target.partition(".")
            if head == PACKAGE:
                yield node.lineno, rest


def module_name(path: Path, source: Path) -> str:
    """`capture/journal/reader.py` as `capture.journal.reader`; a package is its folder."""
    parts = path.relative_to(source).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _targets(node: ast.AST, package: tuple[str, ...], source: Path) -> Iterator[str]:
    match node:
        case ast.Import(names=names):
            yield from (alias.name for alias in names)
        case ast.ImportFrom(module=module, names=names, level=level):
            anchor = package[: len(package) - level + 1] if level else ()
            base = ".".join((*anchor, *([module] if module else [])))
            yield from (_module_or_member(base, alias.name, source) for alias in names)
        case ast.Call(func=function, args=[ast.Constant(value=str(name)), *_]) if _imports_by_name(function):
            yield name


def _module_or_member(base: str, name: str, source: Path) -> str:
    """`from muhurat.venues import base` imports a module, `from muhurat.venues import VENUES` something inside one."""
    place = source.parent.joinpath(*base.split("."), name)
    return f"{base}.{name}" if place.is_dir() or place.with_suffix(".py").is_file() else base


def _imports_by_name(function: ast.expr) -> bool:
    called = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    return called in {"import_module", "__import__"}


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """A small tree that keeps every rule."""
    source = tmp_path / PACKAGE
    for name in (
        "venues/base.py",
        "venues/kite/stream.py",
        "capture/journal/reader.py",
        "simulator/market.py",
        "app.py",
    ):
        write(source / name, "")
    write(source / "capture/recorder.py", "from muhurat.venues import base\nimport muhurat.capture.journal\n")
    write(source / "trading/engine.py", "from muhurat.capture.journal import reader\nfrom muhurat import __version__\n")
    write(source / "cli/sim.py", "from muhurat.simulator import market\n")
    return source


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_a_lawful_tree_passes(house: Path) -> None:
    assert violations(house) == []


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("capture/recorder.py", "from muhurat.venues.kite.stream import Stream"),
        ("capture/recorder.py", "from muhurat.venues.kite import stream"),
        ("capture/recorder.py", "from muhurat.venues import kite"),
        ("capture/recorder.py", "import muhurat.venues.kite.stream as s"),
        ("capture/recorder.py", "from ..venues.kite import stream"),
        ("capture/recorder.py", "def late():\n    from muhurat.venues.kite import stream"),
        ("capture/recorder.py", "import importlib\nimportlib.import_module('muhurat.venues.kite.stream')"),
        ("trading/engine.py", "from muhurat.capture import recorder"),
        ("trading/engine.py", "from muhurat.capture.recorder import Recorder"),
        ("trading/engine.py", "from muhurat.venues import VENUES"),
        ("simulator/market.py", "from muhurat.venues import base"),
        ("web/server.py", "from muhurat.simulator import market"),
        ("web/server.py", "from muhurat.stores.sql import engine"),
        ("supervisor/health.py", "from muhurat.capture.journal import reader"),
        ("supervisor/health.py", "from muhurat.notify.telegram import Telegram"),
        ("model/tick.py", "from muhurat.clock import Clock"),
        ("jobs/runner.py", "from muhurat.app import build"),
        ("venues/kite/stream.py", "from muhurat.cli import main"),
        ("stores/sql.py", "from muhurat.venues.base import Stream"),
    ],
)
def test_a_planted_violation_is_caught(house: Path, file: str, text: str) -> None:
    write(house / "capture/recorder.py", "")
    write(house / file, text)
    found = violations(house)
    assert len(found) == 1, found
    assert found[0].startswith(file)


def test_an_unknown_room_is_caught(house: Path) -> None:
    write(house / "utils/strings.py", "")
    write(house / "helpers.py", "")
    assert violations(house) == [
        "helpers.py: the table has no room 'helpers'",
        "utils/strings.py: the table has no room 'utils'",
    ]


def test_nothing_is_forbidden_to_the_composition_root(house: Path) -> None:
    write(house / "app.py", "from muhurat.simulator import market\nfrom muhurat.venues.kite import stream")
    assert violations(house) == []
