"""BSE's masters, made small and whole by ourselves."""

from __future__ import annotations

import io
import zipfile
from datetime import date
from functools import cache

_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def isin(number: int) -> str:
    """A sound ISIN with our number in it."""
    body = f"INE{number:08d}"
    digits = "".join(str(_ALPHABET.index(character)) for character in body) + "0"
    doubled = [sum(divmod(int(digit) * (1 + place % 2), 10)) for place, digit in enumerate(reversed(digits))]
    return body + str(-sum(doubled) % 10)


def scrip_row(number: int, kind: str = "E") -> str:
    code, group = 500_000 + number, "A" if kind == "E" else "F"
    fields = [str(code), "BSE", f"SYM{number}", f"COMPANY {number} LTD", "1-248", kind, group, "D", "1000", "1", "0.05"]
    return "|".join([*fields, "N", "A", "", "", "", "0.05", isin(number), "0", "", "", "", "", "100", "", "0", ""])


@cache
def scrip_text(rows: int = 10_020) -> bytes:
    kinds = ["E"] * (rows - 20) + ["D"] * 15 + ["C"] * 5
    return "".join(scrip_row(number, kind) + "\r\n" for number, kind in enumerate(kinds)).encode()


def contract_row(number: int, kind: str, expiry: date) -> str:
    option = kind in ("IO", "SO")
    row = ["0"] * 69
    row[0], row[1], row[2], row[3], row[4] = str(800_000 + number), "1", kind, "SEN", "SENSEX"
    row[6], row[7] = f"{expiry:%d-%b-%Y}".upper(), str(8_000_000 + 10_000 * number) if option else "0"
    row[8] = ("CE", "PE")[number % 2] if option else ""
    row[30], row[31], row[32], row[53], row[68] = "20", "20", "5", f"SEN{number}", "A"
    return ",".join(row)


@cache
def contract_text(expiry: date, rows: int = 1_200) -> bytes:
    kinds = [("IF", "IO", "SF", "SO")[number % 4] for number in range(rows)]
    lines = [contract_row(number, kind, expiry) for number, kind in enumerate(kinds)]
    return "\r\n".join(["2,1.0.0,", *lines, ""]).encode()


def zipped(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


@cache
def scrip_zip(dated: date, content: bytes | None = None) -> bytes:
    others = {f"SCRIP/DP{dated:%d%m%y}": b"x", f"SCRIP/BSE_EQ_SCRIP_{dated:%d%m%Y}.csv": b"y"}
    return zipped({**others, f"SCRIP/SCRIP_{dated:%d%m%y}.TXT": scrip_text() if content is None else content})


@cache
def contract_zip(dated: date, content: bytes | None = None) -> bytes:
    text = contract_text(dated) if content is None else content
    return zipped({f"EQD_CO{dated:%d%m%y}.csv": text, f"EQD_SPD_CO{dated:%d%m%y}.csv": b"spreads"})
