"""From the bytes of `process.json` to a document, told as a person would when they are no JSON.

The registry is full of Windows paths, and a backslash begins an escape in JSON. So a bad escape is reported with its
line, its column and what to write instead, on every line that has one; and an escape that JSON knows (`\\t` in
`C:\\temp`, written with one backslash) is found in the value, where it left a control character behind.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from muhurat.errors import ConfigProblem

REMEDY: Final = r"in JSON a backslash is written twice, \\, or write /"

_ESCAPE: Final = re.compile(r'\\(u[0-9a-fA-F]{4}|["\\/bfnrt])|\\(.|$)', re.DOTALL)
_LITERAL: Final = re.compile(r'"((?:[^"\\]|\\.)*)("|$)')
_PATH_ENDING: Final = re.compile(r'"((?:[A-Za-z]:|\\\\|\$\{base_path\})[^"]*?[^"\\])\\"')
_CONTROL: Final = re.compile(r"[\x00-\x1f]")
_PATH_BEGINNING: Final = re.compile(r"([A-Za-z]:|[\\/]|\$\{base_path\})")
_SURROGATE: Final = re.compile(r"[\ud800-\udfff]")
_WRITTEN: Final = {"\b": r"\b", "\f": r"\f", "\n": r"\n", "\r": r"\r", "\t": r"\t"}
_UTF16: Final = (b"\xff\xfe", b"\xfe\xff")


class Unreadable(ValueError):
    """The bytes are no JSON document; carries every reason found. Never leaves this package."""

    def __init__(self, problems: list[ConfigProblem]) -> None:
        super().__init__("; ".join(map(str, problems)))
        self.problems = problems


class _Object(dict[str, Any]):
    """A JSON object that remembers which of its keys were written twice."""

    twice: tuple[str, ...] = ()


def parse(content: bytes) -> Any:
    """The document; raises `Unreadable`. A byte order mark, which Windows editors write, is read past."""
    if content.startswith(_UTF16):
        raise Unreadable([ConfigProblem("the file", "is UTF-16 text", "save it as UTF-8")])
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise Unreadable([ConfigProblem(f"line {line}", "is not UTF-8 text", "save the file as UTF-8")]) from error
    try:
        return json.loads(text, object_pairs_hook=_object, parse_constant=_refused)
    except json.JSONDecodeError as error:
        raise Unreadable(_explained(text, error)) from error
    except RecursionError as error:
        raise Unreadable([ConfigProblem("the file", "is nested too deeply to be a registry")]) from error
    except ValueError as error:
        raise Unreadable([ConfigProblem("the file", f"is not JSON: {error}")]) from error


def text_problems(node: Any, path: str = "") -> Iterator[ConfigProblem]:
    """What JSON lets pass and nobody means: a key twice in one object, half a character, a path with a tab in it."""
    if isinstance(node, Mapping):
        for key in getattr(node, "twice", ()):
            yield ConfigProblem(at(path, shown(key)), "is written twice", "keep one of them")
        for key, value in node.items():
            if _SURROGATE.search(key):
                yield ConfigProblem(at(path, shown(key)), "the key holds half a character", "remove the \\u escape")
            yield from text_problems(value, at(path, shown(key)))
    elif isinstance(node, list):
        for number, value in enumerate(node):
            yield from text_problems(value, f"{path}[{number}]")
    elif isinstance(node, str):
        yield from _value_problems(node, path)


def at(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def shown(text: str) -> str:
    """A text for a message: on one line, printable everywhere, not endless."""
    plain = text.encode("utf-8", "backslashreplace").decode("utf-8")
    plain = _CONTROL.sub(lambda found: _escape(found[0]), plain)
    return plain if len(plain) <= 120 else plain[:117] + "..."


def is_damaged(text: str) -> bool:
    """Whether a text holds what no path can hold: control characters or half a character."""
    return bool(_CONTROL.search(text) or _SURROGATE.search(text))


def _value_problems(value: str, path: str) -> Iterator[ConfigProblem]:
    if _SURROGATE.search(value):
        yield ConfigProblem(path, "the text holds half a character", "remove the \\u escape")
    elif _PATH_BEGINNING.match(value) and (control := _CONTROL.search(value)):
        escape = _escape(control[0])
        meant = shown(value).replace("\\\\", "\\")
        yield ConfigProblem(
            path,
            f"JSON read the {escape} of {meant} as {_named(control[0])}",
            f"{REMEDY}: {_doubled(meant)} or {meant.replace(chr(92), '/')}",
        )


def _object(pairs: list[tuple[str, Any]]) -> _Object:
    made = _Object(pairs)
    if len(made) < len(pairs):
        keys = [key for key, _ in pairs]
        made.twice = tuple(dict.fromkeys(key for key in keys if keys.count(key) > 1))
    return made


def _refused(word: str) -> float:
    raise ValueError(f"{word} is no number of JSON")


def _explained(text: str, error: json.JSONDecodeError) -> list[ConfigProblem]:
    escapes = list(_bad_escapes(text))
    if escapes:
        return escapes
    where = _where(error.lineno, error.colno)
    ending = _swallowed_quote(text, error.lineno)
    if ending is not None:
        return [ending]
    reason = error.msg[:1].lower() + error.msg[1:]
    rest = text[: error.pos].rstrip()
    hint = "remove the comma before it" if rest.endswith(",") and text[error.pos : error.pos + 1] in "}]" else ""
    return [ConfigProblem(where, f"not JSON: {reason}", hint)]


def _bad_escapes(text: str) -> Iterator[ConfigProblem]:
    """The first bad escape of every line, with the text it stands in as it should be written."""
    for number, line in enumerate(text.splitlines(), 1):
        for literal in _LITERAL.finditer(line):
            bad = next((found for found in _ESCAPE.finditer(literal[1]) if found[1] is None), None)
            if bad is not None:
                column = literal.start(1) + bad.start() + 1
                written = bad[0] if bad[0] != "\\u" else literal[1][bad.start() : bad.start() + 6]
                meant = literal[1] if literal[2] else literal[1].partition('"')[0]
                hint = f'{REMEDY}: "{_doubled(meant)}"'
                yield ConfigProblem(_where(number, column), f"{shown(written)} is no escape that JSON knows", hint)
                break


def _swallowed_quote(text: str, last_line: int) -> ConfigProblem | None:
    """A path that ends in one backslash, which takes the closing quote for itself; the error shows further down."""
    lines = text.splitlines()[:last_line]
    for number in range(len(lines), max(0, len(lines) - 3), -1):
        found = _PATH_ENDING.search(lines[number - 1])
        if found is not None:
            return ConfigProblem(
                _where(number, found.end() - 1),
                'the backslash before the closing quote makes the quote part of the text: \\"',
                f'{REMEDY}: "{_doubled(found[1])}\\\\"',
            )
    return None


def _doubled(written: str) -> str:
    r"""A text with every backslash written twice, those that are already left alone: `C:\Users` as `C:\\Users`."""
    return re.sub(r"\\+", r"\\\\", written)


def _escape(control: str) -> str:
    return _WRITTEN.get(control, f"\\u{ord(control):04x}")


def _named(control: str) -> str:
    names = {"\t": "a tab", "\n": "the end of a line", "\r": "a carriage return", "\b": "a backspace"}
    return names.get(control, "a control character")


def _where(line: int, column: int) -> str:
    return f"line {line}, column {column}"
