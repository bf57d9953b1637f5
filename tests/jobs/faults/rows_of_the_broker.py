"""The jobs that ask the broker."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from tests.jobs.faults.cells import GONE, LOADS, NO_DATE, NO_TABLE, OPEN_DAY, PROCESSES, REGISTRY, Row, Trial
from tests.jobs.faults.strikes import broker, full_disk, gateway, nothing, without_rows

_GO = ("--least-free-gb", "0.001")
_NO_MYSQL = {"stores": {"reference": "mysql://desk:desk@127.0.0.1:{silent}/desk"}}


def _kite(path: str, what: str, renamed: tuple[bytes, bytes]) -> dict[str, Trial | str]:
    """The broker's REST: the simulated Kite's own faults, and in a gateway those it has not."""
    return {
        "missing": Trial(gateway("missing", path), f"{what}: .*text/html.*Sign in"),
        "forbidden": Trial(broker("rest_403", path), f"{what}: Incorrect `api_key` or `access_token`"),
        "html": Trial(gateway("html", path), f"{what}: Kite did not answer as its API does.*text/html"),
        "truncated": Trial(gateway("truncated", path), f"{what}: .*{path} .it broke off with"),
        "wrong_date": NO_DATE,
        "changed_column": Trial(
            gateway("changed", path, renamed), f"{what}: .*not the documented form.*{_name(renamed)}"
        ),
        "empty": Trial(without_rows(path, b'{"status":"success","data":{}}'), f"{what}: .*not the documented form"),
        "hang": Trial(broker("timeout", path), f"{what}: .*{path} .ReadTimeout"),
        "drip": Trial(gateway("drip", path), f"{what}: .*{path} .it only drips"),
    }


def _name(renamed: tuple[bytes, bytes]) -> str:
    return renamed[0].decode().strip('"')


def _dump(exchange: str) -> dict[str, Trial | str]:
    """The broker's dump of instruments, a CSV."""
    path = f"/instruments/{exchange}"
    return {
        "missing": Trial(gateway("missing", path), f"{path} answered HTTP 404"),
        "forbidden": Trial(gateway("forbidden", path), rf"{path} wants a valid session \(HTTP 403"),
        "html": Trial(gateway("html", path), f"{path} sent a web page instead of the dump"),
        "truncated": Trial(
            gateway("truncated", path), f"{path} could not be read: .*incomplete|without sending complete"
        ),
        "wrong_date": NO_DATE,
        "changed_column": Trial(gateway("changed", path, (b"lot_size", b"lotsize")), f"{path}: .* has no lot_size"),
        "hang": Trial(broker("timeout", path), f"{path} could not be read: timed out"),
        "drip": Trial(gateway("drip", path), f"{path} only drips"),
    }


_HISTORY = "/instruments/historical/265/minute"


def _universe(feed: str) -> dict[str, bytes]:
    entry = b'{"token": 265, "symbol": "SENSEX", "exchange": "BSE", "type": "INDEX"}'
    return {f"data/universe/{feed}_20261120.json": b'{"instruments": {"SENSEX": %s}}' % entry}


ROWS: Final[Mapping[str, Row]] = {
    "upload_cash_margin": Row(
        _kite("/user/margins", "the margins", (b'"available"', b'"free"'))
        | {
            "empty": Trial(
                without_rows("/user/margins", b'{"status":"success","data":{}}'), "not one segment with margins"
            ),
            "disk_full": Trial(full_disk("reference"), "reference.db cannot be .* disk"),
            GONE: LOADS,
        },
    ),
    "upload_holding_and_position": Row(
        _kite("/portfolio/holdings", "the holdings", (b'"isin"', b'"code"'))
        | {
            "empty": Trial(without_rows("/portfolio/holdings", b""), "the holdings: Kite"),
            "disk_full": Trial(full_disk("reference"), "reference.db cannot be .* disk"),
            GONE: LOADS,
        },
    ),
    "upload_instrument_master": Row(
        _dump("BFO")
        | {
            "empty": Trial(
                without_rows("/instruments/"), "the broker lists no instruments of NSE, of which there were "
            ),
            "disk_full": Trial(full_disk("reference", 60), "reference.db .*(room|disk)"),
            GONE: LOADS,
        },
    ),
    "prepare_universe": Row(
        _dump("BFO")
        | {
            "forbidden": Trial(broker("rest_403", "/quote/ltp"), "last prices of 1: Incorrect `api_key`"),
            "empty": Trial(
                without_rows("/quote/ltp", b'{"status":"success","data":{}}'), "Kite gives no last price of BSE:SENSEX"
            ),
            "disk_full": Trial(full_disk("data"), "has no room for kite_instruments_20261120.csv"),
            GONE: NO_TABLE,
        },
        arguments=("--again",),
        desk={"feeds": {"sensex_desk": {"venue": "kite", "universe": "sensex_atm"}}},
    ),
    "repair_gaps": Row(
        _kite(_HISTORY, "1 of 1 instruments are not repaired: candles of BSE:SENSEX", (b'"candles"', b'"bars"'))
        | {
            "wrong_date": "candles of other minutes than those that were asked for are left out",
            "empty": Trial(
                without_rows(_HISTORY, b'{"status":"success","data":{}}'), "BSE:SENSEX: .*not the documented form"
            ),
            "disk_full": Trial(
                full_disk("data"), "part-other.*cannot be written: .*No space left", ("--feed", "other")
            ),
            GONE: NO_TABLE,
        },
        arguments=("--feed", "desk", "--again"),
        desk={"feeds": {name: {"venue": "kite", "universe": "sensex_atm"} for name in ("desk", "other")}},
        files=_universe("desk") | _universe("other"),
        keeps=r"data/ticks/\.other\.lock",
    ),
    "go_no_go": Row(
        {
            name: Trial(cell.strike, cell.says.replace("the profile", "NO-GO: session: the profile"))
            for name, cell in _kite("/user/profile", "the profile", (b'"user_id"', b'"id"')).items()
            if isinstance(cell, Trial)
        }
        | {
            "wrong_date": Trial(nothing, "instrument master: of 2026-11-20", (*_GO, "--date", "2026-11-23")),
            "disk_full": Trial(full_disk("data"), "NO-GO: .*disk: 0.0 GB free"),
            GONE: Trial(
                nothing, "NO-GO: .*instrument master: the database desk at .* cannot be reached", _GO, _NO_MYSQL
            ),
        },
        arguments=_GO,
        before=(("upload_instrument_master",), OPEN_DAY),
        desk=REGISTRY,
        files=PROCESSES,
        talks=frozenset({"day:go_no_go"}),
    ),
}
