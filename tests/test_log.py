"""The log: one JSON line per message on the desk's clock, rotated, and never a secret."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import structlog

from muhurat import log
from muhurat.clock import ManualClock
from muhurat.errors import MuhuratError

AT_0915_IST = 1_794_800_700_000_000_000  # 2026-11-16 09:15:00 IST


@pytest.fixture(autouse=True)
def _as_found(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Give logging back as it was: its handlers, its secrets and structlog's settings."""
    root = logging.getLogger()
    handlers, level, settings = root.handlers[:], root.level, structlog.get_config()
    monkeypatch.setattr(log._State, "secrets", ())
    monkeypatch.setattr(log._State, "configured", False)
    yield
    for handler in root.handlers:
        if handler not in handlers:
            with suppress(OSError):
                handler.close()
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.configure(**settings)


def configure(folder: Path, **options: Any) -> ManualClock:
    clock = ManualClock(AT_0915_IST)
    log.configure("trader", folder, clock=clock, **options)
    return clock


def lines(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "trader.log").read_text().splitlines()]


def everything(folder: Path) -> str:
    return "".join(path.read_text() for path in folder.iterdir())


def test_a_message_is_one_json_line_on_the_desks_clock(tmp_path: Path) -> None:
    clock = configure(tmp_path)
    clock.advance(1.25)
    log.get_logger("muhurat.trading").info("order placed", quantity=20, price=Decimal("101.05"), path=tmp_path)
    (line,) = lines(tmp_path)
    assert list(line)[:5] == ["timestamp", "level", "service", "logger", "event"]
    assert line["timestamp"] == "2026-11-16T09:15:01.250+05:30"
    assert (line["level"], line["service"], line["logger"]) == ("info", "trader", "muhurat.trading")
    assert (line["event"], line["quantity"]) == ("order placed", 20)
    assert "101.05" in line["price"]


def test_messages_of_libraries_take_the_same_path(tmp_path: Path) -> None:
    configure(tmp_path)
    logging.getLogger("kiteconnect").warning("closed by %s", "peer", extra={"code": 1006})
    logging.getLogger("httpx").info("GET / 200")
    (line,) = lines(tmp_path)
    assert (line["event"], line["logger"], line["code"]) == ("closed by peer", "kiteconnect", 1006)
    assert line["timestamp"].endswith("+05:30")


def test_the_level_is_kept(tmp_path: Path) -> None:
    configure(tmp_path, level="warning")
    log.get_logger("a").info("quiet")
    log.get_logger("a").warning("loud")
    assert [line["event"] for line in lines(tmp_path)] == ["loud"]


def test_files_rotate_and_the_oldest_go(tmp_path: Path) -> None:
    configure(tmp_path, max_bytes=2_000, backups=2)
    for number in range(100):
        log.get_logger("a").info("tick", number=number)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["trader.log", "trader.log.1", "trader.log.2"]
    assert all(path.stat().st_size <= 2_000 for path in tmp_path.iterdir())
    assert lines(tmp_path)[-1]["number"] == 99


def test_a_registered_secret_never_reaches_the_file(tmp_path: Path) -> None:
    secret = "s3cr3t/v@lue'q"
    configure(tmp_path)
    log.register_secret(secret)
    logger = log.get_logger("a")
    text = f"text {secret}"
    logger.info(text, plain=secret, nested={"deep": [secret, {secret}]}, raw=secret.encode(), odd=Odd(secret))
    logging.getLogger("lib").warning("library says %s", secret)
    try:
        raise ValueError(f"refused: {secret}")
    except ValueError:
        logger.exception("failed", url="https://x/?k=s3cr3t%2Fv%40lue%27q")
        logging.getLogger("lib").exception("failed too")
    written = everything(tmp_path)
    assert written.count("refused: ***") == 2
    assert "s3cr3t" not in written


class Odd:
    """Something JSON has no word for, whose repr tells too much."""

    def __init__(self, value: str) -> None:
        self.value = value

    def __repr__(self) -> str:
        return f"Odd({self.value!r})"


@pytest.mark.parametrize(
    "name",
    ["access_token", "API-Key", "apiSecret", "db_password", "Authorization", "checksum", "enctoken", "X-Api-Key"],
)
def test_a_field_named_like_a_secret_is_hidden(name: str, tmp_path: Path) -> None:
    configure(tmp_path)
    log.get_logger("a").info("login", **{name: "Zx81Zx81"}, headers={name: "Zx81Zx81"})
    assert "Zx81" not in everything(tmp_path)
    assert lines(tmp_path)[0][name] == log.HIDDEN


