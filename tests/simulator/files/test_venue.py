"""The framework of simulated file venues, over real HTTP, with a venue of three small files."""

from __future__ import annotations

import asyncio
import gzip
import io
import re
import threading
import time
import zipfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from muhurat.simulator.conductor import Conductor
from muhurat.simulator.files import Asked, Content, FileVenue, Published, Shelf, gzipped, packed
from muhurat.simulator.options import SimOptions
from tests.simulator.file_venues import FRIDAY, at, client, conductor_at

TEXT = b"Day,Close\n2026-11-20,1\n2026-11-20,2\n"
OTHER = TEXT.replace(b"11-20", b"11-19")
HOST = "files.example"


def text(asked: Asked) -> Content:
    return Content(OTHER if asked.wrong_date else TEXT, "text/csv", compressible=asked.path.endswith(".txt"))


def published() -> list[Published]:
    column = (b"Close", b"Last")
    return [
        Published(re.compile(r"/a/.*\.(csv|txt)"), text, column=column),
        Published(
            re.compile(r"/b/day\.zip"), lambda asked: Content(packed("day.csv", text(asked).body), "application/zip"),
            column=column,
        ),
        Published(
            re.compile(r"/b/day\.gz"), lambda asked: Content(gzipped(text(asked).body), "application/gzip"),
            column=column,
        ),
        Published(re.compile(r"/never"), lambda _: None),
    ]  # fmt: skip


@dataclass
class Served:
    venue: FileVenue
    conductor: Conductor
    http: httpx.AsyncClient

    async def fault(self, fault: str, **more: object) -> None:
        answer = await self.http.post("/_sim/faults", json={"fault": fault, **more})
        assert answer.status_code == 200, answer.text


async def serving(folder: Path, options: SimOptions) -> AsyncIterator[Served]:
    conductor = conductor_at(folder, at("10:00"))
    venue = FileVenue(HOST, options, conductor, published())
    async with client(await venue.start(0)) as http:
        yield Served(venue, conductor, http)
    await venue.stop()


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Served]:
    async for each in serving(tmp_path, SimOptions(FRIDAY)):
        yield each


async def test_a_published_file_is_served_and_another_is_missing(served: Served) -> None:
    found, absent, later = [await served.http.get(path) for path in ("/a/day.csv", "/nothing", "/never")]

    assert (found.status_code, found.content) == (200, TEXT)
    assert found.headers["content-type"].startswith("text/csv")
    assert absent.status_code == later.status_code == 404


async def test_a_compressible_file_is_gzipped_for_who_accepts_it(served: Served) -> None:
    packed_answer = await served.http.get("/a/day.txt")
    plain = await served.http.get("/a/day.txt", headers={"Accept-Encoding": "identity"})

    assert packed_answer.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    assert packed_answer.content == plain.content == TEXT


async def test_a_refusal_is_a_page_until_it_is_cleared(served: Served) -> None:
    refusals = {"missing": 404, "forbidden": 403, "unavailable": 503, "throttled": 429, "html": 200}
    for fault, status in refusals.items():
        await served.fault(fault, path="/a")
        refused, spared = await served.http.get("/a/day.csv"), await served.http.get("/b/day.zip")
        again = await served.http.get("/a/day.csv")
        await served.http.delete("/_sim/faults")

        assert refused.status_code == again.status_code == status
        assert refused.headers["content-type"].startswith("text/html")
        assert spared.content[:2] == b"PK"
        assert (await served.http.get("/a/day.csv")).content == TEXT


async def test_throttled_says_when_to_come_back(served: Served) -> None:
    await served.fault("throttled", count=1)

    assert int((await served.http.get("/a/day.csv")).headers["retry-after"]) > 0
    assert (await served.http.get("/a/day.csv")).status_code == 200


