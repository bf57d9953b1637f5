"""A QuestDB server asked over HTTP (`/exec`): answers row by row, and what went wrong in words.

Over the standard library's client, which is patient: a statement that fails only at its first row makes the server
(9.3.2) put a second status line among the headers, `HTTP/1.1 200 OK` first, and stricter clients give up there.
"""

from __future__ import annotations

import json
import ssl
from base64 import b64encode
from codecs import getincrementaldecoder
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from itertools import islice
from typing import Any, Final
from urllib.parse import quote

from muhurat.errors import StoreError
from muhurat.log import redact
from muhurat.stores.base import Rows
from muhurat.stores.questdb.address import Address

CONNECT_S: Final = 5.0
STATEMENT_S: Final = 8.0
"""A server that says nothing about a short statement for so long is taken for gone."""

ANSWER_S: Final = 60.0
"""The same of a user's query, which QuestDB ends after a minute itself."""

_BATCH: Final = 10_000
_SHOWN: Final = 80
_CHUNK_BYTES: Final = 1 << 17
_DATASET: Final = '"dataset":['
_KNOWN: Final = frozenset({"columns", "ddl", "dml", "error"})
"""An answer has one of these."""

_INSTANTS: Final = frozenset({"TIMESTAMP", "TIMESTAMP_NS", "DATE"})
_MICROSECONDS: Final = len("2025-09-02T04:30:00.000000")


class Refused(StoreError):
    """The server's own words about a statement that it does not run; `position` counts its characters from 0."""

    def __init__(self, message: str, position: int) -> None:
        super().__init__(message)
        self.position = position


class Server:
    """One server; may be asked from several threads. Connections are used again while the server keeps them."""

    def __init__(self, address: Address) -> None:
        """Nothing is connected to yet. Raises `StoreError` when the authority's certificate cannot be read."""
        self.address = address
        self._trust = _trust(address) if address.tls else None
        self._headers = {"Authorization": _basic(address)} if address.user else {}
        self._idle: list[HTTPConnection] = []

    def query(self, sql: str, *, patience_s: float | None = None) -> Rows:
        """The answer to one statement; raises `Refused` when it is wrong, `StoreError` when nobody answers."""
        chunks = self._answer(f"/exec?query={quote(sql, safe='')}", patience_s or ANSWER_S)
        header, rest = _header(chunks, self.address)
        columns = header.get("columns", [])
        batches = _batches(_rows(rest, chunks, self.address), [column["type"] for column in columns])
        first = next(batches, [])
        return Rows([column["name"] for column in columns], _chained(first, batches))

    def table(self, sql: str, *, patience_s: float | None = None) -> list[dict[str, Any]]:
        """All rows of a short answer to a statement of our own; raises `StoreError`."""
        try:
            return list(self.query(sql, patience_s=patience_s or STATEMENT_S).dicts())
        except Refused as error:
            raise StoreError(
                f"{self.address.place} refuses {sql[:_SHOWN]!r}: {error}",
                hint="has the user the right to it, and is the server of version 9.3 or later?",
            ) from error

    def run(self, statement: str, *, patience_s: float | None = None) -> None:
        """Have a statement carried out that has no answer."""
        self.table(statement, patience_s=patience_s)

    def close(self) -> None:
        while self._idle:
            self._idle.pop().close()

    def _answer(self, path: str, patience_s: float) -> Iterator[str]:
        """The text of an answer as it comes in."""
        try:
            connection, response = self._ask(path, patience_s)
            if response.status in (401, 403):
                connection.close()
                raise unauthorised(self.address)
            decoder = getincrementaldecoder("utf-8")("replace")
            while chunk := response.read1(_CHUNK_BYTES):
                yield decoder.decode(chunk)
        except (OSError, HTTPException) as error:
            raise unreachable(self.address, error) from error
        self._idle.append(connection)

    def _ask(self, path: str, patience_s: float) -> tuple[HTTPConnection, HTTPResponse]:
        while self._idle:
            connection = self._idle.pop()
            with suppress(ConnectionError):  # idle for longer than the server keeps connections, or it started anew
                return connection, self._exchange(connection, path, patience_s)
            connection.close()
        connection = self._connect()
        return connection, self._exchange(connection, path, patience_s)

    def _exchange(self, connection: HTTPConnection, path: str, patience_s: float) -> HTTPResponse:
        if connection.sock is None:  # the server had said that it would hang up
            connection.connect()
        connection.sock.settimeout(patience_s)
        connection.request("GET", path, headers=self._headers)
        return connection.getresponse()

    def _connect(self) -> HTTPConnection:
        host, port = self.address.host, self.address.port
        if self._trust is None:
            connection = HTTPConnection(host, port, timeout=CONNECT_S)
        else:
            connection = HTTPSConnection(host, port, timeout=CONNECT_S, context=self._trust)
        connection.connect()
        return connection


