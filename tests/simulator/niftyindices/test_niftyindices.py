"""niftyindices.com: the live path, the dead one, and silence for who is no browser."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from muhurat.simulator.conductor import Conductor
from muhurat.simulator.niftyindices.simulation import DEAD, LIVE, LOGIN, MAPPING, NiftyIndicesSimulation
from muhurat.simulator.options import SimOptions
from tests.simulator.file_venues import FRIDAY, at, client, conductor_at


@dataclass
class Running:
    simulation: NiftyIndicesSimulation
    conductor: Conductor
    http: httpx.AsyncClient

    async def history(self, name: str, first: str, last: str, quote: str = "'") -> list[dict[str, Any]]:
        asked = {"name": name, "startDate": first, "endDate": last, "indexName": name}
        cinfo = "{" + ",".join(f"{quote}{key}{quote}:{quote}{value}{quote}" for key, value in asked.items()) + "}"
        answer = await self.http.post(LIVE, json={"cinfo": cinfo})
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/html")
        rows: list[dict[str, Any]] = json.loads(answer.content)
        return rows


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Running]:
    conductor = conductor_at(tmp_path, at("12:00"))
    simulation = NiftyIndicesSimulation(SimOptions(FRIDAY), conductor)
    urls = await simulation.start({})
    async with client(urls["niftyindices"]) as http:
        yield Running(simulation, conductor, http)
    await simulation.stop()


@pytest.mark.parametrize("quote", ["'", '"'])
async def test_history_is_newest_first_and_all_text(site: Running, quote: str) -> None:
    rows = await site.history("NIFTY 50", "06-Nov-2026", "20-Nov-2026", quote)

    days = ["19 Nov 2026", "18 Nov 2026", "17 Nov 2026", "16 Nov 2026", "13 Nov 2026", "12 Nov 2026", "11 Nov 2026"]
    assert [row["HistoricalDate"] for row in rows] == [*days, "09 Nov 2026", "08 Nov 2026", "06 Nov 2026"]
    assert set(rows[0]) == {
        "RequestNumber", "Index Name", "INDEX_NAME", "HistoricalDate", "OPEN", "HIGH", "LOW", "CLOSE",
    }  # fmt: skip
    assert rows[0]["INDEX_NAME"] == "Nifty 50"
    assert all(isinstance(value, str) for value in rows[0].values())
    assert float(rows[0]["LOW"]) <= float(rows[0]["CLOSE"]) <= float(rows[0]["HIGH"])


async def test_todays_row_comes_in_the_evening_and_agrees_with_the_archive(site: Running) -> None:
    assert await site.history("NIFTY BANK", "20-Nov-2026", "20-Nov-2026") == []
    await site.conductor.advance_to(at("18:00"))
    (row,) = await site.history("NIFTY BANK", "20-Nov-2026", "20-Nov-2026")

    reference = site.simulation.reference
    assert row["CLOSE"] == f"{reference.index(FRIDAY).close[2]:.2f}"


async def test_what_is_not_known_is_a_dash_or_nothing(site: Running) -> None:
    (bonds,) = await site.history("NIFTY 10 YR BENCHMARK G-SEC", "19-Nov-2026", "19-Nov-2026")

    assert bonds["OPEN"] == bonds["HIGH"] == bonds["LOW"] == "-"
    assert float(bonds["CLOSE"]) > 0
    assert await site.history("NIFTY 51", "19-Nov-2026", "19-Nov-2026") == []
    assert await site.history("NIFTY 50", "19-11-2026", "19-11-2026") == []
    assert (await site.http.post(LIVE, content=b"what?")).json() == []


async def test_the_old_path_leads_to_a_login(site: Running) -> None:
    answer = await site.http.post(DEAD, json={"cinfo": "{}"})
    page = await site.http.get(answer.headers["location"])

    assert answer.status_code == 302
    assert answer.headers["location"].startswith(LOGIN)
    assert page.status_code == 200
    assert page.headers["content-type"].startswith("text/html")


async def test_who_is_no_browser_is_never_answered(site: Running) -> None:
    with pytest.raises(httpx.ReadTimeout):
        await site.http.post(LIVE, json={"cinfo": "{}"}, headers={"User-Agent": "python-httpx"}, timeout=0.3)


async def test_the_mapping_begins_with_a_mark(site: Running) -> None:
    answer = await site.http.get(MAPPING)
    names = {row["Trading_Index_Name"] for row in json.loads(answer.content.decode("utf-8-sig"))}

    assert answer.content.startswith(b"\xef\xbb\xbf")
    assert {"NIFTY 50", "NIFTY BANK", "INDIA VIX"} <= names


async def test_spoiled_on_command(site: Running) -> None:
    found = {}
    for fault in ("empty", "wrong_date", "changed_column"):
        await site.http.post("/_sim/faults", json={"fault": fault, "count": 1})
        found[fault] = await site.history("NIFTY 50", "19-Nov-2026", "19-Nov-2026")

    assert found["empty"] == []
    assert found["wrong_date"][0]["HistoricalDate"] == "18 Nov 2026"
    assert "CLOSE" not in found["changed_column"][0]


async def test_the_overlay_points_a_desk_here(site: Running) -> None:
    assert site.simulation.overlay() == {"venues": {"nse": {"indices": str(site.http.base_url).rstrip("/")}}}
