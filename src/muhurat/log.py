"""One JSON-lines file per service, rotated, on the desk's clock, in which no secret ever appears.

A service calls `configure` once; every module asks for `get_logger(__name__)`. Messages of libraries that use the
standard `logging` take the same path. Secrets are hidden three ways: by the name of a field, by their value once
`register_secret` has been told it, and by the forms in which tokens travel inside texts (URLs, headers, tracebacks).
"""

from __future__ import annotations

import logging
import logging.handlers
import math
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from muhurat.clock import Clock, ist
from muhurat.errors import MuhuratError

HIDDEN: Final = "***"

_SECRET_WORDS: Final = (
    "token",
    "secret",
    "password",
    "passwd",
    "apikey",
    "authorization",
    "checksum",
    "cookie",
    "totp",
)
_PUBLIC_NAMES: Final = frozenset({"tokens", "instrumenttoken", "instrumenttokens", "exchangetoken", "exchangetokens"})
_SHORTEST_SECRET: Final = 4
_CHATTY: Final = ("httpx", "httpcore", "urllib3", "asyncio", "twisted")
_FIRST_KEYS: Final = ("timestamp", "level", "service", "logger", "event")

_NAMED_VALUE = re.compile(
    r"""(?ix) (?<![\w-])
        (?P<name> [\w-]* (?:token|secret|passw(?:or)?d|api[_-]?key|authorization|checksum|totp) [\w-]* )
        (?P<between> = | \\*["'] \s* [:=] \s* b? )
        (?: (?P<open> \\*["'] ) (?P<quoted> .*? ) (?P<close> (?P=open) ) | (?P<bare> [^\s"'&,;<>(){}\[\]]+ ) )"""
)
_IN_TEXT: Final = (
    re.compile(r"(?i)(?P<keep>\bauthorization\\*['\"]?\s*[:=]\s*b?\\*['\"]?(?:token|bearer|basic)\s+)[^\s'\",;\\]+"),
    re.compile(r"(?i)(?P<keep>\bbearer\s+)[\w.~+/-]{8,}=*"),
    re.compile(r"(?i)(?P<keep>\btoken\s+)\w+:\w+"),
    re.compile(r"(?P<keep>/bot)\d+:[\w-]+"),
    re.compile(r"(?P<keep>\w://[^\s/:@]*:)[^\s/@]+(?=@)"),
)


class _State:
    """What this process's log has been told."""

    secrets: tuple[str, ...] = ()
    configured: bool = False


def get_logger(name: str) -> structlog.stdlib.BoundLogger:
    """The logger of a module, by its `__name__`: `log.info("what happened", key=value)`."""
    return structlog.stdlib.get_logger(name)


def register_secret(value: str) -> None:
    """Hide this value from now on wherever it appears; one of under four letters is ordinary text and stays."""
    if len(value) >= _SHORTEST_SECRET:
        forms = {value, quote(value, safe=""), repr(value)[1:-1], *_State.secrets}
        _State.secrets = tuple(sorted(forms, key=len, reverse=True))


def redact(text: str) -> str:
    """The text without registered secrets, and without tokens in URLs, headers and printed mappings."""
    for secret in _State.secrets:
        text = text.replace(secret, HIDDEN)
    for pattern in _IN_TEXT:
        text = pattern.sub(rf"\g<keep>{HIDDEN}", text)
    return _NAMED_VALUE.sub(_hide_named, text)


def configure(
    service: str,
    logs_dir: Path,
    *,
    clock: Clock,
    max_bytes: int = 100_000_000,
    backups: int = 7,
    level: str = "INFO",
) -> None:
    """Send this process's messages to `<logs_dir>/<service>.log`, and to the console when a person watches it."""
    file = _service_file(logs_dir / f"{service}.log", max_bytes, backups)
    stamp = _Stamp(service, clock)
    file.setFormatter(_formatter(stamp, structlog.processors.JSONRenderer(ensure_ascii=False)))
    handlers: list[logging.Handler] = [file]
    if sys.stderr.isatty():
        console = logging.StreamHandler()
        console.setFormatter(_formatter(stamp, _console_renderer()))
        handlers.append(console)
    logging.basicConfig(handlers=handlers, level=level.upper(), force=True)
    for name in _CHATTY:
        logging.getLogger(name).setLevel(logging.WARNING)
    _State.configured = True
    _use(*_common(stamp))


