"""A server of files for the jobs of the exchanges, and tools over a folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import stamina

from tests.jobs.library.tools import DeskTools, tools_in
from tests.venues.answering import WebServer
from tests.venues.file_server import FileServer


@pytest.fixture
def tools(tmp_path: Path) -> Iterator[DeskTools]:
    with tools_in(tmp_path) as made:
        yield made


@pytest.fixture
def server() -> Iterator[FileServer]:
    made = FileServer()
    with stamina.set_testing(True, attempts=2):
        yield made
    made.close()


@pytest.fixture
def web() -> Iterator[WebServer]:
    """A server that answers each path as a test lays down, whose clients do not pause before they try again."""
    made = WebServer()
    with stamina.set_testing(True, attempts=2):
        yield made
    made.close()
