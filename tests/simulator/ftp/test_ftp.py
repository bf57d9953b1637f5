"""The simulated FTP server as Python's own client sees it."""

from __future__ import annotations

import asyncio
import ftplib
import io
import os
import ssl
import threading
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from muhurat.clock import NS_PER_S
from muhurat.simulator.ftp.simulation import FtpSimulation
from muhurat.simulator.ftp.tree import Entry
from muhurat.simulator.options import SimOptions
from tests.simulator.file_venues import FRIDAY, at, conductor_at

NAME = "/desk/file.csv"
CONTENT = bytes(range(256)) * 400
PUBLISHED_NS = at("06:00")
NOW_NS = at("08:30")
IMPATIENT_S = 0.6


@dataclass
class Served:
    """A running server; `with_ftp` runs a blocking client beside it."""

    simulation: FtpSimulation
    urls: dict[str, str]

    @property
    def port(self) -> int:
        return int(self.urls["ftp"].rpartition(":")[2])

    def connected(self, timeout: float = 5, kind: Callable[..., ftplib.FTP] = ftplib.FTP) -> ftplib.FTP:
        ftp = kind(timeout=timeout)
        ftp.connect("127.0.0.1", self.port)
        return ftp

    def logged_in(self, timeout: float = 5) -> ftplib.FTP:
        ftp = self.connected(timeout)
        ftp.login("simdesk", "sim-ftp-password")
        return ftp

    def fetched(self, name: str = NAME, timeout: float = 5, rest: int | None = None) -> bytes:
        parts = io.BytesIO()
        with self.logged_in(timeout) as ftp:
            ftp.retrbinary(f"RETR {name}", parts.write, rest=rest)
        return parts.getvalue()

    async def strike(self, fault: str, **how: Any) -> None:
        async with httpx.AsyncClient(base_url=self.urls["ftp_sim"], trust_env=False) as client:
            answer = await client.post("/_sim/faults", json={"fault": fault, **how})
        assert answer.status_code == 200, answer.text


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Served]:
    later = at("18:00")
    entries = [
        Entry(NAME, PUBLISHED_NS, lambda: CONTENT),
        Entry("/desk/small.txt", PUBLISHED_NS, lambda: b"small"),
        Entry("/desk/evening.csv", later, lambda: b"evening"),
    ]
    simulation = FtpSimulation(SimOptions(FRIDAY), conductor_at(tmp_path, NOW_NS), lambda _: entries)
    yield Served(simulation, await simulation.start({}))
    await simulation.stop()


async def test_a_file_comes_whole_with_its_size_and_its_time(served: Served) -> None:
    def client() -> tuple[int | None, str, bytes]:
        with served.logged_in() as ftp:
            ftp.voidcmd("TYPE I")
            size, modified = ftp.size(NAME), ftp.sendcmd(f"MDTM {NAME}")
        return size, modified, served.fetched()

    size, modified, content = await asyncio.to_thread(client)
    assert size == len(CONTENT)
    assert modified == "213 20261120003000"  # 06:00 in India
    assert content == CONTENT


async def test_a_broken_download_is_resumed_where_it_ended(served: Served) -> None:
    rest = await asyncio.to_thread(served.fetched, rest=100_000)
    assert rest == CONTENT[100_000:]


async def test_folders_list_what_has_been_published(served: Served) -> None:
    def client() -> tuple[list[str], list[str], list[str]]:
        lines: list[str] = []
        with served.logged_in() as ftp:
            ftp.retrlines("LIST /desk", lines.append)
            ftp.cwd("/desk")
            return ftp.nlst("/"), ftp.nlst(), lines

    root, folder, lines = await asyncio.to_thread(client)
    assert root == ["desk"]
    assert folder == ["file.csv", "small.txt"]
    assert lines[0].split()[4] == str(len(CONTENT))


