"""NSE's masters come both or not at all, into folder and cache; a refused login is not sent twice."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from muhurat.clock import SystemClock
from muhurat.errors import MuhuratError
from muhurat.jobs.base import JobError, Outcome, job_named
from muhurat.jobs.library.download_contract_master import DownloadContractMasterOptions, run
from muhurat.stores.base import Cache
from muhurat.venues.nse.extranet import ExtranetClient
from muhurat.venues.nse.extranet_base import Extranet, ExtranetError, LoginRefused, NotOnExtranet
from muhurat.venues.refusals import Malformed, OtherDay, Unavailable
from tests.jobs.library.small_disk import small_disk
from tests.jobs.library.tools import TUESDAY, DeskTools, tools_in
from tests.venues.answering import PAGE, Answer, WebServer
from tests.venues.nse.extranet_server import (
    LOGIN,
    MEMBER,
    PASSWORD,
    ExtranetServer,
    contract_text,
    failure,
    seconds_1980,
    security_text,
    zipped,
)

MADE = seconds_1980(TUESDAY, 6 * 3600)
CONTRACTS, SECURITIES = contract_text(TUESDAY, MADE), security_text(MADE)
CM_CONTRACT = ("CM", "/ntneat", "contract.gz")
FO_CONTRACT = ("FO", "/", "contract.gz")
SECURITY = ("CM", "/ntneat", "security.gz")


@pytest.fixture
def server(web: WebServer) -> ExtranetServer:
    server = ExtranetServer(web)
    server.files = {SECURITY: zipped(SECURITIES), FO_CONTRACT: zipped(CONTRACTS)}
    return server


@pytest.fixture
def tools(tmp_path: Path, server: ExtranetServer) -> Iterator[DeskTools]:
    with tools_in(tmp_path) as tools:
        tools.put(Extranet, ExtranetClient(server.root, SystemClock(), requests_per_second=1000, timeout_s=0.2))
        yield tools


def download(tools: DeskTools, **options: Any) -> Outcome:
    written = {"member_code": MEMBER, "login_id": LOGIN, "encrypted_password": PASSWORD, **options}
    return run(DownloadContractMasterOptions.model_validate(written), tools)


def test_both_masters_arrive_in_the_folder_and_raw_in_the_cache(
    tools: DeskTools, server: ExtranetServer, tmp_path: Path
) -> None:
    outcome = download(tools)

    folder = tmp_path / "downloads"
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {
        "contract.txt": CONTRACTS,
        "security.txt": SECURITIES,
    }
    assert outcome.files == (folder / "contract.txt", folder / "security.txt")
    assert outcome.rows == 50_004 + 2_010
    cached = {key: tools.get(Cache).get(key) for key in ("nse:contract.gz", "nse:security.gz")}
    assert {key: value and value.value for key, value in cached.items()} == {
        "nse:contract.gz": zipped(CONTRACTS),
        "nse:security.gz": zipped(SECURITIES),
    }
    assert server.logins == 1
    assert server.web.asked[-1].path.endswith("/logout/2.0")


def test_contracts_are_looked_for_in_both_places(tools: DeskTools, server: ExtranetServer) -> None:
    server.files[CM_CONTRACT] = server.files.pop(FO_CONTRACT)
    assert download(tools).rows == 52_014


def test_a_place_that_is_named_is_the_only_one(tools: DeskTools, server: ExtranetServer) -> None:
    assert download(tools, contract_segment="FO").rows == 52_014

    with pytest.raises(NotOnExtranet, match=r"CM /ntneat/contract.gz .*the folder holds security.gz\)"):
        download(tools, contract_segment="CM")


def test_contracts_that_are_nowhere_are_reported_with_what_is_there(
    tools: DeskTools, server: ExtranetServer, tmp_path: Path
) -> None:
    del server.files[FO_CONTRACT]
    leaves_everything(tools, tmp_path, NotOnExtranet, r"FO /contract.gz .*no file.*CM /ntneat/contract.gz")


@pytest.mark.parametrize(
    ("answer", "kind", "message"),
    [
        (failure("704", 403), NotOnExtranet, "code 704"),
        (failure("605", 500), Unavailable, "code 605"),
        (Answer(b"no", 403, "text/html"), MuhuratError, "answered HTTP 403"),
        (Answer(PAGE, 200, "text/html"), Malformed, "a web page instead of the file"),
        (Answer(b""), Malformed, "with an empty file"),
        (Answer(zipped(CONTRACTS)[:9_000]), Malformed, "is cut off or damaged"),
        (Answer(zipped(CONTRACTS), cut=9_000), Unavailable, "could not be read"),
        (Answer(zipped(b"NEATXX|1|\n")), Malformed, "does not begin with a title"),
        (Answer(zipped(CONTRACTS), hangs=True), Unavailable, "did not answer within 0.2 s"),
        (Answer(zipped(CONTRACTS), drips=True), Unavailable, "only drips"),
    ],
)
def test_what_the_extranet_can_do_wrong_is_named_and_leaves_the_good_files(
    tools: DeskTools,
    server: ExtranetServer,
    tmp_path: Path,
    answer: Answer,
    kind: type[Exception],
    message: str,
) -> None:
    server.files[FO_CONTRACT] = answer
    leaves_everything(tools, tmp_path, kind, message)


@pytest.mark.parametrize(
    ("place", "text", "kind", "message"),
    [
        (FO_CONTRACT, lambda: contract_text(date(2026, 9, 21), MADE), Malformed, "expired on 2026-09-21"),
        (FO_CONTRACT, lambda: contract_text(TUESDAY, MADE - 86_400), OtherDay, "was made 2026-09-21 06:00"),
        (SECURITY, lambda: security_text(MADE - 86_400), OtherDay, "was made 2026-09-21 06:00"),
        (FO_CONTRACT, lambda: CONTRACTS.replace(b"|XX|", b"|XX|X|"), Malformed, "Expected 69 columns, got 71"),
        (SECURITY, lambda: SECURITIES.replace(b"|EQ|", b"|"), Malformed, "Expected 54 columns, got 53"),
        (FO_CONTRACT, lambda: b"NEATFO|7.0.4|\n", Malformed, "contract.txt"),
        (SECURITY, lambda: b"NEATCM|7.0.4|\n", Malformed, "security.txt"),
    ],
)
def test_a_master_with_something_else_inside_is_named(
    tools: DeskTools,
    server: ExtranetServer,
    tmp_path: Path,
    place: tuple[str, str, str],
    text: Callable[[], bytes],
    kind: type[Exception],
    message: str,
) -> None:
    server.files[place] = zipped(text())
    leaves_everything(tools, tmp_path, kind, message)


def leaves_everything(tools: DeskTools, tmp_path: Path, kind: type[Exception], message: str) -> None:
    folder = tmp_path / "downloads"
    folder.mkdir()
    for name in ("security.txt", "contract.txt"):
        (folder / name).write_bytes(b"yesterday's")
    tools.get(Cache).set("nse:contract.gz", b"yesterday's")

    with pytest.raises(kind, match=f"(?s){message}") as caught:
        download(tools)

    assert isinstance(caught.value, MuhuratError)
    assert caught.value.hint
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == dict.fromkeys(
        ("security.txt", "contract.txt"), b"yesterday's"
    )
    kept = tools.get(Cache).get("nse:contract.gz")
    assert kept is not None
    assert kept.value == b"yesterday's"


def test_a_refused_login_is_not_sent_by_a_rerun(tools: DeskTools, server: ExtranetServer, tmp_path: Path) -> None:
    with pytest.raises(LoginRefused, match="code 701"):
        download(tools, encrypted_password="wrong")
    with pytest.raises(
        JobError, match=r"was refused with this password on 2026-09-22 08:00 IST.*not sent again"
    ) as caught:
        download(tools, encrypted_password="wrong")
    assert "--send_refused_login" in caught.value.hint
    assert server.logins == 1

    with pytest.raises(LoginRefused):
        download(tools, encrypted_password="wrong", send_refused_login=True)
    assert server.logins == 2

    download(tools)
    assert server.logins == 3
    with pytest.raises(LoginRefused):
        download(tools, encrypted_password="wrong")


def test_neither_password_nor_a_quick_hash_of_it_is_kept(tools: DeskTools, tmp_path: Path) -> None:
    with pytest.raises(LoginRefused) as caught:
        download(tools, encrypted_password="a wrong secret")

    kept = tmp_path / "data/extranet_refused.json"
    assert kept.stat().st_mode & 0o077 == 0
    told = kept.read_text() + str(caught.value) + caught.value.hint
    assert "a wrong secret" not in told
    assert hashlib.sha256(b"a wrong secret").hexdigest() not in told


def test_too_many_users_is_tried_later_and_not_held_against_the_login(tools: DeskTools, server: ExtranetServer) -> None:
    server.login_answer = failure("607", 400)
    with pytest.raises(ExtranetError, match="code 607") as caught:
        download(tools)
    assert not caught.value.permanent
    assert server.logins == 1

    server.login_answer = None
    download(tools)


def test_a_leap_in_size_is_refused_unless_it_is_allowed(tools: DeskTools) -> None:
    tools.earlier = [80_000, 52_000]
    with pytest.raises(JobError, match="the masters have 52,014 rows, and those of the last run had 80,000"):
        download(tools)

    assert download(tools, any_size=True).rows == 52_014
    tools.earlier = [52_000]
    assert download(tools).rows == 52_014


def test_a_full_disk_is_named_and_leaves_the_good_files(tools: DeskTools, tmp_path: Path) -> None:
    with small_disk(tmp_path / "small", kilobytes=6_000) as small:
        (small / "contract.txt").write_bytes(b"yesterday")
        with pytest.raises(MuhuratError, match=r"no room for contract.txt in .*small, it wants [\d,]+ bytes"):
            download(tools, download_folder="small")
        assert [path.read_bytes() for path in small.iterdir()] == [b"yesterday"]


def test_a_cache_that_is_gone_leaves_the_good_files(tools: DeskTools, tmp_path: Path) -> None:
    tools.get(Cache).close()
    (tmp_path / "data/cache.db").unlink()
    (tmp_path / "data/cache.db").mkdir()
    (tmp_path / "downloads").mkdir()
    (tmp_path / "downloads/contract.txt").write_bytes(b"yesterday")

    with pytest.raises(MuhuratError, match=r"cache.db"):
        download(tools)

    assert [path.read_bytes() for path in (tmp_path / "downloads").iterdir()] == [b"yesterday"]


def test_the_job_says_whose_session_it_wants() -> None:
    job = job_named("download_contract_master")
    assert (job.session, job.for_session, job.on_failure) == ("extranet", "today", "block")
