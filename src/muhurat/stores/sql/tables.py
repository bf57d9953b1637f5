"""The tables of the reference store, as the present version of the schema has them.

Prices and values are rupees (DOUBLE, as the exchanges publish them), dates are days in India, quantities whole numbers.
Names are compared by code point, case included. A change here needs a version in `stores.sql.migrations.reference`;
a test compares the two.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    Double,
    Index,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    UniqueConstraint,
)

from muhurat.errors import StoreError

METADATA: Final = MetaData()

_MYSQL: Final[dict[str, Any]] = {"mysql_engine": "InnoDB", "mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin"}


def _table(name: str, *parts: Any, key: tuple[str, ...]) -> Table:
    """A table with a primary key, whose columns always have a value."""
    return Table(name, METADATA, *parts, PrimaryKeyConstraint(*key, name=f"{name}_key"), **_MYSQL)


def _bhavcopy(name: str) -> Table:
    """One exchange's and segment's end of day in UDiFF's columns: open interest in units, F&O volume in contracts."""
    return _table(
        name,
        Column("TradDt", Date, nullable=False),
        Column("BizDt", Date),
        Column("Sgmt", String(8)),
        Column("Src", String(8)),
        Column("FinInstrmTp", String(8)),
        Column("FinInstrmId", BigInteger, nullable=False, autoincrement=False),
        Column("ISIN", String(16)),
        Column("TckrSymb", String(64)),
        Column("SctySrs", String(16)),
        Column("XpryDt", Date),
        Column("FininstrmActlXpryDt", Date),
        Column("StrkPric", Double),
        Column("OptnTp", String(8)),
        Column("FinInstrmNm", String(200)),
        Column("OpnPric", Double),
        Column("HghPric", Double),
        Column("LwPric", Double),
        Column("ClsPric", Double),
        Column("LastPric", Double),
        Column("PrvsClsgPric", Double),
        Column("UndrlygPric", Double),
        Column("SttlmPric", Double),
        Column("OpnIntrst", BigInteger),
        Column("ChngInOpnIntrst", BigInteger),
        Column("TtlTradgVol", BigInteger),
        Column("TtlTrfVal", Double),
        Column("TtlNbOfTxsExctd", BigInteger),
        Column("SsnId", String(8)),
        Column("NewBrdLotQty", BigInteger),
        key=("TradDt", "FinInstrmId"),
    )


BANNED_INSTRUMENTS: Final = _table(
    "BannedInstruments",
    Column("Symbol", String(64), nullable=False),
    Column("Reason", String(200)),
    Column("IsBanned", Boolean, nullable=False),
    Column("IsUserCreated", Boolean, nullable=False),
    Column("TradeDate", Date),
    key=("Symbol", "IsUserCreated"),
)
CM_BHAVCOPY: Final = _bhavcopy("CmBhavcopy")
FO_BHAVCOPY: Final = _bhavcopy("FoBhavcopy")
BSE_FO_BHAVCOPY: Final = _bhavcopy("BseFoBhavcopy")
INDEX_OHLC: Final = _table(
    "IndexOhlc",
    Column("IndexDate", Date, nullable=False),
    Column("IndexName", String(100), nullable=False),
    Column("OpenValue", Double),
    Column("HighValue", Double),
    Column("LowValue", Double),
    Column("CloseValue", Double),
    Column("Volume", BigInteger),
    Column("Turnover", Double),
    Index("IndexOhlc_by_name", "IndexName", "IndexDate"),
    key=("IndexDate", "IndexName"),
)
SPAN_RISK: Final = Table(
    "SpanRisk",
    METADATA,
    Column("SpanDate", Date, nullable=False),
    Column("Slot", String(8), nullable=False),
    Column("Exchange", String(16)),
    Column("Code", String(64), nullable=False),
    Column("Kind", String(8), nullable=False),
    Column("Expiry", Date),
    Column("Strike", Double),
    Column("OptionType", String(8)),
    Column("Price", Double),
    Column("Scan", String(1000)),
    Column("Composite", Double),
    UniqueConstraint("SpanDate", "Slot", "Code", "Kind", "Expiry", "Strike", "OptionType", name="SpanRisk_key"),
    Index("SpanRisk_by_code", "Code", "SpanDate"),
    **_MYSQL,
)
"""One price and its 16 scenarios (JSON text) by contract; what is no option has no strike, what is no contract no
expiry, so this key has columns without a value and is no primary one."""
INSTRUMENTS: Final = _table(
    "Instruments",
    Column("MasterDate", Date, nullable=False),
    Column("Exchange", String(16), nullable=False),
    Column("TradingSymbol", String(100), nullable=False),
    Column("InstrumentToken", BigInteger),
    Column("Name", String(200)),
    Column("Expiry", Date),
    Column("Strike", Double),
    Column("TickSize", Double),
    Column("LotSize", BigInteger),
    Column("InstrumentType", String(16)),
    Column("Segment", String(16)),
    Index("Instruments_by_name", "Name", "Expiry"),
    key=("Exchange", "TradingSymbol"),
)
MARGINS: Final = _table(
    "Margins",
    Column("AsOf", Date, nullable=False),
    Column("Segment", String(16), nullable=False),
    Column("Available", Double),
    Column("Used", Double),
    Column("Opening", Double),
    key=("AsOf", "Segment"),
)
HOLDINGS: Final = _table(
    "Holdings",
    Column("AsOf", Date, nullable=False),
    Column("TradingSymbol", String(100), nullable=False),
    Column("Exchange", String(16), nullable=False),
    Column("Isin", String(16)),
    Column("Quantity", BigInteger),
    Column("AveragePrice", Double),
    Column("LastPrice", Double),
    key=("AsOf", "TradingSymbol", "Exchange"),
)
POSITIONS: Final = _table(
    "Positions",
    Column("AsOf", Date, nullable=False),
    Column("TradingSymbol", String(100), nullable=False),
    Column("Exchange", String(16), nullable=False),
    Column("Product", String(16), nullable=False),
    Column("Quantity", BigInteger),
    Column("AveragePrice", Double),
    Column("LastPrice", Double),
    Column("Pnl", Double),
    key=("AsOf", "TradingSymbol", "Exchange", "Product"),
)


def table_named(name: str) -> Table:
    """The table of that name; raises `StoreError` naming the known ones."""
    if name not in METADATA.tables:
        raise StoreError(f"the reference store has no table {name!r}", hint=f"it has {', '.join(METADATA.tables)}")
    return METADATA.tables[name]


def column_named(table: Table, name: str) -> Column[Any]:
    """A column of a table; raises `StoreError` naming the known ones."""
    if name not in table.columns:
        raise StoreError(f"{table.name} has no column {name!r}", hint=f"it has {', '.join(table.columns.keys())}")
    return table.columns[name]


def key_of(table: Table) -> list[Column[Any]]:
    """The columns that identify a row, in the key's order."""
    if table.primary_key.columns:
        return list(table.primary_key.columns)
    return [column for rule in table.constraints if isinstance(rule, UniqueConstraint) for column in rule.columns]
