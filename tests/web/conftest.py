"""A made-up desk that is well, for every test of the page."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.web.made import MadeDesk, supervised
from tests.web.serving import browser

__all__ = ["browser"]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[MadeDesk]:
    """At 09:31 of a session, everything running, nothing decided yet."""
    with supervised(MadeDesk(tmp_path)) as made:
        made.run()
        yield made
