"""The first tables: bans, bhavcopies, indices, SPAN, instruments, margins, holdings, positions."""

from __future__ import annotations

from typing import Any, Final

from alembic import op
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
from sqlalchemy.schema import CheckFirst

revision = "0001"
down_revision = None

_METADATA: Final = MetaData()

_MYSQL: Final[dict[str, Any]] = {"mysql_engine": "InnoDB", "mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin"}


def _table(name: str, *parts: Any, key: tuple[str, ...]) -> Table:
    """A table with a primary key, whose columns always have a value."""
    return Table(name, _METADATA, *parts, PrimaryKeyConstraint(*key, name=f"{name}_key"), **_MYSQL)


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


_table(
    "BannedInstruments",
    Column("Symbol", String(64), nullable=False),
    Column("Reason", String(200)),
    Column("IsBanned", Boolean, nullable=False),
    Column("IsUserCreated", Boolean, nullable=False),
    Column("TradeDate", Date),
    key=("Symbol", "IsUserCreated"),
)
_bhavcopy("CmBhavcopy")
_bhavcopy("FoBhavcopy")
_bhavcopy("BseFoBhavcopy")
_table(
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
Table(
    "SpanRisk",
    _METADATA,
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
_table(
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
_table(
    "Margins",
    Column("AsOf", Date, nullable=False),
    Column("Segment", String(16), nullable=False),
    Column("Available", Double),
    Column("Used", Double),
    Column("Opening", Double),
    key=("AsOf", "Segment"),
)
_table(
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
_table(
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


def upgrade() -> None:
    """Make what is missing: a MySQL server commits each statement, so an interrupted upgrade begins again here."""
    _METADATA.create_all(op.get_bind(), checkfirst=CheckFirst.TABLES | CheckFirst.INDEXES)
