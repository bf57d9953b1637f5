"""Registries made by hand, for the tests that read them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from muhurat.errors import ConfigProblem
from muhurat.jobs.process import Registry
from muhurat.jobs.registry import problems, read_registry


def entry(title: str, application_path: str = "", **further: Any) -> dict[str, Any]:
    """One process; without a path of its own a copy job, which writes no database."""
    process: dict[str, Any] = {"title": title, "process_type": "BOD", "order": 10, "application_path": application_path}
    if not application_path:
        process |= {"application_path": "builtin:copy_files_src_dst"}
        process |= {"parameter": {"source": "/in/*", "destination": "/out"}}
    return process | further


def write(folder: Path, *processes: Mapping[str, Any], **top: Any) -> Path:
    path = folder / "process.json"
    path.write_text(json.dumps({**top, "processes": list(processes)}), encoding="utf-8")
    return path


def read(
    source: Path, path_map: Mapping[str, Path] | None = None, environment: Mapping[str, str] | None = None
) -> Registry:
    return read_registry(source, path_map=path_map or {}, environment=environment or {})


def wrong(
    source: Path, path_map: Mapping[str, Path] | None = None, environment: Mapping[str, str] | None = None
) -> dict[str, str]:
    """The problems of a registry by path, each as a person reads it."""
    found: dict[str, str] = {}
    for problem in problems(source, path_map=path_map or {}, environment=environment or {}):
        found[problem.path] = f"{found[problem.path]}; {told(problem)}" if problem.path in found else told(problem)
    return found


def told(problem: ConfigProblem) -> str:
    return str(problem).removeprefix(f"{problem.path}: ")
