"""`python -m benchmarks [WHAT…]`: run them all, or those named, print a table, write results.json, fail below a bar."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from typing import Final

from rich import box
from rich.console import Console
from rich.table import Table

from benchmarks import Result

HERE: Final = Path(__file__).parent
PREFIX: Final = "bench_"


def main(wanted: Iterable[str], *, folder: Path = HERE) -> int:
    """Run the benchmarks; 0 when every bar is cleared, 1 when one is missed, 2 when one named is not there."""
    names = [path.stem.removeprefix(PREFIX) for path in sorted(folder.glob(f"{PREFIX}*.py"))]
    chosen = list(wanted) or names
    if unknown := [name for name in chosen if name not in names]:
        print(f"no benchmark named {', '.join(unknown)}; there are: {', '.join(names)}", file=sys.stderr)
        return 2
    results = {name: run(name) for name in chosen}
    show(results)
    write(results, folder / "results.json")
    return int(any(not result.passed for found in results.values() for result in found))


def run(name: str) -> list[Result]:
    """The results of one benchmark file."""
    print(f"running {name} …", file=sys.stderr, flush=True)
    measure: Callable[[], list[Result]] = import_module(f"benchmarks.{PREFIX}{name}").run
    return measure()


def show(results: dict[str, list[Result]]) -> None:
    """Print the table; a missed bar stands out."""
    table = Table(box=box.SIMPLE_HEAD)
    for heading in ("figure", "ours", "baseline", "ratio", "bar", ""):
        table.add_column(heading, justify="left" if heading in {"figure", ""} else "right")
    for found in results.values():
        for result in found:
            table.add_row(*cells(result), style=None if result.passed else "bold red")
    Console(highlight=False, markup=False, width=None if sys.stdout.isatty() else 140).print(table)


def cells(result: Result) -> tuple[str, ...]:
    """A result as a row of text."""
    bar = f"≤ {number(result.bar)} {result.unit}" if result.at_most else f"≥ {number(result.bar)}×"
    verdict = result.note if result.passed else f"MISSED {result.note}".rstrip()
    ours, baseline = (f"{number(value)} {result.unit}" for value in (result.ours, result.baseline))
    return (result.name, ours, baseline, f"{number(result.ratio)}×", bar, verdict)


def number(value: float) -> str:
    """Three figures, without powers of ten."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def write(results: dict[str, list[Result]], path: Path) -> None:
    """Leave the results for programs."""
    document = {
        name: [asdict(result) | {"passed": result.passed} for result in found] for name, found in results.items()
    }
    path.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