def test_instrument_tokens_and_plain_flags_stay_readable(tmp_path: Path) -> None:
    configure(tmp_path)
    log.get_logger("a").info("subscribed instrument_token=265", instrument_token=265, tokens=[1, 2], token_valid=True)
    (line,) = lines(tmp_path)
    assert line["event"] == "subscribed instrument_token=265"
    assert (line["instrument_token"], line["tokens"], line["token_valid"]) == (265, [1, 2], True)


@pytest.mark.parametrize(
    "text",
    [
        "wss://ws.example/?api_key=Zx81&access_token=Zx81Zx81&uid=7",
        "GET /bot123456:Zx81-Zx81_Z/sendMessage",
        "Authorization: token Zx81key:Zx81token",
        "{'Authorization': 'token Zx81key:Zx81token'}",
        "using token Zx81key:Zx81token now",
        "Authorization: Bearer Zx81.Zx81.Zx81",
        '{"data": {"access_token": "Zx81 Zx81"}}',
        r'body "{\"access_token\": \"Zx81Zx81\"}"',
        "mysql://desk:Zx81Zx81@db:3306/desk",
        "Settings(password='Zx81 with spaces Zx81', user='desk')",
        "{'checksum': b'Zx81Zx81'}",
    ],
)
def test_tokens_inside_texts_are_hidden(text: str) -> None:
    assert "Zx81" not in log.redact(text)
    assert log.HIDDEN in log.redact(text)


@pytest.mark.parametrize(
    "text", ["token expired, log in again", "instrument_token=408065", "basic authentication failed", "secret=None"]
)
def test_ordinary_text_is_left_alone(text: str) -> None:
    assert log.redact(text) == text


def test_a_value_too_short_to_be_a_secret_does_not_blank_the_log() -> None:
    log.register_secret("")
    log.register_secret("a")
    assert log.redact("a banana") == "a banana"


def test_a_failed_write_is_told_without_the_message(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "trader.log").symlink_to("/dev/full")
    configure(tmp_path)
    log.get_logger("a").info("Zx81" * 4)
    said = capsys.readouterr().err
    assert "lost a message of a: OSError" in said
    assert "Zx81" not in said


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "logs").write_text("a file where the folder should be")
    with pytest.raises(MuhuratError, match=r"trader\.log cannot be written"):
        configure(tmp_path / "logs")


def test_before_configure_warnings_go_to_stderr_and_nothing_to_stdout() -> None:
    program = (
        "from muhurat.log import get_logger\n"
        "log = get_logger('a')\n"
        "log.info('quiet')\n"
        "log.warning('loud', password='Zx81', url='x?access_token=Zx81')\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == ""
    assert "loud" in done.stderr
    assert "quiet" not in done.stderr
    assert "Zx81" not in done.stderr


def test_what_carries_a_value_is_also_written_to_a_file_of_plain_lines(tmp_path: Path) -> None:
    configure(tmp_path)
    log.also_to(tmp_path / "crawler3_sso_xvenue.log", feed="sso_xvenue")
    logger = log.get_logger("muhurat.capture")
    logger.info("Processed 1000 packets, 184000 bytes", feed="sso_xvenue")
    logger.info("of another feed", feed="sensex_desk")
    logger.info("of none")
    logger.bind(feed="sso_xvenue").warning("WebSocket refused", access_token="abcdef", retry_in_s=1.5)
    logging.getLogger("kiteconnect").warning("of a library")

    assert (tmp_path / "crawler3_sso_xvenue.log").read_text().splitlines() == [
        "2026-11-16 09:15:00 - INFO - Processed 1000 packets, 184000 bytes",
        "2026-11-16 09:15:00 - WARNING - WebSocket refused (access_token=***, retry_in_s=1.5)",
    ]
    assert len(lines(tmp_path)) == 5


def test_a_further_file_that_cannot_be_made_says_so(tmp_path: Path) -> None:
    configure(tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(MuhuratError, match=r"the log .*feed.log cannot be written"):
        log.also_to(tmp_path / "file" / "feed.log", feed="desk")
