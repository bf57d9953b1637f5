"""A whole rehearsed day, run once per session of tests and looked at by many."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MUHURAT_SESSION = "2025-10-21"
"""One hour of trading, 13:45 to 14:45: the shortest whole day there is."""


@dataclass(frozen=True)
class Day:
    """A finished demo: its folder, its report, what it printed."""

    folder: Path
    report: dict[str, Any]
    code: int
    output: str


def muhurat(*arguments: str, timeout: float = 240) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "muhurat", *arguments], capture_output=True, text=True, timeout=timeout, check=False
    )


def run_demo(folder: Path, *arguments: str) -> Day:
    told = folder.with_suffix(".json")
    done = muhurat("demo", "--dir", str(folder), "--json", str(told), *arguments)
    report = json.loads(told.read_text()) if told.exists() else {}
    return Day(folder, report, done.returncode, done.stdout + done.stderr)