def also_to(path: Path, *, max_bytes: int = 100_000_000, backups: int = 7, **only: str) -> None:
    """Also write the messages that carry these values to a file of their own, `configure` having been called.

    Its lines are plain: `2025-10-05 09:05:00 - INFO - what happened (key=value)`, on the desk's clock. Raises
    `MuhuratError` when the file cannot be written.
    """
    file = _service_file(path, max_bytes, backups)
    file.addFilter(lambda record: isinstance(record.msg, dict) and only.items() <= record.msg.items())
    hidden = frozenset((*_FIRST_KEYS, *only))
    file.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                _hide_secrets,
                lambda _logger, _method, event: _plain_line(event, hidden),
            ]
        )
    )
    logging.getLogger().addHandler(file)


def _plain_line(event: EventDict, hidden: frozenset[str]) -> str:
    moment = str(event["timestamp"]).replace("T", " ")[:19]
    more = ", ".join(f"{key}={value}" for key, value in event.items() if key not in hidden)
    told = f"{event['event']} ({more})" if more else str(event["event"])
    return f"{moment} - {str(event['level']).upper()} - {told}"


class _Stamp:
    """Adds the desk's time and the service's name to every message."""

    def __init__(self, service: str, clock: Clock) -> None:
        self._service, self._clock = service, clock

    def __call__(self, _logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        moment = ist(self._clock.now_ns())
        event["timestamp"] = moment.isoformat(timespec="milliseconds")
        event["service"] = self._service
        return event


class _ServiceFile(logging.handlers.RotatingFileHandler):
    """A rotated file; when it cannot be written, says so without repeating the message, which may hold a secret."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802
        error = sys.exc_info()[1]
        print(f"log: {self.baseFilename} lost a message of {record.name}: {type(error).__name__}", file=sys.stderr)  # noqa: T201


def _service_file(path: Path, max_bytes: int, backups: int) -> _ServiceFile:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return _ServiceFile(path, maxBytes=max_bytes, backupCount=backups, encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        raise MuhuratError(
            f"the log {path} cannot be written: {error.strerror}", hint="check desk.logs_dir, its owner and its disk"
        ) from error


def _use(*processors: Processor) -> None:
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *processors, _hand_over],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
    )


def _common(stamp: _Stamp) -> list[Processor]:
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        stamp,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
        structlog.processors.UnicodeDecoder(),
    ]


def _formatter(stamp: _Stamp, renderer: Processor) -> structlog.stdlib.ProcessorFormatter:
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[*_common(stamp), structlog.stdlib.ExtraAdder()],
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, _hide_secrets, _in_order, renderer],
    )


def _console_renderer() -> structlog.dev.ConsoleRenderer:
    return structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)


def _hand_over(logger: logging.Logger, method: str, event: EventDict) -> Any:
    """Give the message to the formatters of `configure`; before that, to standard logging as redacted text."""
    if _State.configured:
        return structlog.stdlib.ProcessorFormatter.wrap_for_formatter(logger, method, event)
    return structlog.processors.KeyValueRenderer(key_order=["event"])(logger, method, event)


def _in_order(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    return {key: event[key] for key in _FIRST_KEYS if key in event} | dict(event)


def _hide_secrets(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    return {key: value if key == "timestamp" else _clean(key, value) for key, value in event.items()}


def _clean(name: str, value: Any) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if _is_secret_name(name):
        return HIDDEN
    if isinstance(value, Mapping):
        return {redact(str(key)): _clean(str(key), item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_clean("", item) for item in value]
    if isinstance(value, int | float) and math.isfinite(value):
        return HIDDEN if str(value) in _State.secrets else value
    return redact(value if isinstance(value, str) else repr(value))


def _is_secret_name(name: str) -> bool:
    plain = re.sub(r"[\W_]", "", name.lower())
    return plain not in _PUBLIC_NAMES and any(word in plain for word in _SECRET_WORDS)


def _hide_named(match: re.Match[str]) -> str:
    bare = match["bare"]
    if not _is_secret_name(match["name"]) or bare in {HIDDEN, "None", "True", "False"}:
        return match[0]
    hidden = HIDDEN if bare else f"{match['open']}{HIDDEN}{match['close']}"
    return f"{match['name']}{match['between']}{hidden}"


_use(structlog.processors.format_exc_info, _hide_secrets)
