"""Refused logins are remembered, each one's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from muhurat.clock import ManualClock
from muhurat.jobs.base import JobError
from muhurat.jobs.refused_logins import RefusedLogins


@pytest.fixture
def refused(tmp_path: Path) -> RefusedLogins:
    return RefusedLogins(tmp_path / "data" / "refused.json", ManualClock(0))


def test_one_login_does_not_make_another_forgotten(refused: RefusedLogins) -> None:
    refused.remember("first", "one", "code 701")
    refused.remember("second", "two", "code 701")

    for who, password in (("first", "one"), ("second", "two")):
        with pytest.raises(JobError, match=f"the login of {who} was refused .* code 701; it was not sent again"):
            refused.check(who, password, "correct it")

    refused.forget("second")
    refused.check("second", "two", "correct it")
    with pytest.raises(JobError, match="the login of first"):
        refused.check("first", "one", "correct it")


def test_another_password_may_be_sent(refused: RefusedLogins) -> None:
    refused.remember("first", "one", "code 701")

    refused.check("first", "another", "correct it")


@pytest.mark.parametrize("content", ["{", "[]", '{"first": {}}', '{"first": 1}'])
def test_a_damaged_file_is_named_and_no_login_is_sent(refused: RefusedLogins, content: str) -> None:
    refused.path.parent.mkdir()
    refused.path.write_text(content)

    with pytest.raises(JobError, match=r"refused\.json is damaged"):
        refused.check("first", "one", "correct it")
