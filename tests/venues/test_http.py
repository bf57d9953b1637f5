"""Downloads are doubted, limited and all-or-nothing; each failure says what came and what helps."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import stamina

from muhurat.clock import SystemClock
from muhurat.errors import RateLimited, VenueError
from muhurat.venues.calls import RateLimit
from muhurat.venues.http import Blocked, DiskTrouble, Fetcher, Malformed, Moved, NotPublished, Unavailable, WebPage
from tests.venues.file_server import PAGE, Answer, Asked, Fault, FileServer

FILE = b"one,two\n" * 4_000


@pytest.fixture
def server() -> Iterator[FileServer]:
    made = FileServer()
    made.put("/file.csv", FILE)
    yield made
    made.close()


@pytest.fixture
def fetcher() -> Iterator[Fetcher]:
    made = fetching()
    with stamina.set_testing(True, attempts=2):
        yield made
    made.close()


def fetching(timeout_s: float = 0.4) -> Fetcher:
    clock = SystemClock()
    return Fetcher(headers={"User-Agent": "a browser"}, clock=clock, limit=RateLimit(1000, clock), timeout_s=timeout_s)


def sound(part: Path) -> None:
    if len(part.read_bytes()) != len(FILE):
        raise Malformed(f"{part.name} is not whole")


def test_a_file_takes_its_place_once_it_was_checked_and_its_progress_is_told(
    server: FileServer, fetcher: Fetcher, tmp_path: Path
) -> None:
    target, seen, told = tmp_path / "made" / "file.csv", [], []

    def check(part: Path) -> None:
        sound(part)
        seen.append((part.name, target.exists()))

    fetcher.download(f"{server.root}/file.csv", target, check, progress=lambda *so_far: told.append(so_far))

    assert target.read_bytes() == FILE
    assert seen == [("file.csv.part", False)]
    assert told[-1] == (len(FILE), len(FILE))
    assert server.asked[0].headers["user-agent"] == "a browser"
    assert list(target.parent.iterdir()) == [target]


@pytest.mark.parametrize(
    ("fault", "error", "said"),
    [
        ("missing", NotPublished, "HTTP 404 (text/html), beginning '<!DOCTYPE html>"),
        ("forbidden", Blocked, "HTTP 403"),
        ("html", WebPage, "a web page instead of the file"),
        ("truncated", Malformed, "not whole"),
        ("cut_off", Unavailable, "could not be read"),
        ("empty", Malformed, "an empty file"),
        ("unavailable", Unavailable, "HTTP 503 (text/plain), beginning 'later'"),
        ("throttled", RateLimited, "too often"),
        ("moved", Moved, "sends us to http://127.0.0.1"),
        ("hang", Unavailable, "did not answer within 0.4 s"),
        ("drip", Unavailable, "only drips"),
    ],
)
def test_whatever_goes_wrong_is_named_and_leaves_the_earlier_file_alone(
    server: FileServer, fetcher: Fetcher, tmp_path: Path, fault: Fault, error: type[VenueError], said: str
) -> None:
    target = tmp_path / "file.csv"
    target.write_bytes(b"yesterday's")
    server.fault("/file.csv", fault)

    with pytest.raises(error) as caught:
        fetcher.download(f"{server.root}/file.csv", target, sound, params={"token": "secret"})

    assert said in str(caught.value)
    assert "secret" not in str(caught.value)
    assert caught.value.hint
    assert target.read_bytes() == b"yesterday's"
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize("fault", ["unavailable", "throttled", "cut_off"])
def test_what_passes_is_tried_again(server: FileServer, fetcher: Fetcher, tmp_path: Path, fault: Fault) -> None:
    server.fault("/file.csv", fault, times=1)

    fetcher.download(f"{server.root}/file.csv", tmp_path / "file.csv", sound)

    assert len(server.asked) == 2


@pytest.mark.parametrize("fault", ["missing", "forbidden", "html", "truncated", "moved"])
def test_what_does_not_pass_by_itself_is_asked_for_once(
    server: FileServer, fetcher: Fetcher, tmp_path: Path, fault: Fault
) -> None:
    server.fault("/file.csv", fault)

    with pytest.raises(VenueError):
        fetcher.download(f"{server.root}/file.csv", tmp_path / "file.csv", sound)

    assert len(server.asked) == 1


def test_nobody_listens(fetcher: Fetcher, tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="could not be read"):
        fetcher.download("http://127.0.0.1:9/file.csv", tmp_path / "file.csv", sound)


def test_a_wait_longer_than_ours_is_left_to_the_runner(server: FileServer, fetcher: Fetcher) -> None:
    server.put("/slow", lambda _: Answer(b"", status=429, headers={"Retry-After": "3600"}))

    with pytest.raises(RateLimited) as caught:
        fetcher.get(f"{server.root}/slow")

    assert caught.value.retry_after_s == 3600
    assert len(server.asked) == 1


def test_cookies_are_kept_from_one_call_to_the_next(server: FileServer, fetcher: Fetcher) -> None:
    server.put("/first", lambda _: Answer(PAGE, "text/html", 403, {"Set-Cookie": "nsit=abc; Path=/"}))
    server.put("/second", lambda asked: Answer(asked.headers.get("cookie", "none").encode()))

    assert fetcher.get(f"{server.root}/first", accept=(200, 403)).status_code == 403
    assert fetcher.get(f"{server.root}/second").text == "nsit=abc"
    fetcher.forget_cookies()
    assert fetcher.get(f"{server.root}/second").text == "none"


def test_a_post_that_must_not_be_made_twice_is_not(server: FileServer, fetcher: Fetcher) -> None:
    server.put("/login", b"{}")
    server.fault("/login", "unavailable")

    with pytest.raises(Unavailable):
        fetcher.post(f"{server.root}/login", json={"who": "me"}, attempts=1)

    assert [asked.body for asked in server.asked] == [b'{"who":"me"}']


def test_a_body_beyond_all_reason_is_refused_before_it_is_read(server: FileServer, fetcher: Fetcher) -> None:
    def endless(_: Asked) -> Answer:
        return Answer(b"x", headers={"Content-Length": str(1 << 40)})

    server.put("/endless", endless)

    with pytest.raises(Malformed, match="announces"):
        fetcher.get(f"{server.root}/endless")


def test_a_full_disk_is_named_with_the_bytes_that_were_wanted(server: FileServer, tmp_path: Path) -> None:
    script = (
        "import resource, sys\n"
        "from pathlib import Path\n"
        "from tests.venues.test_http import fetching, sound\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))\n"
        "try:\n"
        "    fetching(5).download(sys.argv[1], Path(sys.argv[2]), sound)\n"
        "except Exception as error:\n"
        "    print(type(error).__name__, error, '|', error.hint)\n"
    )
    target = tmp_path / "file.csv"
    target.write_bytes(b"yesterday's")

    ran = subprocess.run(
        [sys.executable, "-c", script, f"{server.root}/file.csv", str(target)],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        cwd=Path(__file__).parents[2],
    )

    assert ran.stdout.startswith(DiskTrouble.__name__)
    assert str(tmp_path) in ran.stdout
    assert "32,000 bytes" in ran.stdout
    assert "free space" in ran.stdout
    assert target.read_bytes() == b"yesterday's"
    assert list(tmp_path.iterdir()) == [target]
