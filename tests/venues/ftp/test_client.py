"""A file comes whole from an FTP server, or not at all; what is missing of it is fetched, not all of it again."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import stamina
import trustme

from muhurat.clock import SystemClock
from muhurat.errors import StoreError, VenueError
from muhurat.venues.ftp.base import FtpFile, FtpServer
from muhurat.venues.ftp.client import FtpClient
from muhurat.venues.refusals import Blocked, Malformed, NotPublished, Unavailable
from tests.jobs.library.small_disk import small_disk
from tests.venues.ftp.ftp_server import PASSWORD, USER, FtpTestServer, MuteServer

CONTENT = random.Random(7).randbytes(300_000)
STAMP = datetime(2026, 9, 22, 3, 4, 5, tzinfo=UTC)


@pytest.fixture(autouse=True)
def no_pauses() -> Iterator[None]:
    stamina.set_testing(True, attempts=4)
    yield
    stamina.set_testing(False)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[FtpTestServer]:
    folder = tmp_path / "remote"
    folder.mkdir()
    server = FtpTestServer(folder)
    yield server
    server.close()


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def tls_server(tmp_path: Path, authority: trustme.CA) -> Iterator[FtpTestServer]:
    folder = tmp_path / "remote"
    folder.mkdir()
    pem = tmp_path / "server.pem"
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(pem))
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    server = FtpTestServer(folder, pem)
    yield server
    server.close()


def offered(server: FtpTestServer, content: bytes = CONTENT, name: str = "out/day.zip") -> Path:
    path = server.put(name, content)
    os.utime(path, (STAMP.timestamp(), STAMP.timestamp()))
    return path


def fetch(server: FtpTestServer | MuteServer, local: Path, remote: str = "/out/day.zip", **settings: Any) -> FtpFile:
    wanted = {"user": USER, "password": PASSWORD, "timeout_s": 2, "settle_s": 0, **settings}
    described = FtpServer(host="127.0.0.1", port=server.port, **wanted)
    return FtpClient(SystemClock()).fetch(described, remote, local, lambda done, total: None)


def test_a_file_arrives_with_its_time(server: FtpTestServer, tmp_path: Path) -> None:
    offered(server)
    local = tmp_path / "new folder/day.zip"

    file = fetch(server, local)

    assert local.read_bytes() == CONTENT
    assert (file.bytes, file.modified, file.resumed_at, file.size_known) == (len(CONTENT), STAMP, 0, True)
    assert local.stat().st_mtime == STAMP.timestamp()
    assert [path.name for path in local.parent.iterdir()] == ["day.zip"]


def test_a_broken_transfer_goes_on_where_it_ended(server: FtpTestServer, tmp_path: Path) -> None:
    offered(server)
    server.habits.cuts = [100_000, 50_000, 20_000, 20_000, 20_000, 20_000]

    file = fetch(server, tmp_path / "day.zip")

    assert (tmp_path / "day.zip").read_bytes() == CONTENT
    assert file.resumed_at > 0
    rests = [int(line.split()[1]) for line in server.habits.commands if line.startswith("REST")]
    assert len(rests) == 6
    assert rests == sorted(rests)


def test_a_later_run_goes_on_where_the_earlier_one_ended(server: FtpTestServer, tmp_path: Path) -> None:
    offered(server)
    local = tmp_path / "day.zip"
    local.write_bytes(b"the good file of yesterday")
    break_off(server, local)
    assert local.read_bytes() == b"the good file of yesterday"
    left = (tmp_path / "day.zip.part").stat().st_size
    assert 0 < left <= 100_000
    server.habits.hangs = False

    file = fetch(server, local)

    assert file.resumed_at == left
    assert local.read_bytes() == CONTENT
    assert not [path for path in tmp_path.iterdir() if ".part" in path.name]


def break_off(server: FtpTestServer, local: Path) -> None:
    """A run whose first attempt brings 100,000 bytes and whose further ones bring nothing."""
    server.habits.cuts = [100_000]
    server.habits.after_cut = lambda: setattr(server.habits, "hangs", True)
    with stamina_attempts(2), pytest.raises(Unavailable, match=r"bytes are kept, and the next run goes on there"):
        fetch(server, local, timeout_s=0.1)


def stamina_attempts(attempts: int) -> Any:
    return stamina.set_testing(True, attempts=attempts)


def test_a_part_of_an_older_file_is_not_continued(server: FtpTestServer, tmp_path: Path) -> None:
    offered(server)
    local = tmp_path / "day.zip"
    break_off(server, local)
    server.habits.hangs = False
    fresh = bytes(reversed(CONTENT))
    server.put("out/day.zip", fresh)

    file = fetch(server, local)

    assert file.resumed_at == 0
    assert local.read_bytes() == fresh


def test_a_part_that_nobody_knows_is_not_continued(server: FtpTestServer, tmp_path: Path) -> None:
    offered(server)
    (tmp_path / "day.zip.part").write_bytes(b"somebody else's")

    assert fetch(server, tmp_path / "day.zip").resumed_at == 0
    assert (tmp_path / "day.zip").read_bytes() == CONTENT


@pytest.mark.parametrize("unknown", [{"REST"}, {"MDTM"}, {"SIZE"}, {"SIZE", "MDTM", "REST"}])
def test_a_server_that_knows_less_still_delivers(server: FtpTestServer, tmp_path: Path, unknown: set[str]) -> None:
    offered(server)
    server.habits.unknown = unknown
    server.habits.cuts = [100_000]

    file = fetch(server, tmp_path / "day.zip")

    assert (tmp_path / "day.zip").read_bytes() == CONTENT
    assert file.resumed_at == 0
    assert file.size_known is ("SIZE" not in unknown)
    assert not [path for path in tmp_path.iterdir() if ".part" in path.name]


def test_a_refused_login_is_tried_once(server: FtpTestServer, tmp_path: Path) -> None:
    offered(server)

    with pytest.raises(Blocked, match=r"the login was refused: the server said '530") as caught:
        fetch(server, tmp_path / "day.zip", password="wrong one")

    assert server.habits.asked("USER") == 1
    assert "wrong one" not in str(caught.value)
    assert caught.value.permanent


def test_a_missing_file_is_named_and_not_asked_for_again(server: FtpTestServer, tmp_path: Path) -> None:
    (tmp_path / "day.zip").write_bytes(b"yesterday")

    with pytest.raises(NotPublished, match=r"file /out/day.zip: the server said '550") as caught:
        fetch(server, tmp_path / "day.zip")

    assert server.habits.asked("RETR") == 1
    assert "--remote-file" in caught.value.hint
    assert (tmp_path / "day.zip").read_bytes() == b"yesterday"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["day.zip", "remote"]


def test_an_empty_file_is_refused(server: FtpTestServer, tmp_path: Path) -> None:
    offered(server, b"")

    with pytest.raises(Malformed, match=r"day.zip is empty"):
        fetch(server, tmp_path / "day.zip")

    assert not (tmp_path / "day.zip").exists()


def test_a_file_that_is_still_uploaded_is_refused(server: FtpTestServer, tmp_path: Path) -> None:
    path = offered(server)

    def upload_more() -> None:
        path.write_bytes(CONTENT + b"and more")

    server.habits.after_transfer = upload_more

    with pytest.raises(NotPublished, match=r"changed while it was fetched: 300,000 bytes.*then 300,008 bytes"):
        fetch(server, tmp_path / "day.zip", settle_s=0.05)

    assert not list(tmp_path.glob("day.zip*"))


def test_a_silent_transfer_ends(server: FtpTestServer, tmp_path: Path) -> None:
    offered(server)
    server.habits.hangs = True

    with stamina_attempts(2), pytest.raises(Unavailable, match=r"nothing came within 0.2 s \(file /out/day.zip\)"):
        fetch(server, tmp_path / "day.zip", timeout_s=0.2)

    assert server.habits.asked("RETR") == 2
    assert [path.name for path in tmp_path.iterdir()] == ["remote"]


def test_a_dripping_transfer_ends(server: FtpTestServer, tmp_path: Path) -> None:
    offered(server)
    server.habits.drips = True

    with stamina_attempts(2), pytest.raises(Unavailable, match="only drips"):
        fetch(server, tmp_path / "day.zip", timeout_s=0.3)


def test_a_transfer_that_takes_too_long_in_all_ends(server: FtpTestServer, tmp_path: Path) -> None:
    offered(server)
    server.habits.drips = True

    with stamina_attempts(2), pytest.raises(Unavailable, match=r"was not done within 0.2 s"):
        fetch(server, tmp_path / "day.zip", total_s=0.2)


def test_a_mute_server_ends(tmp_path: Path) -> None:
    server = MuteServer()
    try:
        with stamina_attempts(1), pytest.raises(Unavailable, match=r"nothing came within 0.2 s \(connecting\)"):
            fetch(server, tmp_path / "day.zip", timeout_s=0.2)
    finally:
        server.close()
    assert not list(tmp_path.iterdir())


def test_a_server_that_is_not_there_is_named(tmp_path: Path) -> None:
    server = MuteServer()
    server.close()

    with pytest.raises(Unavailable, match=rf"ftp://127.0.0.1:{server.port}: the connection broke.*refused"):
        fetch(server, tmp_path / "day.zip")


def test_a_full_disk_leaves_the_good_file_and_nothing_else(server: FtpTestServer, tmp_path: Path) -> None:
    offered(server, CONTENT * 3)

    with small_disk(tmp_path / "small") as small:
        (small / "day.zip").write_bytes(b"yesterday")
        with pytest.raises(StoreError, match=r"small has no room for day.zip; the file wants 900,000 bytes"):
            fetch(server, small / "day.zip")
        assert [path.read_bytes() for path in small.iterdir()] == [b"yesterday"]

    assert server.habits.asked("RETR") == 1


@pytest.mark.parametrize("remote", ["", "/out/day.zip\r\nDELE /out/day.zip"])
def test_no_command_can_be_smuggled_into_a_name(server: FtpTestServer, tmp_path: Path, remote: str) -> None:
    with pytest.raises(VenueError, match="is no name of a remote file"):
        fetch(server, tmp_path / "day.zip", remote)
    assert server.habits.commands == []


def test_ftps_protects_both_connections(tls_server: FtpTestServer, tmp_path: Path) -> None:
    offered(tls_server)
    tls_server.habits.cuts = [100_000]

    file = fetch(tls_server, tmp_path / "day.zip", tls=True, ca_file=tmp_path / "ca.pem")

    assert (tmp_path / "day.zip").read_bytes() == CONTENT
    assert file.resumed_at > 0
    assert tls_server.habits.commands[0] == "AUTH TLS"
    assert "PROT P" in tls_server.habits.commands


def test_a_certificate_of_a_stranger_is_refused_before_the_password(tls_server: FtpTestServer, tmp_path: Path) -> None:
    trustme.CA().cert_pem.write_to_path(str(tmp_path / "other.pem"))

    with pytest.raises(Blocked, match="its certificate is not to be trusted") as caught:
        fetch(tls_server, tmp_path / "day.zip", tls=True, ca_file=tmp_path / "other.pem")

    assert "--ca-file" in caught.value.hint
    assert tls_server.habits.commands == ["AUTH TLS"]


def test_a_server_that_wants_tls_says_so(tls_server: FtpTestServer, tmp_path: Path) -> None:
    with pytest.raises(Blocked, match="logging in: the server said '550 SSL/TLS required") as caught:
        fetch(tls_server, tmp_path / "day.zip")
    assert "--tls" in caught.value.hint


def test_a_server_without_tls_is_not_given_the_password(server: FtpTestServer, tmp_path: Path) -> None:
    with pytest.raises(Blocked, match="logging in: the server said '5"):
        fetch(server, tmp_path / "day.zip", tls=True)
    assert server.habits.asked("PASS") == 0


def test_a_file_of_certificates_that_is_none_is_named(server: FtpTestServer, tmp_path: Path) -> None:
    with pytest.raises(VenueError, match=r"nowhere.pem cannot be read"):
        fetch(server, tmp_path / "day.zip", tls=True, ca_file=tmp_path / "nowhere.pem")
