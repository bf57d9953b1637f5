"""The members' extranet as the specification has it, small: one member, tokens that expire on command, two masters."""

from __future__ import annotations

import gzip
import json
from datetime import date
from functools import cache
from typing import Any

from tests.venues.answering import Answer, Asked, WebServer

MEMBER, LOGIN, PASSWORD = "90001", "desk01", "bm90LWEtc2VjcmV0"
BASE = "/extranet-api"
DOWNLOAD = f"{BASE}/common/file/download/2.0"
LIST = f"{BASE}/common/content/2.0"

_DAY_S = 86_400


def seconds_1980(day: date, at_s: int = 0) -> int:
    return (day - date(1980, 1, 1)).days * _DAY_S + at_s


def contract_row(token: int, instrument: str, expiry: date, symbol: str = "NIFTY") -> list[str]:
    row = [""] * 69
    row[0], row[1], row[2], row[3], row[4] = str(token), "26000", instrument, symbol, "XX"
    row[6] = str(seconds_1980(expiry, 52_200))
    row[7], row[8] = ("2500000", "CE") if instrument.startswith("OPT") else ("-1", "XX")
    row[30], row[31], row[32], row[34] = "75", "75", "5", "1.80100000000000E+03"
    row[42], row[43], row[53], row[67], row[68] = "1", "200000", f"{symbol}{token}", "10000", "N"
    return row


@cache
def contract_text(expiry: date, made: int | None = None, rows: int = 50_004) -> bytes:
    """A whole master: what contracts are written on, contracts, a deleted one and one of the exchange's tests."""
    kinds = ("FUTIDX", "FUTSTK", "OPTIDX", "OPTSTK")
    index = contract_row(26_000, "INDEX", expiry)
    index[6] = "-1"
    deleted = contract_row(90_001, "OPTIDX", date(2001, 1, 1))
    deleted[68] = "Y"
    lines = [index, deleted, contract_row(90_002, "FUTSTK", expiry, "011NSETEST"), [*[""] * 68, "N"]]
    lines += [contract_row(100_000 + number, kinds[number % 4], expiry) for number in range(rows)]
    return _text(f"NEATFO|7.0.4|{made or ''}", lines)


@cache
def security_text(made: int | None = None, rows: int = 2_010) -> bytes:
    lines = []
    for number in range(rows):
        row = ["0"] * 54
        row[0], row[1], row[2], row[6] = str(number + 1), f"SYM{number}", "EQ" if number % 5 else "BE", "90-110"
        row[19], row[20], row[21], row[51], row[53] = "1", "5", f"COMPANY {number}", "N", f"INE{number:09d}"
        lines.append(row)
    return _text(f"NEATCM|01.00.00|{made or ''}", lines)


def _text(title: str, lines: list[list[str]]) -> bytes:
    return "\n".join([title, *("|".join(line) for line in lines), ""]).encode()


@cache
def zipped(text: bytes) -> bytes:
    return gzip.compress(text, 1)


class ExtranetServer:
    """What lies where is in `files`, by (segment, folder, name); an `Answer` there is sent as it is."""

    def __init__(self, web: WebServer) -> None:
        self.web = web
        self.root = web.root + BASE
        self.files: dict[tuple[str, str, str], bytes | Answer] = {}
        self.logins = 0
        self.login_answer: Answer | None = None
        self.expire_after: int | None = None
        self._token = ""
        self._served = 0
        web.lay(f"{BASE}/login/2.0", self._log_in)
        web.lay(f"{BASE}/logout/2.0", self._log_out)
        web.lay(LIST, self._list)
        web.lay(DOWNLOAD, self._download)

    def _log_in(self, asked: Asked) -> Answer:
        self.logins += 1
        if self.login_answer is not None:
            return self.login_answer
        sent = json.loads(asked.body)
        if (sent["memberCode"], sent["loginId"], sent["password"]) != (MEMBER, LOGIN, PASSWORD):
            return failure("701", 401)
        self._token = f"token{self.logins}"
        return success(memberCode=MEMBER, loginId=LOGIN, token=self._token)

    def _log_out(self, asked: Asked) -> Answer:
        self._token = ""
        return success()

    def _list(self, asked: Asked) -> Answer:
        if (refused := self._refused(asked)) is not None:
            return refused
        place = asked.query["segment"], asked.query["folderPath"]
        names = [name for segment, folder, name in self.files if (segment, folder) == place]
        data = [
            {"folderPath": place[1], "name": name, "type": "File", "lastUpdated": "2026-09-22 06:10:00"}
            for name in names
        ]
        return success(data=[*data, {"folderPath": place[1], "name": "older", "type": "Folder", "lastUpdated": ""}])

    def _download(self, asked: Asked) -> Answer:
        if (refused := self._refused(asked)) is not None:
            return refused
        found = self.files.get((asked.query["segment"], asked.query["folderPath"], asked.query["filename"]))
        if found is None:
            return failure("714", 404)
        return found if isinstance(found, Answer) else Answer(found)

    def _refused(self, asked: Asked) -> Answer | None:
        if self.expire_after == self._served:
            self._token = ""
        self._served += 1
        sent = asked.headers.get("Authorization", "")
        return None if self._token and sent == f"Bearer {self._token}" else failure("803", 401)


def success(**told: Any) -> Answer:
    body = {"responseCode": ["601"], "status": "success", **told}
    return Answer(json.dumps(body).encode(), content_type="application/json")


def failure(code: str, status: int = 200) -> Answer:
    body = {"token": None, "memberCode": MEMBER, "code": [code], "status": "error", "timestamp": "2026-09-22T08:00:00"}
    return Answer(json.dumps(body).encode(), status, "application/json")
