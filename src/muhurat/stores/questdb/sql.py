"""A user's query before it is sent: one statement, only reading, with the desk's `now()`; and where it is wrong."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from muhurat.clock import NS_PER_S
from muhurat.stores.base import QueryError
from muhurat.stores.questdb.server import Refused

_TOKEN: Final = re.compile(
    r"""(?P<text>'(?:[^']|'')*' | "(?:[^"]|"")*") | (?P<comment>--[^\n]* | /\*.*?\*/)
    | (?P<now>(?<![\w.])now\s*\(\s*\)) | (?P<word>[A-Za-z_]\w*) | (?P<other>\S)""",
    re.VERBOSE | re.DOTALL | re.IGNORECASE,
)
_READING: Final = frozenset({"SELECT", "WITH", "EXPLAIN", "SHOW", "DECLARE"})
_WRITING: Final = frozenset(
    {"ALTER", "BACKUP", "CHECKPOINT", "COPY", "CREATE", "DELETE", "DROP", "INSERT", "REFRESH", "REINDEX", "RENAME"}
    | {"SET", "SNAPSHOT", "TRUNCATE", "UPDATE", "VACUUM"}
)


@dataclass(frozen=True, slots=True)
class Prepared:
    """A query as it is sent, and which stretches of it (start, end in it, end in the user's) were put in."""

    sql: str
    original: str
    changes: tuple[tuple[int, int, int], ...]

    def error(self, refused: Refused) -> QueryError:
        """The server's refusal, its place found again in what the user wrote."""
        position = min(self._original_place(refused.position), len(self.original))
        before = self.original[:position]
        line = before.count("\n") + 1
        return QueryError(str(refused), line=line, column=position - (before.rfind("\n") + 1) + 1)

    def _original_place(self, position: int) -> int:
        known = bisect_right([start for start, _, _ in self.changes], position) - 1
        if known < 0:
            return position
        _, end, original_end = self.changes[known]
        return original_end + max(position - end, 0)


def prepare(sql: str, now_ns: int) -> Prepared:
    """Check that a query is one statement that only reads, and put the desk's time in place of `now()`.

    Raises `QueryError` otherwise.
    """
    _check_reads(sql)
    parts, changes, done, length = [], [], 0, 0
    instant = _literal(now_ns)
    for token in _TOKEN.finditer(sql):
        if token.lastgroup == "now":
            kept = sql[done : token.start()]
            start = length + len(kept)
            parts += [kept, instant]
            length, done = start + len(instant), token.end()
            changes.append((start, length, done))
    return Prepared("".join([*parts, sql[done:]]), sql, tuple(changes))


def mentions(sql: str, name: str) -> bool:
    """Whether a query uses a table or view of this name."""
    return re.search(rf"\b{name}\b", sql, re.IGNORECASE) is not None


def _literal(now_ns: int) -> str:
    now = datetime.fromtimestamp(now_ns // NS_PER_S, UTC).replace(microsecond=now_ns % NS_PER_S // 1000)
    return f"cast('{now:%Y-%m-%dT%H:%M:%S.%f}Z' AS TIMESTAMP)"


def _check_reads(sql: str) -> None:
    tokens = [token for token in _TOKEN.finditer(sql) if token.lastgroup != "comment"]
    statements = _statements([token.group() for token in tokens])
    if len(statements) != 1:
        raise QueryError(f"one statement is wanted, not {len(statements)}")
    words = list(_outer_words(statements[0]))
    first = words[0] if words else statements[0][0]
    if first not in _READING:
        raise QueryError(f"only SELECT is run here, not {first}")
    verb = next((word for word in words if word in ("SELECT", "SHOW") or word in _WRITING), "")
    if verb in _WRITING:
        raise QueryError(f"only SELECT is run here, not {verb}")


def _statements(tokens: list[str]) -> list[list[str]]:
    found: list[list[str]] = [[]]
    for token in tokens:
        if token == ";":
            found.append([])
        else:
            found[-1].append(token)
    return [statement for statement in found if statement]


def _outer_words(tokens: list[str]) -> Iterator[str]:
    """The words outside all brackets, in capitals."""
    depth = 0
    for token in tokens:
        depth += (token == "(") - (token == ")")
        if not depth and token[0].isalpha():
            yield token.upper()
