"""From `parameter` to arguments, secrets, and what is taken out of output."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from muhurat.errors import UsageError
from muhurat.jobs.arguments import arguments, resolve, secret_values
from muhurat.jobs.redaction import Redactor


def test_parameters_become_what_a_person_would_type() -> None:
    parameter = {"host": "h", "tables": ["A", "B:soft"], "all-databases": True, "no_compress": False, "port": 3306}
    parameter |= {"day": None, "empty": [], "--given": 1.5}
    assert arguments(parameter) == [
        *("--host", "h", "--tables", "A", "B:soft", "--all-databases", "--port", "3306", "--given", "1.5"),
    ]


def test_secrets_are_put_in_and_a_missing_one_is_named() -> None:
    assert resolve(["--url", "ftp://u:${env:PW}@h"], {"PW": "geheim"}) == ["--url", "ftp://u:geheim@h"]
    with pytest.raises(UsageError, match="PW is not set") as failed:
        resolve(["${env:PW}"], {})
    assert ".env" in failed.value.hint


def test_named_secrets_and_those_whose_names_tell_are_hidden_and_ordinary_values_are_not() -> None:
    environment = {"X": "named-one", "KITE_API_SECRET": "telling", "QUESTDB_PORT": "8812", "MY_TOKEN": "abc"}
    assert secret_values(["${env:X}"], environment) == {"named-one", "telling"}


@given(st.lists(st.sampled_from([b"geheim", b"geh", b"eim", b"gehegeheim", b"x", b"\n"])), st.integers(1, 7))
def test_however_the_output_is_cut_a_secret_never_shows_and_nothing_else_is_lost(parts: list[bytes], size: int) -> None:
    text = b"".join(parts)
    redactor = Redactor(["geheim"])
    pieces = [text[start : start + size] for start in range(0, len(text), size)]
    shown = b"".join([*(redactor.feed(piece) for piece in pieces), redactor.rest()])
    assert b"geheim" not in shown
    assert shown.replace(b"***", b"geheim") == text
