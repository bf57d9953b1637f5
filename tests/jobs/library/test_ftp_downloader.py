"""The job that brings a file by FTP tells what it got, keeps its password to itself and its failures clear."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from muhurat.clock import SystemClock
from muhurat.errors import VenueError
from muhurat.jobs.base import JobError, Outcome, job_named
from muhurat.jobs.library.ftp_downloader import FtpDownloaderOptions, run
from muhurat.venues.ftp.base import FtpFetcher
from muhurat.venues.ftp.client import FtpClient
from tests.jobs.library.tools import DeskTools, tools_in
from tests.venues.ftp.ftp_server import PASSWORD, USER, FtpTestServer


@pytest.fixture
def tools(tmp_path: Path) -> Iterator[DeskTools]:
    with tools_in(tmp_path) as tools:
        tools.put(FtpFetcher, FtpClient(SystemClock()))
        yield tools


@pytest.fixture
def server(tmp_path: Path) -> Iterator[FtpTestServer]:
    (tmp_path / "remote").mkdir()
    server = FtpTestServer(tmp_path / "remote")
    yield server
    server.close()


def download(tools: DeskTools, server: FtpTestServer, **more: Any) -> Outcome:
    written = {
        "host": "127.0.0.1",
        "port": server.port,
        "user": USER,
        "password": PASSWORD,
        "remote_file": "/faoftp/contract.gz",
        "local_file": "downloads/contract.gz",
        "settle_s": 0,
        **more,
    }
    return run(FtpDownloaderOptions.model_validate(written), tools)


def test_the_file_arrives_and_its_progress_is_shown(tools: DeskTools, server: FtpTestServer, tmp_path: Path) -> None:
    server.put("faoftp/contract.gz", b"x" * 200_000)

    outcome = download(tools, server)

    assert (tmp_path / "downloads/contract.gz").read_bytes() == b"x" * 200_000
    assert outcome.files == (tmp_path / "downloads/contract.gz",)
    assert "/faoftp/contract.gz from 127.0.0.1: 200,000 bytes" in outcome.note
    assert tools.shown[-1][:2] == (200_000, 200_000)


def test_a_server_without_sizes_is_mentioned(tools: DeskTools, server: FtpTestServer) -> None:
    server.put("faoftp/contract.gz", b"x")
    server.habits.unknown = {"SIZE"}
    assert "tells no size" in download(tools, server).note


def test_the_password_is_nowhere_to_be_seen(tools: DeskTools, server: FtpTestServer) -> None:
    options = FtpDownloaderOptions.model_validate(
        {"host": "h", "user": "u", "password": "very secret", "remote_file": "r", "local_file": "l"}
    )
    assert "very secret" not in repr(options) + str(options.model_dump_json())

    with pytest.raises(VenueError) as caught:
        download(tools, server, password="very secret")
    assert "very secret" not in str(caught.value) + caught.value.hint


def test_a_folder_is_no_file(tools: DeskTools, server: FtpTestServer, tmp_path: Path) -> None:
    (tmp_path / "downloads").mkdir()
    with pytest.raises(JobError, match="is a folder"):
        download(tools, server, local_file="downloads")


def test_the_job_is_known_by_its_name() -> None:
    assert job_named("ftp_downloader").session == "ftp"