def unreachable(address: Address, error: BaseException) -> StoreError:
    """Nobody answers there, or not in QuestDB's way; trying again may help."""
    told = redact(str(error)) or type(error).__name__
    hint = "start it, or correct host and port in the desk file's stores.ticks (QUESTDB_HOST and QUESTDB_PORT in .env)"
    if isinstance(error, ssl.SSLCertVerificationError):
        hint = "a certificate of your own is trusted with ?ca=FILE at the end of stores.ticks"
    elif isinstance(error, HTTPException | TimeoutError):
        hint = f"it wants the port of QuestDB's HTTP interface, usually 9000, and not PostgreSQL's; {hint}"
    return StoreError(f"{address.place} cannot be reached: {told}", permanent=False, hint=hint)


def unauthorised(address: Address) -> StoreError:
    """The server does not take our name and password."""
    who = f"the user {address.user!r}" if address.user else "a desk without user and password"
    return StoreError(
        f"{address.place} refuses {who} (401 Unauthorized)",
        hint="check user and password in the desk file's stores.ticks (QUESTDB_USER and QUESTDB_PASSWORD in .env)",
    )


def _not_questdb(address: Address, told: str) -> StoreError:
    return StoreError(
        f"{address.place} answers, but not as QuestDB does: {redact(told)}",
        permanent=False,
        hint="it wants the port of QuestDB's HTTP interface, usually 9000: correct stores.ticks (QUESTDB_PORT in .env)",
    )


def _basic(address: Address) -> str:
    return "Basic " + b64encode(f"{address.user}:{address.password}".encode()).decode()


def _trust(address: Address) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if address.ca:
        try:
            context.load_verify_locations(address.ca)
        except OSError as error:
            raise StoreError(f"the certificates {address.ca} cannot be read: {error}") from error
    return context


def _header(chunks: Iterator[str], address: Address) -> tuple[Mapping[str, Any], str]:
    """What comes before the rows, and the text in which they begin. Inside a string the mark's quotes are escaped."""
    text = ""
    for chunk in chunks:
        text += chunk
        at = text.find(_DATASET)
        if at >= 0:
            return json.loads(f"{text[:at]}{_DATASET}]}}"), text[at + len(_DATASET) :]
    try:
        header = json.loads(text)
    except ValueError as error:
        raise _not_questdb(address, repr(text[:100])) from error
    if not isinstance(header, dict) or not _KNOWN & header.keys():
        raise _not_questdb(address, repr(text[:100]))
    if "error" in header:
        raise Refused(str(header["error"]), int(header.get("position", 0)))
    return header, "]"


def _rows(text: str, chunks: Iterator[str], address: Address) -> Iterator[list[Any]]:
    """Row after row as the text comes in; a row that is not yet whole waits for more."""
    decode, at = json.JSONDecoder().raw_decode, 0
    while True:
        if text[at : at + 1] == ",":
            at += 1
        if text[at : at + 1] == "]":
            for _ in chunks:  # to the end, so that the connection can be used again
                pass
            return
        try:
            row, at = decode(text, at)
        except ValueError:
            more = next(chunks, None)
            if more is None:
                raise StoreError(f"{address.place} broke off in the middle of an answer", permanent=False) from None
            text, at = text[at:] + more, 0
            continue
        yield row


def _batches(rows: Iterator[list[Any]], types: Sequence[str]) -> Iterator[list[tuple[Any, ...]]]:
    instants = [place for place, kind in enumerate(types) if kind in _INSTANTS]
    while batch := list(islice(rows, _BATCH)):
        for row in batch:
            for place in instants:
                row[place] = _instant(row[place])
        yield [tuple(row) for row in batch]


def _instant(text: str | None) -> datetime | None:
    """UTC without a zone, to the microsecond."""
    return None if text is None else datetime.fromisoformat(text.removesuffix("Z")[:_MICROSECONDS])


def _chained(first: list[tuple[Any, ...]], rest: Iterator[list[tuple[Any, ...]]]) -> Iterator[list[tuple[Any, ...]]]:
    yield first
    yield from rest
