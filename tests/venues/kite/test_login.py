"""The token's file is private, its gaps are named, and its hour of death is known."""

from __future__ import annotations

import json
from datetime import date, time
from pathlib import Path

import pytest

from muhurat.clock import ManualClock, ist_ns
from muhurat.errors import SessionExpired, VenueError
from muhurat.venues.base import Margins, Profile
from muhurat.venues.kite.login import KiteToken, TokenFile, check_session

DAY = date(2026, 10, 8)
MORNING = ist_ns(DAY, time(8, 5))
WHOLE = {
    "api_key": "key",
    "access_token": "access",
    "api_secret": "secret",
    "created_at": "2026-10-08T08:05:00",
    "user_id": "AB1234",
}


def token_file(folder: Path, content: object = None, **environment: str) -> TokenFile:
    path = folder / "zerodha_token.json"
    if content is not None:
        path.write_text(content if isinstance(content, str) else json.dumps(content))
    return TokenFile(path, environment)


def test_the_file_gives_the_whole_session(tmp_path: Path) -> None:
    token = token_file(tmp_path, WHOLE).read()

    assert (token.api_key, token.access_token, token.api_secret, token.user_id) == ("key", "access", "secret", "AB1234")
    assert token.created_ns == MORNING


@pytest.mark.parametrize("variable", ["KITE_ACCESS_TOKEN", "ZERODHA_ACCESS_TOKEN"])
def test_without_a_file_the_environment_gives_it(tmp_path: Path, variable: str) -> None:
    token = token_file(tmp_path, **{"ZERODHA_API_KEY": "key", variable: "from environment"}).read()

    assert (token.api_key, token.access_token) == ("key", "from environment")
    assert (token.created_ns, token.source) == (None, variable)


def test_the_api_key_is_there_before_anybody_has_logged_in(tmp_path: Path) -> None:
    assert token_file(tmp_path, ZERODHA_API_KEY="key").api_key() == "key"
    assert token_file(tmp_path, WHOLE, ZERODHA_API_KEY="other").api_key() == "key"
    with pytest.raises(VenueError, match="no Kite api_key"):
        TokenFile(tmp_path / "nowhere.json", {}).api_key()


def test_the_file_comes_before_the_environment(tmp_path: Path) -> None:
    tokens = token_file(tmp_path, WHOLE, ZERODHA_API_KEY="other", KITE_ACCESS_TOKEN="other")

    assert (tokens.read().api_key, tokens.access_token()) == ("key", "access")


@pytest.mark.parametrize(
    ("content", "environment", "complaint"),
    [
        (None, {}, r"no Kite api_key: neither in .*zerodha_token.json \(which does not exist\) nor in ZERODHA_API_KEY"),
        (
            {"api_key": "key"},
            {},
            r"no Kite access token: .* KITE_ACCESS_TOKEN or ZERODHA_ACCESS_TOKEN",
        ),
        ({"access_token": "access"}, {}, "no Kite api_key"),
        (None, {"KITE_ACCESS_TOKEN": "access"}, "no Kite api_key"),
        ("{cut", {}, "zerodha_token.json is damaged"),
        ({**WHOLE, "created_at": "yesterday"}, {}, "created_at 'yesterday' is no time"),
    ],
)
def test_what_is_missing_or_damaged_is_named(
    tmp_path: Path, content: object, environment: dict[str, str], complaint: str
) -> None:
    with pytest.raises(VenueError, match=complaint) as raised:
        token_file(tmp_path, content, **environment).read()

    assert raised.value.permanent
    assert raised.value.hint


def test_an_unreadable_path_is_told(tmp_path: Path) -> None:
    (tmp_path / "zerodha_token.json").mkdir()

    with pytest.raises(VenueError, match="cannot be read"):
        token_file(tmp_path).read()


def test_a_written_token_is_private_and_read_back(tmp_path: Path) -> None:
    tokens = TokenFile(tmp_path / "config" / "token.json", {})
    token = KiteToken("key", "access", "secret", "AB1234")

    tokens.write(token, ManualClock(MORNING))

    assert tokens.path.stat().st_mode & 0o777 == 0o600
    assert json.loads(tokens.path.read_bytes())["created_at"] == "2026-10-08T08:05:00+05:30"
    assert tokens.read().created_ns == MORNING
    assert [each.name for each in tokens.path.parent.iterdir()] == ["token.json"]


def test_a_new_token_is_seen_at_the_next_question_and_stays_private(tmp_path: Path) -> None:
    tokens = token_file(tmp_path, WHOLE)
    tokens.path.chmod(0o644)

    tokens.write(KiteToken("key", "newer"), ManualClock(MORNING))

    assert tokens.access_token() == "newer"
    assert tokens.path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("made", "dies"),
    [
        (ist_ns(DAY, time(8, 5)), ist_ns(date(2026, 10, 9), time(6))),
        (ist_ns(DAY, time(23, 59)), ist_ns(date(2026, 10, 9), time(6))),
        (ist_ns(DAY, time(5, 59)), ist_ns(DAY, time(6))),
        (ist_ns(DAY, time(6, 0)), ist_ns(date(2026, 10, 9), time(6))),
    ],
)
def test_a_token_dies_at_the_next_six_in_the_morning(made: int, dies: int) -> None:
    token = KiteToken("key", "access", created_ns=made, source="file")

    assert token.expires_ns == dies
    token.check(dies - 1)
    with pytest.raises(SessionExpired, match=r"died .* 06:00 IST"):
        token.check(dies)


def test_the_age_of_a_token_is_told_where_it_is_known() -> None:
    assert KiteToken("key", "access", created_ns=MORNING).age_s(MORNING + 90 * 10**9) == 90.0
    unknown = KiteToken("key", "access")
    assert (unknown.age_s(MORNING), unknown.expires_ns) == (None, None)
    unknown.check(MORNING)


def test_secrets_are_not_shown() -> None:
    assert "access" not in repr(KiteToken("key", "access", "secret"))
    assert "secret" not in repr(KiteToken("key", "access", "secret"))


class KnownAccount:
    """An account whose session holds."""

    def profile(self) -> Profile:
        return Profile("AB1234", "Some One")

    def margins(self) -> Margins:
        raise NotImplementedError


def test_a_session_is_checked_by_its_age_and_by_whom_it_belongs_to() -> None:
    mine = KiteToken("key", "access", user_id="AB1234", created_ns=MORNING)

    assert check_session(mine, KnownAccount(), MORNING).user_id == "AB1234"
    with pytest.raises(SessionExpired, match="died"):
        check_session(mine, KnownAccount(), MORNING + 24 * 3600 * 10**9)
    with pytest.raises(SessionExpired, match="of ZZ9999 is a session of AB1234"):
        check_session(KiteToken("key", "access", user_id="ZZ9999"), KnownAccount(), MORNING)
