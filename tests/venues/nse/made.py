"""NSE's files as made here: small, but whole days in every check's eyes."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable
from datetime import date

HEADER = (
    "TradDt,BizDt,Sgmt,Src,FinInstrmTp,FinInstrmId,ISIN,TckrSymb,SctySrs,XpryDt,FininstrmActlXpryDt,StrkPric,OptnTp,"
    "FinInstrmNm,OpnPric,HghPric,LwPric,ClsPric,LastPric,PrvsClsgPric,UndrlygPric,SttlmPric,OpnIntrst,"
    "ChngInOpnIntrst,TtlTradgVol,TtlTrfVal,TtlNbOfTxsExctd,SsnId,NewBrdLotQty,Rmks,Rsvd1,Rsvd2,Rsvd3,Rsvd4"
)
PRICES = "100.00,110.00,90.50,105.25,105.00,99.95"


def share(number: int, day: date, **changed: str) -> str:
    return _line(
        f"{day},{day},CM,NSE,STK,{number},INE{number:09d},SHARE{number},EQ,,,,,SHARE NO {number} LTD,{PRICES},,105.25,"
        ",,12000,1234567.50,321,F1,1,,,,,",
        changed,
    )


def contract(number: int, day: date, **changed: str) -> str:
    kind = ("STF", "IDF", "STO", "IDO")[number % 4]
    option = f"{50 * (number % 400)}.00,CE" if kind.endswith("O") else ","
    return _line(
        f"{day},{day},FO,NSE,{kind},{number},,UND{number % 216},,2026-10-27,2026-10-27,{option},UND26OCT{number},"
        f"{PRICES},1234.55,105.25,7500,-150,33,5550000.00,12,F1,75,,,,,",
        changed,
    )


def bhavcopy(segment: str, day: date, rows: int | None = None, header: str = HEADER) -> bytes:
    make, many = (share, 2_100) if segment == "CM" else (contract, 20_400)
    return text(header, (make(number, day) for number in range(1, 1 + (rows if rows is not None else many))))


def text(header: str, lines: Iterable[str]) -> bytes:
    return "\n".join([header, *lines, ""]).encode()


def zipped(name: str, data: bytes, *more: str) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for member in (name, *more):
            archive.writestr(member, data)
    return packed.getvalue()


def bhavcopy_name(segment: str, day: date) -> str:
    return f"BhavCopy_NSE_{segment}_0_0_0_{day:%Y%m%d}_F_0000.csv"


def bhavcopy_path(segment: str, day: date) -> str:
    return f"/content/{segment.lower()}/{bhavcopy_name(segment, day)}.zip"


def bhavcopy_zip(segment: str, day: date, data: bytes | None = None) -> bytes:
    return zipped(bhavcopy_name(segment, day), bhavcopy(segment, day) if data is None else data)


INDEX_HEADER = (
    "Index Name,Index Date,Open Index Value,High Index Value,Low Index Value,Closing Index Value,Points Change,"
    "Change(%),Volume,Turnover (Rs. Cr.),P/E,P/B,Div Yield"
)


def index_path(day: date) -> str:
    return f"/content/indices/ind_close_all_{day:%d%m%Y}.csv"


def index_file(day: date, many: int = 30) -> bytes:
    lines = [
        f"Nifty {number},{day:%d-%m-%Y},100.5,111.25,99.05,101.1,.6,.6,1200,34.5,20.1,3.1,1.2" for number in range(many)
    ]
    vix = f"India VIX,{day:%d-%m-%Y},12.5,13.1,12.2,12.75,.25,2,-,-,-,-,-"
    return text(INDEX_HEADER, [*lines, vix])


def bans(day: date, *symbols: str) -> bytes:
    head = f"Securities in Ban For Trade Date {f'{day:%d-%b-%Y}'.upper()}:"
    rows = [f"{number},{symbol}" for number, symbol in enumerate(symbols, 1)]
    return "\n".join([head if rows else f"{head} NIL", *rows, ""]).encode()


GAINERS = (
    '\ufeff"SYMBOL \n","OPEN \n","HIGH \n","LOW \n","PREV. CLOSE \n","LTP \n",'
    '"%CHNG \n","VOLUME \n","VALUE \n","CA \n"\n'
    '"M&M","3,101.00","3,190.00","3,100.10","3,099.00","3,180.05","2.62","12,34,567","38,412.55","-"\n'
    '"TCS","4,015.05","4,026.30","3,910.00","3,900.00","3,975.95","1.95","92,000","3,669.01","-"\n'
).encode()


def scan(first: float) -> str:
    return "".join(f"<a>{first + step:.2f}</a>" for step in range(16))


def span_path(day: date, slot: str) -> str:
    return f"/archives/nsccl/span/nsccl.{day:%Y%m%d}.{slot}.zip"


def span_zip(day: date, slot: str, data: bytes | None = None) -> bytes:
    inner = slot if slot == "s" else f"i0{slot[1]}"
    return zipped(f"nsccl.{day:%Y%m%d}.{inner}.spn", span(day) if data is None else data)


def span(day: date, codes: int = 201, arrays: str | None = None) -> bytes:
    """A risk file: for each code a price, a future and two options. `arrays` replaces the first future's array."""
    names = ["NIFTY", *(f"STOCK{number}" for number in range(1, codes))]
    array = f"<ra><r>1</r>{scan(-100)}<d>0.9000</d></ra>"
    phy = "".join(
        f"<phyPf><pfId>1</pfId><pfCode>{name}</pfCode>\n<phy><cId>1</cId><pe>000000</pe><p>24000.50</p><d>1</d>{array}</phy>"
        "</phyPf>\n"
        for name in names
    )
    rate = "<scanRate><r>1</r><priceScan>9</priceScan></scanRate>"
    future = f"<fut><cId>1</cId><pe>20261027</pe><p>24100.00</p><d>1</d>{rate}{array}</fut>"
    futures = "".join(
        f"<futPf><pfId>2</pfId><pfCode>{name}</pfCode><undPf><exch>NSE</exch><pfCode>{name}</pfCode></undPf>\n"
        f"{future}</futPf>\n"
        for name in names
    )
    options = "".join(
        f"<oopPf><pfId>3</pfId><pfCode>{name}</pfCode><series><pe>20261027</pe><setlDate>20261027</setlDate>\n"
        f"<opt><cId>1</cId><o>C</o><k>24000.00</k><p>310.00</p><d>0.5</d>{array}</opt>\n"
        f"<opt><cId>2</cId><o>P</o><k>24000.00</k><p>210.00</p><d>-0.5</d>{array}</opt></series></oopPf>\n"
        for name in names
    )
    if arrays is not None:
        futures = futures.replace(array, f"<ra><r>1</r>{arrays}<d>1</d></ra>", 1)
    combined = "".join(f"<ccDef><cc>{name}</cc><group>1</group></ccDef>\n" for name in names)
    return (
        f'<?xml version="1.0"?>\n<spanFile><fileFormat>4.00</fileFormat><created>{day:%Y%m%d}1530</created>\n'
        f"<definitions><currencyDef><currency>INR</currency></currencyDef></definitions>\n"
        f"<pointInTime><date>{day:%Y%m%d}</date><isSetl>0</isSetl><clearingOrg><ec>NSCCL</ec>\n"
        f"<exchange><exch>NSE</exch><name>National Stock Exchange</name>\n{phy}{futures}{options}</exchange>\n"
        f"{combined}</clearingOrg></pointInTime></spanFile>\n"
    ).encode()


def _line(line: str, changed: dict[str, str]) -> str:
    cells = dict(zip(HEADER.split(","), line.split(","), strict=True)) | changed
    return ",".join(cells.values())
