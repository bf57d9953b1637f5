"""How tests are dealt out to several workers (`pytest -n 4`): a file stays on one, for the sake of its fixtures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pytest

if TYPE_CHECKING:
    from xdist.scheduler import LoadScopeScheduling

FIRST: Final = ("tests/day/", "tests/jobs/faults/")
"""What the workers begin with, the longest of all."""

TOGETHER: Final = {
    "tests/day/test_candle_day.py": "whole days",
    "tests/day/test_short_day.py": "whole days",
    "tests/contract/test_reference_store.py": "databases",
    "tests/jobs/backup/test_mysql_backup.py": "databases",
    "tests/jobs/faults/": "databases",
    "tests/jobs/monitor/test_process_monitor.py": "databases",
    "tests/servers/": "databases",
    "tests/stores/sql/test_migrations.py": "databases",
    "tests/web/dashboard/test_jobs_in_browser.py": "pages",
    "tests/web/dashboard/test_timeline.py": "pages",
    "tests/web/test_server.py": "pages",
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
        items.sort(key=lambda item: not item.nodeid.startswith(FIRST))
