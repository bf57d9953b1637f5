"""BSE's derivatives bhavcopy in UDiFF form, made by ourselves."""

from __future__ import annotations

from datetime import date, timedelta

HEADER = (
    "TradDt,BizDt,Sgmt,Src,FinInstrmTp,FinInstrmId,ISIN,TckrSymb,SctySrs,XpryDt,FininstrmActlXpryDt,StrkPric,OptnTp,"
    "FinInstrmNm,OpnPric,HghPric,LwPric,ClsPric,LastPric,PrvsClsgPric,UndrlygPric,SttlmPric,OpnIntrst,ChngInOpnIntrst,"
    "TtlTradgVol,TtlTrfVal,TtlNbOfTxsExctd,SsnId,NewBrdLotQty,Rmks,Rsvd1,Rsvd2,Rsvd3,Rsvd4"
)


def bse_fo_bhavcopy(day: date, rows: int = 1_100) -> bytes:
    """Options of SENSEX, every tenth row a future."""
    lines = [HEADER, *(_row(day, number) for number in range(rows))]
    return ("\n".join(lines) + "\n").encode()


def _row(day: date, number: int) -> str:
    expiry, future = day + timedelta(days=2), number % 10 == 0
    kind, strike, option = (
        ("IDF", "", "") if future else ("IDO", f"{60_000 + 100 * number}.00", ("CE", "PE")[number % 2])
    )
    name = f"SENSEX{expiry:%y%b}".upper() + (f"{60_000 + 100 * number}{option}" if option else "FUT")
    head = f"{day},{day},FO,BSE,{kind},{800_000 + number},,SENSEX,,{expiry},{expiry},{strike},{option},{name}"
    return f"{head},100.00,120.00,90.00,110.00,110.00,105.00,81000.00,110.00,400,20,15,2400000.00,9,F1,20,,,,,"
