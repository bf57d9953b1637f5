"""The jobs that bring BSE's files, NSE's masters and files by FTP, against simulators that share no code with them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from muhurat.clock import SystemClock
from muhurat.errors import VenueError
from muhurat.jobs.base import Outcome, job_named
from muhurat.simulator.bse.simulation import BseSimulation
from muhurat.simulator.connect2nse.simulation import Connect2NseSimulation
from muhurat.simulator.ftp.simulation import FtpSimulation
from muhurat.simulator.options import SimOptions
from muhurat.stores.base import Cache, ReferenceStore
from muhurat.venues.bse.base import BseFiles
from muhurat.venues.bse.files import BseClient
from muhurat.venues.ftp.base import FtpFetcher
from muhurat.venues.ftp.client import FtpClient
from muhurat.venues.nse.extranet import ExtranetClient
from muhurat.venues.nse.extranet_base import Extranet
from tests.jobs.library.tools import DeskTools, tools_in
from tests.simulator.file_venues import FRIDAY, at, conductor_at

SIMULATIONS = (BseSimulation, Connect2NseSimulation, FtpSimulation)


@dataclass
class Desk:
    """A desk on Friday evening, its venues simulated."""

    tools: DeskTools
    urls: dict[str, str]
    member: dict[str, Any]
    ftp: dict[str, Any]

    async def run(self, name: str, **options: Any) -> Outcome:
        """Run a job beside the simulators, in a thread of its own."""
        job = job_named(name)
        return await asyncio.to_thread(job.run, job.options.model_validate(options), self.tools)

    async def masters(self) -> Outcome:
        keys = ("member_code", "login_id", "encrypted_password")
        return await self.run("download_contract_master", **{key: self.member[key] for key in keys})


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    conductor = conductor_at(tmp_path, at("18:40"))
    running = [kind(SimOptions(FRIDAY), conductor) for kind in SIMULATIONS]
    urls: dict[str, str] = {}
    for simulation in running:
        urls |= await simulation.start({})
    async with httpx.AsyncClient() as client:
        member = (await client.get(urls["connect2nse"].removesuffix("/extranet-api") + "/_sim/session")).json()
        ftp = (await client.get(urls["ftp_sim"] + "/_sim/session")).json()
    limits = {"requests_per_second": 1000, "timeout_s": 10}
    with tools_in(tmp_path, day=FRIDAY, at=time(18, 40)) as tools:
        tools.put(BseFiles, BseClient(urls["bse"], SystemClock(), **limits))
        tools.put(Extranet, ExtranetClient(urls["connect2nse"], SystemClock(), **limits))
        tools.put(FtpFetcher, FtpClient(SystemClock()))
        yield Desk(tools, urls, member, ftp)
    for simulation in running:
        await simulation.stop()


@pytest.mark.slow
async def test_every_file_arrives_in_full_size(desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text(desk.ftp["certificate"])
    reached = {"host": "127.0.0.1", "port": desk.urls["ftp"].rpartition(":")[2], "user": desk.ftp["user"]}
    files = {"remote_file": "/faoftp/faocommon/contract.gz", "local_file": "ftp/contract.gz"}

    bse = await desk.run("download_bse_contract_master")
    fo = await desk.run("copy_bse_fo_files", destination=["archive"])
    nse = await desk.masters()
    await desk.run("ftp_downloader", **reached, **files, password=desk.ftp["password"], tls=True, ca_file="ca.pem")
    copied = await desk.run("copy_files_src_dst", source="ftp/*", destination="inbox", settle_s=0.01)

    assert bse.facts["scrips"]["rows"] > 15_000
    assert set(bse.facts["contracts"]["kinds"]) == {"IF", "IO", "SF", "SO"}
    assert fo.rows == desk.tools.get(ReferenceStore).count("BseFoBhavcopy")
    assert nse.facts["contract.txt"]["rows"] > 50_000
    assert nse.facts["contract.txt"]["warnings"] == []
    kept = desk.tools.get(Cache).get("nse:contract.gz")
    assert [path.name for path in copied.files] == ["contract.gz"]
    assert kept is not None
    assert copied.files[0].read_bytes() == kept.value


async def test_the_masters_of_the_day_before_are_told_apart(desk: Desk) -> None:
    async with httpx.AsyncClient() as client:
        for name in ("bse", "connect2nse"):
            root = desk.urls[name].removesuffix("/extranet-api")
            asked = await client.post(f"{root}/_sim/faults", json={"fault": "wrong_date"})
            assert asked.status_code == 200

    with pytest.raises(VenueError, match=r"SCRIP_181126.TXT of 2026-11-18, and that of 2026-11-19"):
        await desk.run("download_bse_contract_master")
    with pytest.raises(VenueError, match=r"was made 2026-11-19 .* it is that of an earlier day"):
        await desk.masters()
