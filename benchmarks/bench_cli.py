"""How soon `--help` answers, for the root and for every verb; the baseline is a Python that does nothing."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

from benchmarks import Result, seconds, within
from muhurat.cli.registry import VERBS
from muhurat.cli.root import load

BAR_S = 0.3


def run() -> list[Result]:
    """The root's help, and the slowest of all verbs'."""
    baseline = time_of("-c", "pass")
    helps = {" ".join(words): time_of("-m", "muhurat", *words, "--help") for words in ([], *every_verb())}
    root = helps.pop("")
    slowest = max(helps, key=helps.__getitem__)
    spread = f"of {len(helps)}, the quickest {min(helps.values()):.2f} s"
    return [
        within("muhurat --help", ours=root, baseline=baseline, bar=BAR_S, unit="s"),
        within(f"muhurat {slowest} --help", ours=helps[slowest], baseline=baseline, bar=BAR_S, unit="s", note=spread),
    ]


def every_verb() -> Iterator[list[str]]:
    """Every verb, and every verb of a verb."""
    for name, verb in VERBS.items():
        yield [name]
        yield from ([name, inner] for inner in getattr(load(name, verb), "commands", {}))


def time_of(*arguments: str) -> float:
    """Median seconds of a Python process."""
    return seconds(lambda: subprocess.run([sys.executable, *arguments], check=True, capture_output=True))
