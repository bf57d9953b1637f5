"""Made-up rows for tests of the reference store."""

from __future__ import annotations

from datetime import date
from typing import Any

DAY = date(2026, 11, 20)
NEXT_DAY = date(2026, 11, 23)


def bhavcopy(rows: int, day: date = DAY) -> dict[str, list[Any]]:
    """A day's F&O bhavcopy in the table's columns; row `n` is always the same, of the even ones a future."""
    number = range(rows)
    prices = [n + 0.05 for n in number]
    return {
        "TradDt": [day.isoformat()] * rows,
        "BizDt": [day.isoformat()] * rows,
        "Sgmt": ["FO"] * rows,
        "Src": ["NSE"] * rows,
        "FinInstrmTp": ["IDO" if n % 2 else "IDF" for n in number],
        "FinInstrmId": [35000 + n for n in number],
        "ISIN": [None] * rows,
        "TckrSymb": [f"M&M-{n // 200}" for n in number],
        "SctySrs": [None] * rows,
        "XpryDt": ["2026-12-31"] * rows,
        "FininstrmActlXpryDt": ["2026-12-30" if n % 3 else "2026-12-31" for n in number],
        "StrkPric": [100.5 * n if n % 2 else None for n in number],
        "OptnTp": ["CE" if n % 2 else None for n in number],
        "FinInstrmNm": [f"M&M26DEC{n}CE" for n in number],
        **dict.fromkeys(("OpnPric", "HghPric", "LwPric"), prices),
        "ClsPric": list(prices),
        "LastPric": [0.0] * rows,
        "PrvsClsgPric": [n / 7 for n in number],
        "UndrlygPric": [25000.1] * rows,
        "SttlmPric": prices,
        "OpnIntrst": [n * 25 for n in number],
        "ChngInOpnIntrst": [-n for n in number],
        "TtlTradgVol": [n * 75 for n in number],
        "TtlTrfVal": [n * 1e7 / 3 for n in number],
        "TtlNbOfTxsExctd": list(number),
        "SsnId": ["F1"] * rows,
        "NewBrdLotQty": [75] * rows,
    }


def bans(*symbols: str, user: bool = False) -> dict[str, list[Any]]:
    """A list of banned stocks, the exchange's or a user's own."""
    return {
        "Symbol": list(symbols),
        "Reason": ["a reason"] * len(symbols),
        "IsBanned": [True] * len(symbols),
        "IsUserCreated": [user] * len(symbols),
        "TradeDate": [DAY] * len(symbols),
    }
