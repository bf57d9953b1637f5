"""How tests are dealt out to several workers (`pytest -n 4`): a file stays on one, for the sake of its fixtures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pytest

if TYPE_CHECKING:
    from xdist.scheduler import LoadScopeScheduling

LONGEST: Final = "tests/day/"
"""What the workers begin with."""

TOGETHER: Final = {
    "tests/day/test_candle_day.py": "whole days",
    "tests/day/test_short_day.py": "whole days",
    "tests/jobs/faults/": "job faults",
    "tests/stores/questdb/": "QuestDB",
    "tests/contract/test_tick_store.py": "QuestDB",
}
"""What shares something that takes long to start, or would starve one another, by the name of its group."""


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    from xdist.scheduler import LoadScopeScheduling

    class ByFile(LoadScopeScheduling):  # type: ignore[misc, unused-ignore]
        def _split_scope(self, nodeid: str) -> str:
            file = nodeid.partition("::")[0]
            return next((group for start, group in TOGETHER.items() if file.startswith(start)), file)

    config.option.loadscopereorder = False
    return ByFile(config, log)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: not item.nodeid.startswith(LONGEST))