async def test_truncated_has_the_headers_of_a_good_file(served: Served) -> None:
    whole = await served.http.get("/b/day.zip")
    await served.fault("truncated")
    half = await served.http.get("/b/day.zip")

    assert half.status_code == 200
    assert half.headers["content-type"] == "application/zip"
    assert half.content == whole.content[: len(whole.content) // 2]
    assert not zipfile.is_zipfile(io.BytesIO(half.content))


def inside(answer: httpx.Response) -> bytes:
    if answer.content.startswith(b"PK"):
        with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
            return archive.read(archive.namelist()[0])
    return gzip.decompress(answer.content) if answer.content.startswith(b"\x1f\x8b") else answer.content


async def test_content_is_spoiled_in_every_wrapping(served: Served) -> None:
    spoiled = {
        "wrong_date": OTHER,
        "changed_column": TEXT.replace(b"Close", b"Last"),
        "empty": b"Day,Close\n",
    }
    for path in ("/a/day.csv", "/b/day.zip", "/b/day.gz"):
        for fault, content in spoiled.items():
            await served.fault(fault, path=path, count=1)

            assert inside(await served.http.get(path)) == content, (path, fault)


async def test_a_wrong_member_is_two_of_other_names(served: Served) -> None:
    await served.fault("wrong_member")
    answer = await served.http.get("/b/day.zip")

    names = zipfile.ZipFile(io.BytesIO(answer.content)).namelist()
    assert len(names) == 2
    assert "day.csv" not in names


async def test_hang_sends_nothing_and_ends_with_the_client(served: Served) -> None:
    await served.fault("hang", path="/a")
    with pytest.raises(httpx.ReadTimeout):
        await served.http.get("/a/day.csv", timeout=0.2)
    await asyncio.sleep(0.1)

    assert (await served.http.get("/b/day.zip")).status_code == 200
    assert served.venue.stats()["by_status"]["503"] == 1


@pytest.mark.parametrize("fault", ["hang", "drip"])
async def test_neither_hang_nor_drip_keeps_the_server_from_stopping(tmp_path: Path, fault: str) -> None:
    venue = FileVenue(HOST, SimOptions(FRIDAY), conductor_at(tmp_path, at("10:00")), published())
    async with client(await venue.start(0)) as http:
        await http.post("/_sim/faults", json={"fault": fault})
        waiting = asyncio.create_task(http.get("/a/day.csv"))
        await asyncio.sleep(0.1)
        began = time.monotonic()
        await venue.stop()
        await asyncio.gather(waiting, return_exceptions=True)

    assert time.monotonic() - began < 1.0


async def test_a_drip_is_a_few_bytes_a_second_with_the_length_of_the_whole(served: Served) -> None:
    await served.fault("drip")
    got = b""
    began = time.monotonic()
    async with served.http.stream("GET", "/a/day.csv") as answer:
        assert int(answer.headers["content-length"]) == len(TEXT)
        async for piece in answer.aiter_raw():
            got += piece
            if time.monotonic() - began > 1.1:
                break

    assert TEXT.startswith(got)
    assert 2 <= len(got) <= 8


async def test_an_unknown_fault_is_refused_and_the_known_ones_are_listed(served: Served) -> None:
    refused = await served.http.post("/_sim/faults", json={"fault": "fire"})
    await served.fault("missing", path="/a", for_s=60)
    told = (await served.http.get("/_sim/faults")).json()

    assert refused.status_code == 400
    assert "fire" in refused.json()["error"]
    assert {"truncated", "hang"} <= told["known"].keys()
    assert [fault["fault"] for fault in told["faults"]] == ["missing"]


async def test_stats_count_what_was_asked_for(served: Served) -> None:
    for path in ("/a/day.csv", "/a/day.csv", "/nothing"):
        await served.http.get(path)
    stats = (await served.http.get("/_sim/stats")).json()

    assert stats["by_path"] == {"/a/day.csv": 2, "/nothing": 1}
    assert stats["by_status"] == {"200": 2, "404": 1}
    assert [line["path"] for line in stats["log"]] == ["/a/day.csv", "/a/day.csv", "/nothing"]
    assert stats["log"][0]["at"] == "2026-11-20T10:00:00+05:30"


async def test_latency_is_waited_and_the_same_for_a_seed(tmp_path: Path) -> None:
    waited = []
    for _ in range(2):
        async for each in serving(tmp_path, SimOptions(FRIDAY, latency_s=(0.1, 0.5))):
            began = time.monotonic()
            await each.http.get("/a/day.csv")
            waited.append(time.monotonic() - began)

    assert 0.1 <= waited[0] < 0.7
    assert waited[0] == pytest.approx(waited[1], abs=0.15)


@pytest.fixture
async def with_real_files(tmp_path: Path) -> AsyncIterator[Served]:
    real = tmp_path / "real" / HOST / "a"
    real.mkdir(parents=True)
    (real / "day.csv").write_bytes(b"Day,Close\nreal,3\n")
    (real / "unlisted.zip").write_bytes(packed("x.csv", b"Day\n1\n"))
    (tmp_path / "real" / "secret.csv").write_bytes(b"elsewhere")
    async for each in serving(tmp_path, SimOptions(FRIDAY, files=tmp_path / "real")):
        yield each


async def test_a_real_file_is_served_before_a_made_one(with_real_files: Served) -> None:
    http = with_real_files.http
    real, made, unlisted = [await http.get(path) for path in ("/a/day.csv", "/a/other.csv", "/a/unlisted.zip")]

    assert real.content == b"Day,Close\nreal,3\n"
    assert made.content == TEXT
    assert unlisted.headers["content-type"] == "application/zip"
    assert unlisted.content[:2] == b"PK"


async def test_real_files_can_be_spoiled_too(with_real_files: Served) -> None:
    await with_real_files.fault("changed_column", count=1)
    renamed = await with_real_files.http.get("/a/day.csv")
    await with_real_files.fault("wrong_date", count=1)
    other_day = await with_real_files.http.get("/a/day.csv")

    assert renamed.content == b"Day,Last\nreal,3\n"
    assert other_day.content == OTHER


async def test_no_path_leads_out_of_the_folder(with_real_files: Served) -> None:
    answer = await with_real_files.http.get("/%2e%2e/secret.csv")

    assert answer.status_code == 404


def test_a_shelf_makes_each_thing_once_and_keeps_the_last_ones() -> None:
    made: list[int] = []
    shelf: Shelf[int] = Shelf(2)

    def make(key: int) -> int:
        time.sleep(0.02)
        made.append(key)
        return key

    threads = [threading.Thread(target=shelf.get, args=(1, lambda: make(1))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert made == [1]
    for key in (2, 3, 1):
        shelf.get(key, lambda key=key: make(key))  # type: ignore[misc]
    assert made == [1, 2, 3, 1]
