"""The state of every venue and store: told for each, whatever the others do, and never a failure of the day."""

from __future__ import annotations

import json
import socket
import threading
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

from muhurat.app.adapters import adapters
from muhurat.clock import SystemClock
from muhurat.config import load_desk
from muhurat.errors import StoreError
from muhurat.jobs.adapters import KEY, Adapter, Adapters, ask_all
from muhurat.jobs.library import store_adapter_info
from muhurat.stores.base import Cache
from tests.jobs.library.tools import tools_in

if TYPE_CHECKING:
    from tests.servers.mariadb import MariaDb
    from tests.servers.redis import RedisServer


def broken() -> dict[str, str]:
    raise StoreError("the database is locked", hint="wait")


def test_each_is_told_though_one_fails_and_one_hangs(tmp_path: Path) -> None:
    hung = threading.Event()
    some = (
        Adapter("well", "store", "here", lambda: {"version": "1", "detail": "fine"}),
        Adapter("ill", "store", "there", broken),
        Adapter("hung", "venue", "far", lambda: {"gone": hung.wait(30)}),
    )
    with tools_in(tmp_path) as tools:
        tools.put(Adapters, Adapters(some))
        done = store_adapter_info.run(store_adapter_info.StoreAdapterInfoOptions(timeout_s=0.3), tools)
        hung.set()
        kept = tools.get(Cache).get(KEY)
        assert kept is not None
        told = json.loads(kept.value)
    assert (told["well"]["reachable"], told["well"]["facts"]) == (True, {"version": "1"})
    assert (told["ill"]["reachable"], told["ill"]["detail"]) == (False, "the database is locked")
    assert told["hung"]["detail"] == "no answer within 0.3 s"
    assert "1 of 3 answer" in done.note


def test_a_desks_own_are_asked(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, tools_in(tmp_path) as tools:
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        (tmp_path / "desk.yaml").write_text(
            f"desk: {{name: x}}\n"
            f"venues: {{nse: {{www: '{url}', archives: '{url}', indices: '{url}', extranet: '{url}/x'}},"
            " bse: {www: 'http://127.0.0.1:1'}}\n"
            "notify: {email: {smtp: 'smtp://u:secret-word@127.0.0.1:1', to: [a@b.in]}}\n"
        )
        desk = load_desk(tmp_path / "desk.yaml")
        tools.put(Adapters, adapters(desk, tools.clock))
        told = store_adapter_info.run(store_adapter_info.StoreAdapterInfoOptions(), tools).facts
    assert told["nse"]["reachable"]
    assert told["bse"]["detail"] == "Connection refused"
    assert told["reference"]["facts"]["holds"]["BannedInstruments"] == 0
    assert told["cache"]["facts"]["holds"] == {"keys": 0, "series": 0}
    assert told["ticks"]["facts"]["version"].startswith("DuckDB ")
    assert "secret-word" not in json.dumps(told)


@pytest.mark.servers
def test_servers_tell_their_versions(
    tmp_path: Path, mariadb: MariaDb, mariadb_database: str, redis_url: str, redis_server: RedisServer
) -> None:
    (tmp_path / "desk.yaml").write_text(
        f"desk: {{name: x}}\nstores: {{reference: '{mariadb.url(mariadb_database)}', cache: '{redis_url}'}}\n"
    )
    desk = load_desk(tmp_path / "desk.yaml")
    states = {state.name: state for state in ask_all(adapters(desk, SystemClock()).all[:2], SystemClock(), 20)}
    assert "MariaDB" in states["reference"].facts["version"]
    assert states["cache"].facts["version"].startswith("Redis ")
    told = json.dumps([state.told() for state in states.values()])
    assert quote(mariadb.password, safe="") not in told
    assert redis_server.password not in told