async def test_a_file_appears_at_its_time(tmp_path: Path) -> None:
    conductor = conductor_at(tmp_path, NOW_NS)
    later = at("18:00")
    simulation = FtpSimulation(SimOptions(FRIDAY), conductor, lambda _: [Entry(NAME, later, lambda: b"late")])
    served = Served(simulation, await simulation.start({}))
    try:
        with pytest.raises(ftplib.error_perm, match="550"):
            await asyncio.to_thread(served.fetched)
        conductor.page.now_ns = later
        assert await asyncio.to_thread(served.fetched) == b"late"
    finally:
        await simulation.stop()


async def test_nobody_writes(served: Served) -> None:
    def client() -> None:
        with served.logged_in() as ftp:
            ftp.storbinary("STOR /desk/mine.csv", io.BytesIO(b"mine"))

    with pytest.raises(ftplib.error_perm, match="550"):
        await asyncio.to_thread(client)


async def test_a_wrong_password_is_refused(served: Served) -> None:
    def client() -> None:
        with served.connected() as ftp:
            ftp.login("simdesk", "guess")

    with pytest.raises(ftplib.error_perm, match="530"):
        await asyncio.to_thread(client)


@pytest.mark.parametrize("slow", [False, True], ids=["at full speed", "dripping"])
async def test_ftps_protects_both_channels(served: Served, slow: bool) -> None:
    async with httpx.AsyncClient(base_url=served.urls["ftp_sim"], trust_env=False) as client:
        session = (await client.get("/_sim/session")).json()
    trusting = ssl.create_default_context(cadata=session["certificate"])
    if slow:
        await served.strike("drip")

    def fetch() -> bytes:
        parts = io.BytesIO()
        ftp = ftplib.FTP_TLS(context=trusting, timeout=5)
        ftp.connect("127.0.0.1", served.port)
        ftp.login(session["user"], session["password"])
        ftp.prot_p()
        ftp.retrbinary("RETR /desk/small.txt", parts.write)
        ftp.close()
        return parts.getvalue()

    assert await asyncio.to_thread(fetch) == b"small"


async def test_missing_a_file_nobody_sees(served: Served) -> None:
    await served.strike("missing", path=NAME)

    def client() -> list[str]:
        with served.logged_in() as ftp:
            names = ftp.nlst("/desk")
            ftp.voidcmd("TYPE I")
            for attempt in (lambda: ftp.size(NAME), lambda: ftp.retrbinary(f"RETR {NAME}", bytes)):
                with pytest.raises(ftplib.error_perm, match="550"):
                    attempt()
        return names

    assert await asyncio.to_thread(client) == ["small.txt"]
    assert await asyncio.to_thread(served.fetched, "/desk/small.txt") == b"small"


async def test_missing_once_is_there_the_second_time(served: Served) -> None:
    await served.strike("missing", count=1)
    with pytest.raises(ftplib.error_perm, match="550"):
        await asyncio.to_thread(served.fetched)
    assert await asyncio.to_thread(served.fetched) == CONTENT


async def test_forbidden_refuses_the_right_password_too(served: Served) -> None:
    await served.strike("forbidden", count=1)
    with pytest.raises(ftplib.error_perm, match="530"):
        await asyncio.to_thread(served.logged_in)
    assert await asyncio.to_thread(served.fetched) == CONTENT


async def test_unavailable_says_so_and_hangs_up(served: Served) -> None:
    await served.strike("unavailable", count=1)
    with pytest.raises(ftplib.error_temp, match="421"):
        await asyncio.to_thread(served.connected)
    assert await asyncio.to_thread(served.fetched) == CONTENT


async def test_mute_accepts_and_does_not_greet(served: Served) -> None:
    await served.strike("mute", count=1)
    with pytest.raises(TimeoutError):
        await asyncio.to_thread(served.connected, IMPATIENT_S)


async def test_hang_opens_the_transfer_and_sends_nothing(served: Served) -> None:
    await served.strike("hang", count=1)
    with pytest.raises(TimeoutError):
        await asyncio.to_thread(served.fetched, timeout=IMPATIENT_S)
    assert await asyncio.to_thread(served.fetched) == CONTENT


