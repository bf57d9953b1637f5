"""A member's session: one login, one renewal, every code told by its meaning, and no password anywhere."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
import stamina

from muhurat.clock import SystemClock
from muhurat.errors import VenueError
from muhurat.venues.nse.extranet import ExtranetClient
from muhurat.venues.nse.extranet_base import ExtranetError, ExtranetFile, ExtranetLogin, LoginRefused, NotOnExtranet
from muhurat.venues.nse.extranet_codes import MEANINGS, error_of
from muhurat.venues.refusals import Blocked, Malformed, Unavailable
from tests.venues.answering import PAGE, Answer, WebServer
from tests.venues.nse.extranet_server import (
    DOWNLOAD,
    LOGIN,
    MEMBER,
    PASSWORD,
    ExtranetServer,
    failure,
    security_text,
    zipped,
)

SECURITY = ExtranetFile("CM", "/ntneat", "security.gz")
GOOD = ExtranetLogin(MEMBER, LOGIN, PASSWORD)


@pytest.fixture
def server() -> Iterator[ExtranetServer]:
    web = WebServer()
    stamina.set_testing(True, attempts=2)
    server = ExtranetServer(web)
    server.files["CM", "/ntneat", "security.gz"] = zipped(security_text())
    yield server
    stamina.set_testing(False)
    web.close()


@pytest.fixture
def extranet(server: ExtranetServer) -> ExtranetClient:
    return ExtranetClient(server.root, SystemClock(), requests_per_second=1000, timeout_s=0.2)


def paths(server: ExtranetServer) -> list[str]:
    return [asked.path.removeprefix("/extranet-api/") for asked in server.web.asked]


def test_a_session_logs_in_downloads_and_logs_out(
    server: ExtranetServer, extranet: ExtranetClient, tmp_path: Path
) -> None:
    with extranet.session(GOOD) as session:
        session.download(SECURITY, tmp_path / "security.gz")

    assert (tmp_path / "security.gz").read_bytes() == zipped(security_text())
    assert paths(server) == ["login/2.0", "common/file/download/2.0", "logout/2.0"]
    asked = server.web.asked[1]
    assert asked.query == {"segment": "CM", "folderPath": "/ntneat", "filename": "security.gz"}
    assert asked.headers["Authorization"] == "Bearer token1"


def test_a_folder_is_listed(server: ExtranetServer, extranet: ExtranetClient) -> None:
    with extranet.session(GOOD) as session:
        assert session.listing("CM", "/ntneat") == [ExtranetFile("CM", "/ntneat", "security.gz", "2026-09-22 06:10:00")]


@pytest.mark.parametrize("code", ["701", "702", "956"])
@pytest.mark.parametrize("status", [200, 401])
def test_a_refused_login_is_sent_once_and_warns_of_the_lock(
    server: ExtranetServer, extranet: ExtranetClient, code: str, status: int
) -> None:
    server.login_answer = failure(code, status)

    with (
        pytest.raises(LoginRefused, match=rf"login of desk01 \(member 90001\): code {code}") as caught,
        extranet.session(GOOD),
    ):
        pytest.fail("nobody is logged in")

    assert server.logins == 1
    assert caught.value.permanent
    assert MEANINGS[code] in str(caught.value)
    assert "five wrong passwords lock the account" in caught.value.hint
    assert PASSWORD not in str(caught.value) + repr(GOOD)


@pytest.mark.parametrize(
    ("answer", "kind", "message"),
    [
        (failure("605", 500), Unavailable, "code 605, something went wrong"),
        (failure("607", 400), ExtranetError, "code 607, too many users at once"),
        (failure("925", 500), Unavailable, "code 925, the authentication server is down"),
        (failure("917", 400), ExtranetError, "code 917, a blank value"),
        (failure("999", 400), ExtranetError, "code 999, which is not documented"),
        (Answer(PAGE, 200, "text/html"), Malformed, "answered with no token, but with '<!DOCTYPE"),
        (Answer(b'{"responseCode": ["601"], "token": null}'), Malformed, "no token"),
        (Answer(b"[]"), Malformed, "no token"),
        (Answer(PAGE, 403, "text/html"), Blocked, "answered HTTP 403"),
        (Answer(status=503), Unavailable, "HTTP 503"),
        (Answer(hangs=True), Unavailable, "did not answer within 0.2 s"),
        (Answer(status=302, headers={"Location": "/login.html"}), VenueError, "sends us to"),
    ],
)
def test_a_login_that_fails_otherwise_is_sent_once_too(
    server: ExtranetServer, extranet: ExtranetClient, answer: Answer, kind: type[VenueError], message: str
) -> None:
    server.login_answer = answer

    with pytest.raises(kind, match=message) as caught, extranet.session(GOOD):
        pytest.fail("nobody is logged in")

    assert server.logins == 1
    assert not isinstance(caught.value, LoginRefused)


def test_what_a_later_try_can_help_is_not_permanent() -> None:
    permanent = {code for code in MEANINGS if error_of(code, "it").permanent}
    assert not permanent & {"605", "607", "925", "802", "803", "714"}
    assert {"701", "702", "956", "706", "959"} <= permanent


def test_an_expired_token_is_renewed_once(server: ExtranetServer, extranet: ExtranetClient, tmp_path: Path) -> None:
    server.expire_after = 0

    with extranet.session(GOOD) as session:
        session.download(SECURITY, tmp_path / "security.gz")

    assert server.logins == 2
    assert (tmp_path / "security.gz").exists()


def test_a_token_that_expires_again_is_given_up(
    server: ExtranetServer, extranet: ExtranetClient, tmp_path: Path
) -> None:
    server.web.lay(DOWNLOAD, failure("803", 401))

    with (
        pytest.raises(ExtranetError, match="code 803, the token has expired") as caught,
        extranet.session(GOOD) as session,
    ):
        session.download(SECURITY, tmp_path / "security.gz")

    assert server.logins == 2
    assert "somebody may be logged in" in caught.value.hint
    assert paths(server)[-1] == "logout/2.0"


@pytest.mark.parametrize(
    ("answer", "kind", "message"),
    [
        (failure("714", 404), NotOnExtranet, r"refused CM /ntneat/security.gz: code 714, file not found"),
        (failure("715", 404), NotOnExtranet, "code 715, folder not found"),
        (failure("704", 403), NotOnExtranet, "code 704, the member is not eligible"),
        (failure("714"), NotOnExtranet, r"refused CM /ntneat/security.gz: code 714"),
        (failure("605", 500), Unavailable, "code 605"),
        (Answer(PAGE, 200, "text/html"), Malformed, "a web page instead of the file"),
        (Answer(b""), Malformed, "with an empty file"),
        (Answer(b"plain text"), Malformed, r"security.gz is no gzip file; it begins 'plain text'"),
        (Answer(zipped(security_text())[:5_000]), Malformed, "is cut off or damaged"),
        (Answer(zipped(b"")), Malformed, r"security.gz is empty"),
        (Answer(zipped(security_text()), cut=5_000), Unavailable, "could not be read"),
        (Answer(zipped(security_text()), hangs=True), Unavailable, "did not answer within 0.2 s"),
        (Answer(zipped(security_text()), drips=True), Unavailable, "only drips"),
    ],
)
def test_a_download_that_fails_is_named_and_leaves_the_good_file(
    server: ExtranetServer,
    extranet: ExtranetClient,
    tmp_path: Path,
    answer: Answer,
    kind: type[VenueError],
    message: str,
) -> None:
    target = tmp_path / "security.gz"
    target.write_bytes(b"yesterday")
    server.web.lay(DOWNLOAD, answer)

    with pytest.raises(kind, match=message), extranet.session(GOOD) as session:
        session.download(SECURITY, target)

    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"yesterday"]
    assert server.logins == 1


def test_masters_are_read_through_the_same_part(extranet: ExtranetClient) -> None:
    assert extranet.read_securities(security_text(), 0).rows == 2_010
    with pytest.raises(Malformed, match=r"contract.txt does not begin"):
        extranet.read_contracts(b"", date(2026, 9, 22), 0)
