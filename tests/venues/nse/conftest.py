"""A server of files, and clients of it that do not wait long."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import stamina

from tests.venues.file_server import FileServer


@pytest.fixture
def server() -> Iterator[FileServer]:
    made = FileServer()
    with stamina.set_testing(True, attempts=2):
        yield made
    made.close()