async def test_drip_keeps_the_connection_busy_with_next_to_nothing(served: Served) -> None:
    await served.strike("drip", count=1)

    def client() -> tuple[int, float]:
        got, began = 0, time.monotonic()
        with served.logged_in() as ftp:
            ftp.voidcmd("TYPE I")
            channel = ftp.transfercmd(f"RETR {NAME}")
            while time.monotonic() - began < 2.5:
                got += len(channel.recv(65_536))
            channel.close()
            ftp.close()
        return got, time.monotonic() - began

    got, _ = await asyncio.to_thread(client)
    assert 16 <= got <= 40
    assert await asyncio.to_thread(served.fetched) == CONTENT


async def test_truncated_cuts_the_connection_and_can_be_resumed(served: Served) -> None:
    await served.strike("truncated", count=1)
    parts = io.BytesIO()

    def client() -> None:
        with served.logged_in() as ftp:
            ftp.retrbinary(f"RETR {NAME}", parts.write)

    with pytest.raises((EOFError, OSError)):
        await asyncio.to_thread(client)
    assert parts.getvalue() == CONTENT[: len(CONTENT) // 2]
    assert parts.getvalue() + await asyncio.to_thread(served.fetched, rest=len(CONTENT) // 2) == CONTENT


async def test_short_claims_that_half_was_all(served: Served) -> None:
    await served.strike("short", count=1)
    assert await asyncio.to_thread(served.fetched) == CONTENT[: len(CONTENT) // 2]


async def test_empty_has_no_bytes_and_says_so(served: Served) -> None:
    await served.strike("empty", path=NAME)

    def client() -> tuple[int | None, bytes]:
        with served.logged_in() as ftp:
            ftp.voidcmd("TYPE I")
            size = ftp.size(NAME)
        return size, served.fetched()

    assert await asyncio.to_thread(client) == (0, b"")


async def test_a_client_struck_once_sees_the_same_file_until_it_leaves(served: Served) -> None:
    await served.strike("empty", count=1)

    def client() -> tuple[int | None, bytes]:
        parts = io.BytesIO()
        with served.logged_in() as ftp:
            ftp.voidcmd("TYPE I")
            size = ftp.size(NAME)
            ftp.retrbinary(f"RETR {NAME}", parts.write)
        return size, parts.getvalue()

    assert await asyncio.to_thread(client) == (0, b"")
    assert await asyncio.to_thread(client) == (len(CONTENT), CONTENT)


async def test_growing_is_larger_each_time_one_looks_and_never_whole(served: Served) -> None:
    await served.strike("growing", for_s=1.2)

    def client() -> list[int | None]:
        with served.logged_in() as ftp:
            ftp.voidcmd("TYPE I")
            sizes = [ftp.size(NAME)]
            time.sleep(0.3)
            sizes.append(ftp.size(NAME))
            time.sleep(1.0)
            return [*sizes, ftp.size(NAME)]

    first, second, last = await asyncio.to_thread(client)
    assert first is not None
    assert second is not None
    assert len(CONTENT) // 2 <= first < second < len(CONTENT)
    assert last == len(CONTENT)


async def test_an_unknown_fault_is_named(served: Served) -> None:
    async with httpx.AsyncClient(base_url=served.urls["ftp_sim"], trust_env=False) as client:
        answer = await client.post("/_sim/faults", json={"fault": "explode"})
        assert answer.status_code == 400
        assert "unknown fault 'explode'; known: missing" in answer.json()["error"]
        await client.post("/_sim/faults", json={"fault": "missing"})
        assert (await client.delete("/_sim/faults")).json() == {"cleared": 1}


async def test_stats_count_transfers(served: Served) -> None:
    await asyncio.to_thread(served.fetched)
    async with httpx.AsyncClient(base_url=served.urls["ftp_sim"], trust_env=False) as client:
        stats = (await client.get("/_sim/stats")).json()
    assert (stats["connections"], stats["transfers"], stats["broken_transfers"]) == (1, 1, 0)


async def test_real_files_replace_and_complete_the_simulated_ones(tmp_path: Path) -> None:
    real = tmp_path / "real" / "ftp"
    (real / "desk").mkdir(parents=True)
    (real / "desk" / "file.csv").write_bytes(b"real")
    (real / "desk" / "own.csv").write_bytes(b"own")
    os.utime(real / "desk" / "own.csv", (2_000_000_000, 2_000_000_000))
    entries = [Entry(NAME, PUBLISHED_NS, lambda: CONTENT), Entry("/desk/small.txt", PUBLISHED_NS, lambda: b"small")]
    options = SimOptions(FRIDAY, files=tmp_path / "real")
    simulation = FtpSimulation(options, conductor_at(tmp_path, NOW_NS), lambda _: entries)
    served = Served(simulation, await simulation.start({}))
    try:
        for name, content in ((NAME, b"real"), ("/desk/own.csv", b"own"), ("/desk/small.txt", b"small")):
            assert await asyncio.to_thread(served.fetched, name) == content
    finally:
        await simulation.stop()


async def test_a_file_takes_its_time_to_begin(tmp_path: Path) -> None:
    options = SimOptions(FRIDAY, latency_s=(0.4, 0.6))
    entries = [Entry(NAME, PUBLISHED_NS, lambda: CONTENT)]
    simulation = FtpSimulation(options, conductor_at(tmp_path, NOW_NS), lambda _: entries)
    served = Served(simulation, await simulation.start({}))
    try:
        began = time.monotonic()
        assert await asyncio.to_thread(served.fetched) == CONTENT
        assert time.monotonic() - began > 0.4
    finally:
        await simulation.stop()


async def test_stopping_is_prompt_and_leaves_no_thread(tmp_path: Path) -> None:
    entries = [Entry(NAME, PUBLISHED_NS, lambda: CONTENT)]
    simulation = FtpSimulation(SimOptions(FRIDAY), conductor_at(tmp_path, NOW_NS), lambda _: entries)
    served = Served(simulation, await simulation.start({}))
    await served.strike("hang")
    ftp = await asyncio.to_thread(served.logged_in)
    channel = await asyncio.to_thread(ftp.transfercmd, f"RETR {NAME}")

    began = time.monotonic()
    await simulation.stop()
    assert time.monotonic() - began < 1.5
    assert not [thread for thread in threading.enumerate() if thread.name == "simulated-ftp"]
    assert channel.recv(10) == b""
    channel.close()
    ftp.close()


async def test_the_tree_holds_full_size_files(tmp_path: Path) -> None:
    simulation = FtpSimulation(SimOptions(FRIDAY), conductor_at(tmp_path, NOW_NS))
    served = Served(simulation, await simulation.start({}))
    try:
        bhavcopy = await asyncio.to_thread(served.fetched, "/bse/fo/BhavCopy_BSE_FO_0_0_0_20261119_F_0000.CSV")
        assert bhavcopy.startswith(b"TradDt,BizDt,")
        assert bhavcopy.count(b"\n2026-11-19,2026-11-19,FO,BSE,") > 15_000
        with await asyncio.to_thread(served.logged_in) as ftp:
            names = await asyncio.to_thread(ftp.nlst, "/bse/fo")
        assert "BhavCopy_BSE_FO_0_0_0_20261120_F_0000.CSV" not in names
        assert "EQD_CO191126.csv" in names
        masters = await asyncio.to_thread(served.fetched, "/faoftp/faocommon/contract.gz")
        assert masters[:2] == b"\x1f\x8b"
    finally:
        await simulation.stop()


def test_a_master_of_a_constant_name_is_new_each_day() -> None:
    from muhurat.simulator.ftp.tree import Tree

    now = at("08:30")
    tree = Tree(
        lambda now_ns: [Entry("/master", now_ns // (86_400 * NS_PER_S), lambda: str(now_ns).encode())], lambda: now
    )
    first = tree.find("/master")
    now += 86_400 * NS_PER_S
    second = tree.find("/master")
    assert first is not None
    assert second is not None
    assert first.content != second.content
