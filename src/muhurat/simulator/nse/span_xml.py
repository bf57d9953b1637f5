"""The elements of a SPAN file, in the order NSE Clearing writes them (file format 4.00, CRLF)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from itertools import pairwise
from typing import Final
from xml.sax.saxutils import escape

from muhurat.simulator.reference.contracts import Series
from muhurat.simulator.reference.listing import Underlying

_NAME: Final = " National Securities Clearing Corporation "
_RISKS: Final = "<ra><r>1</r>" + "<a>%.2f</a>" * 16 + "<d>%.4f</d></ra>\n"
_OPTION: Final = (
    "<opt>\n<cId>%d</cId>\n<o>%s</o>\n<k>%.2f</k>\n<p>%.2f</p>\n<d>%.4f</d>\n<v>%.4f</v>\n" + _RISKS + "</opt>\n"
)
_RATE_NUMBERS: Final = ((1, 1), (4, 1), (0, 1), (20, 1), (24, 1), (2, 1), (3, 0), (22, 20), (26, 24), (5, 2))
_BENEFITS: Final = (
    (1, "H", 1, "CORE"),
    (4, "H", 0, "CORE"),
    (11, "H", 1, "RESRV"),
    (0, "M", 1, "CORE"),
    (3, "M", 0, "CORE"),
    (20, "O", 1, "CORE"),
    (22, "O", 0, "CORE"),
    (24, "Q", 1, "CORE"),
    (26, "Q", 0, "CORE"),
    (2, "S", 1, "CORE"),
    (5, "S", 0, "CORE"),
)
_ACCOUNTS: Final = (
    (1, "H", "Hedge", 1, 20),
    (1, "M", "Member", 1, 30),
    (0, "M", "Member", 1, 10),
    (0, "N", "Normal", 0, 1),
    (1, "O", "Omnibus/Speculator", 0, 45),
    (1, "Q", "Omnibus/Hedge", 0, 25),
    (1, "S", "Speculator", 1, 40),
)
_POINTS: Final = (0, 0, 1, 1, -1, -1, 2, 2, -2, -2, 3, 3, -3, -3)
_EXTREMES: Final = (2, -2)
_TICK_DECIMALS: Final = 2


def document(
    day: date,
    made: datetime,
    settled: bool,
    portfolios: Iterable[str],
    combined: Iterable[tuple[int, Underlying, list[date]]],
) -> bytes:
    """The whole file of a business date, made at an instant."""
    parts = [
        '<?xml version="1.0"?>\n \n<spanFile>\n<fileFormat>4.00</fileFormat>\n',
        f"<created>{made:%Y%m%d%H%M}</created>\n \n<definitions>\n",
        "<currencyDef>\n<currency>INR</currency>\n<symbol>I</symbol>\n<name>Indian Rupee</name>\n",
        "<decimalPos>2</decimalPos>\n</currencyDef>\n",
        *map(_account, _ACCOUNTS),
        "<groupTypeDef>\n<id>1</id>\n<name>REPORT</name>\n</groupTypeDef>\n</definitions>\n\n<pointInTime>\n",
        f"<date>{day:%Y%m%d}</date>\n<isSetl>{settled:d}</isSetl>\n",
        f"<setlQualifier>{'final' if settled else 'early'}</setlQualifier>\n\n<clearingOrg>\n<ec>NSCCL</ec>\n",
        f"<name>{_NAME}</name>\n<isContractScale>1</isContractScale>\n<isNetMargin>0</isNetMargin>\n",
        "<finalizeMeth>BY</finalizeMeth>\n<oopDeltaMeth>PERIOD</oopDeltaMeth>\n<capAnov>0</capAnov>\n",
        "<lookAheadYears>0.002739</lookAheadYears>\n",
        *map(_benefit, _BENEFITS),
        _point_definitions(),
        "<exchange>\n<exch>NSE</exch>\n<name>National Stock Exchange of India</name>\n",
        *portfolios,
        "</exchange>\n\n",
        *(_commodity(place, underlying, months) for place, underlying, months in combined),
        "<interSpreads>\n</interSpreads>\n</clearingOrg>\n</pointInTime>\n</spanFile>\n",
    ]
    return "".join(parts).replace("\n", "\r\n").encode("ascii")


def physical(place: int, underlying: Underlying, spot: float, scan: float, losses: Sequence[float]) -> str:
    """The spot of an underlying."""
    return (
        f"{_head('phyPf', _number(place, 'PHY'), underlying)}<valueMeth>EQTY</valueMeth>\n<priceMeth>IDX</priceMeth>\n"
        f"<setlMeth>CASH</setlMeth>\n<phy>\n<cId>1</cId>\n<pe>000000</pe>\n<p>{spot:.2f}</p>\n<d>0.000000</d>\n"
        f"<v>0.000000</v>\n<cvf>1.00</cvf>\n<sc>1.00000</sc>\n{_scan(underlying, scan)}{_risks(losses, 1.0)}"
        "</phy>\n</phyPf>\n"
    )


def future(
    number: int,
    contract: Series,
    listed: Sequence[Underlying],
    figures: tuple[float, float, float, float, float],
    losses: Sequence[float],
) -> str:
    """One future; `figures` are price, delta, volatility, years to expiry and price scan range."""
    price, delta, vol, years, scan = figures
    underlying = listed[contract.underlying]
    return (
        f"<fut>\n<cId>{number}</cId>\n<pe>{contract.expiry:%Y%m%d}</pe>\n<p>{price:.2f}</p>\n<d>{delta:.5f}</d>\n"
        f"<v>{vol:.2f}</v>\n<cvf>1.00</cvf>\n<sc>1.00000</sc>\n<setlDate>{contract.expiry:%Y%m%d}</setlDate>\n"
        f"<t>{years:.6f}</t>\n{_underlying_contract(contract.underlying)}{_interest()}{_scan(underlying, scan)}"
        f"{_risks(losses, 1.0)}</fut>\n"
    )


def option(number: int, call: bool, strike: float, price: float, delta: float, vol: float, losses: list[float]) -> str:
    """One option of a series."""
    return _OPTION % (number, "C" if call else "P", strike, price, delta, vol, *losses, delta)


def series(contract: Series, listed: Sequence[Underlying], years: float, scan: float, options: str) -> str:
    """The options of one expiry."""
    return (
        f"<series>\n<pe>{contract.expiry:%Y%m%d}</pe>\n<v>0.15000</v>\n<volSrc> </volSrc>\n"
        f"<setlDate>{contract.expiry:%Y%m%d}</setlDate>\n<t>{years:.6f}</t>\n<cvf>1.00</cvf>\n<sc>1.00000</sc>\n"
        f"{_underlying_contract(contract.underlying)}{_interest()}{_scan(listed[contract.underlying], scan)}{options}"
        "</series>\n"
    )


def portfolio(kind: str, place: int, underlying: Underlying, contracts: str) -> str:
    """All futures (`futPf`) or all options (`oopPf`) of an underlying."""
    link = (
        f"<undPf>\n<exch>NSE</exch>\n<pfId>{_number(place, 'PHY')}</pfId>\n"
        f"<pfCode>{escape(underlying.symbol)}</pfCode>\n<pfType>PHY</pfType>\n<s>B</s>\n<i>1.000000</i>\n</undPf>\n"
    )
    if kind == "futPf":
        methods = "<valueMeth>FUT</valueMeth>\n<priceMeth>IDX</priceMeth>\n<setlMeth>CASH</setlMeth>\n"
        return f"{_head(kind, _number(place, 'FUT'), underlying)}{methods}{link}{contracts}</futPf>\n"
    methods = (
        "<strikeDl>2</strikeDl>\n<strikeFmt> </strikeFmt>\n<cab>0.00000</cab>\n<valueMeth>EQTY</valueMeth>\n"
        "<priceMeth>IDX</priceMeth>\n<setlMeth>CASH</setlMeth>\n<priceModel>BS</priceModel>\n"
    )
    head = _head(kind, _number(place, "OOP"), underlying, "<exercise>EURO</exercise>\n")
    return f"{head}{methods}{link}{contracts}</oopPf>\n\n"


def _number(place: int, kind: str) -> int:
    return 3 * place + {"PHY": 1, "FUT": 2, "OOP": 3}[kind]


def _head(element: str, number: int, underlying: Underlying, more: str = "") -> str:
    name = escape(underlying.symbol)
    return (
        f"<{element}>\n<pfId>{number}</pfId>\n<pfCode>{name}</pfCode>\n<name>{name}</name>\n{more}"
        f"<currency>INR</currency>\n<cvf>1.00</cvf>\n<priceDl>{_TICK_DECIMALS}</priceDl>\n<priceFmt> </priceFmt>\n"
    )


def _underlying_contract(place: int) -> str:
    number = _number(place, "PHY")
    return f"<undC>\n<exch>NSE</exch>\n<pfId>{number}</pfId>\n<cId>1</cId>\n<s>B</s>\n<i>1.00000</i>\n</undC>\n"


def _interest() -> str:
    return "<intrRate>\n<val>0.07</val>\n<rl>0</rl>\n<cpm>0</cpm>\n<exm>12</exm>\n</intrRate>\n"


def _scan(underlying: Underlying, scan: float) -> str:
    vol = 0.04 if underlying.is_index else 0.10
    return f"<scanRate>\n<r>1</r>\n<priceScan>{scan:.2f}</priceScan>\n<volScan>{vol:.2f}</volScan>\n</scanRate>\n"


def _risks(losses: Sequence[float], delta: float) -> str:
    return _RISKS.replace("<d>%.4f</d>", "<d>%.5f</d>") % (*losses, delta)


def _account(account: tuple[int, str, str, int, int]) -> str:
    customer, letter, name, net, priority = account
    return (
        f"<acctTypeDef>\n<isCust>{customer}</isCust>\n<acctType>{letter}</acctType>\n<name>{name}</name>\n"
        f"<isNetMargin>{net}</isNetMargin>\n<priority>{priority}</priority>\n</acctTypeDef>\n"
    )


def _benefit(benefit: tuple[int, str, int, str]) -> str:
    number, letter, member, kind = benefit
    return (
        f"<pbRateDef>\n<r>{number}</r>\n<isCust>1</isCust>\n<acctType>{letter}</acctType>\n<isM>{member}</isM>\n"
        f"<pbc>{kind}</pbc>\n</pbRateDef>\n"
    )


def _point_definitions() -> str:
    ordinary = [(third / 3, third, 3, 1 - 2 * (place % 2), 1.0) for place, third in enumerate(_POINTS)]
    extreme = [(float(times), times, 1, 0, 0.35) for times in _EXTREMES]
    points = []
    for number, (mult, numerator, denominator, vol, weight) in enumerate((*ordinary, *extreme), 1):
        paired = number if vol == 0 else number + vol
        points.append(
            f"<scanPointDef>\n<point>{number}</point>\n<priceScanDef>\n<mult>{mult:.6f}</mult>\n"
            f"<numerator>{numerator:.6f}</numerator>\n<denominator>{denominator:.6f}</denominator>\n</priceScanDef>\n"
            f"<volScanDef>\n<mult>{vol:.6f}</mult>\n<numerator>{vol:.6f}</numerator>\n"
            f"<denominator>1.000000</denominator>\n</volScanDef>\n<weight>{weight:.6f}</weight>\n"
            f"<pairedPoint>{paired}</pairedPoint>\n</scanPointDef>\n"
        )
    return f"<pointDef>\n<r>1</r>\n{''.join(points)}</pointDef>\n"


def _commodity(place: int, underlying: Underlying, months: list[date]) -> str:
    name = escape(underlying.symbol)
    links = "".join(
        f"<pfLink>\n<exch>NSE</exch>\n<pfId>{_number(place, kind)}</pfId>\n<pfCode>{name}</pfCode>\n"
        f"<pfType>{kind}</pfType>\n<sc>1.00000</sc>\n<cmbMeth>NONE</cmbMeth>\n<applyBasisRisk>0</applyBasisRisk>\n"
        "</pfLink>\n"
        for kind in ("PHY", "FUT", "OOP")
    )
    rates = "".join(
        f"<adjRate>\n<r>{number}</r>\n<baseR>{base}</baseR>\n<val>1.00000</val>\n</adjRate>\n"
        for number, base in _RATE_NUMBERS
    )
    spreads = "".join(_spread(number, name, near, far) for number, (near, far) in enumerate(pairwise(months), 1))
    return (
        f"<ccDef>\n<cc>{name}</cc>\n<name>{name}</name>\n<group>\n<id>1</id>\n<aVal>ALL</aVal>\n</group>\n"
        "<currency>INR</currency>\n<riskExponent>0</riskExponent>\n<capAnov>0</capAnov>\n<procMeth>NORMAL</procMeth>\n"
        "<wfprMeth>NORMAL</wfprMeth>\n<spotMeth>NORMAL</spotMeth>\n<somMeth>GROSS</somMeth>\n<cmbMeth>NONE</cmbMeth>\n"
        f"{links}{rates}<intraTiers>\n<tier>\n<tn>0</tn>\n</tier>\n<tier>\n<tn>1</tn>\n<sPe>{months[0]:%Y%m%d}</sPe>\n"
        f"<ePe>{months[-1]:%Y%m%d}</ePe>\n</tier>\n</intraTiers>\n<interTiers>\n<tier>\n<tn>0</tn>\n</tier>\n"
        "</interTiers>\n<somTiers>\n<tier>\n<tn>0</tn>\n<rate>\n<r>1</r>\n<val>0</val>\n</rate>\n</tier>\n</somTiers>\n"
        f"{spreads}</ccDef>\n\n"
    )


def _spread(number: int, name: str, near: date, far: date) -> str:
    legs = "".join(
        f"<pLeg>\n<cc>{name}</cc>\n<pe>{expiry:%Y%m%d}</pe>\n<rs>{side}</rs>\n<i>1.000000</i>\n</pLeg>\n"
        for expiry, side in ((near, "A"), (far, "B"))
    )
    return (
        f"<dSpread>\n<spread>{number}</spread>\n<chargeMeth>F</chargeMeth>\n<rate>\n<r>1</r>\n<val>500.000000</val>\n"
        f"</rate>\n{legs}</dSpread>\n"
    )
