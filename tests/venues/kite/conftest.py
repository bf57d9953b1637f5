"""What the tests of Kite share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import stamina

from tests.venues.kite.rest_server import RestServer


@pytest.fixture
def rest_server() -> Iterator[RestServer]:
    """A REST server whose clients do not pause before they try again."""
    server = RestServer()
    stamina.set_testing(True, attempts=4)
    yield server
    stamina.set_testing(False)
    server.close()
