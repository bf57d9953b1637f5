"""What many tests need: real samples when they are at hand, and a desk's folder."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

pytest_plugins = ["tests.servers.plugin", "tests.jobs.faults.plugin", "tests.workers"]

SERVERS_REQUIRED = os.environ.get("MUHURAT_REQUIRE_SERVERS") == "1"


def missing(what: str) -> None:
    """Skip for want of a server or a sample; a failure where CI promises to have them."""
    if SERVERS_REQUIRED:
        pytest.fail(f"{what} is missing, and MUHURAT_REQUIRE_SERVERS=1 promises it")
    pytest.skip(f"{what} is missing")


@pytest.fixture(scope="session")
def samples() -> Path:
    """The folder of real samples, by venue; they carry others' terms and are never part of the project."""
    default = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get("MUHURAT_SAMPLES", default))
    if not folder.is_dir():
        missing(f"the folder of real samples {folder}")
    return folder
