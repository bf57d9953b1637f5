"""The words of archiving: its rules, its steps, what came of them, and how a disk's refusal is told."""

from __future__ import annotations

import errno
import hashlib
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

from muhurat.errors import MuhuratError

BundleKind = Literal["daily", "weekly", "monthly"]
What = Literal["compress", "bundle", "remove raw", "delete", "delete bundle"]

_REMOVING: Final = frozenset({"remove raw", "delete", "delete bundle"})
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class ArchiveError(MuhuratError):
    """An hour or a bundle could not be archived, is not whole, or cannot be brought back."""


@dataclass(frozen=True, slots=True)
class Rules:
    """Which journals, and how long they are kept, in days with the present one.

    `journals` is a feed's folder or that of all feeds. Without `kinds` no bundles are made in `bundles`; with
    `archive_days` None no hour is ever deleted, with `log_days` None no log.
    """

    journals: Path
    bundles: Path
    hot_days: int = 1
    archive_days: int | None = None
    log_days: int | None = None
    kinds: tuple[BundleKind, ...] = ()


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that was done to a file, or would be, and what it takes on the disk before and after."""

    what: What
    file: Path
    bytes_before: int = 0
    bytes_after: int = 0
    why: str = ""


@dataclass(slots=True)
class Report:
    """What was done in order, what could not be (name, error), what has to wait (name, why), and what is not sound."""

    steps: list[Step] = field(default_factory=list)
    failed: list[tuple[str, MuhuratError]] = field(default_factory=list)
    waiting: list[tuple[str, str]] = field(default_factory=list)
    unsound: list[str] = field(default_factory=list)

    def removed(self) -> list[Path]:
        """The files that are gone, or would be."""
        return [step.file for step in self.steps if step.what in _REMOVING]

    def told(self) -> dict[str, Any]:
        """For programs: hours compressed, their bytes before and after, what was removed, and each step."""
        packed = [step for step in self.steps if step.what == "compress"]
        removed = [step for step in self.steps if step.what in _REMOVING]
        return {
            "hours": len(packed),
            "bytes_before": sum(step.bytes_before for step in packed),
            "bytes_after": sum(step.bytes_after for step in packed),
            "bundles": sum(step.what == "bundle" for step in self.steps),
            "files_removed": len(removed),
            "bytes_removed": sum(step.bytes_before for step in removed),
            "steps": [asdict(step) for step in self.steps],
            "failed": [{"file": name, "error": str(error), "hint": error.hint} for name, error in self.failed],
            "waiting": [{"file": name, "why": why} for name, why in self.waiting],
            "not_sound": self.unsound,
        }


def disk_refused(error: OSError, path: Path) -> ArchiveError:
    """What an `OSError` met at a file means to an operator."""
    if error.errno in _FULL:
        return ArchiveError(
            f"no room for {path.name} in {path.parent}: {error.strerror}",
            permanent=False,
            hint=f"free space on the disk of {path.parent}, then run it again; nothing half-written was left there",
        )
    return ArchiveError(
        f"{path}: {error.strerror or error}", hint=f"look at the owner, the permissions and the disk of {path.parent}"
    )


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file; raises `OSError`."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
