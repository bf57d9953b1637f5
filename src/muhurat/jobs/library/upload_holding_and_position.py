"""Put holdings and positions into the tables of those names: from the broker, or from CSVs (MISSION B16)."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from muhurat.jobs.base import Job, Options, Outcome, Tools
from muhurat.jobs.tables import from_csv, from_rows
from muhurat.stores.base import ReferenceStore
from muhurat.venues.base import Account

HOLDINGS = ("TradingSymbol", "Exchange", "Isin", "Quantity", "AveragePrice", "LastPrice")
POSITIONS = ("TradingSymbol", "Exchange", "Product", "Quantity", "AveragePrice", "LastPrice", "Pnl")

Rows = list[dict[str, object]]


class UploadHoldingAndPositionOptions(Options):
    holdings_file: Path | None = Field(default=None, description=f"A CSV with the columns {', '.join(HOLDINGS)}.")
    positions_file: Path | None = Field(default=None, description=f"A CSV with the columns {', '.join(POSITIONS)}.")


def run(options: UploadHoldingAndPositionOptions, tools: Tools) -> Outcome:
    tools.progress(0, 2, "reading holdings")
    holdings = from_csv(tools.path(options.holdings_file), HOLDINGS) if options.holdings_file else _holdings(tools)
    tools.progress(1, 2, "reading positions")
    positions = from_csv(tools.path(options.positions_file), POSITIONS) if options.positions_file else _positions(tools)
    day = tools.business_date
    with tools.get(ReferenceStore).transaction() as transaction:
        held = transaction.replace("Holdings", from_rows(holdings, HOLDINGS, AsOf=day), where={"AsOf": day})
        opened = transaction.replace("Positions", from_rows(positions, POSITIONS, AsOf=day), where={"AsOf": day})
    return Outcome(f"{held} holdings, {opened} positions", rows=held + opened, facts={"any_count": True})


def _holdings(tools: Tools) -> Rows:
    return [
        {
            "TradingSymbol": row.symbol,
            "Exchange": row.exchange,
            "Isin": row.isin,
            "Quantity": row.quantity,
            "AveragePrice": float(row.average_price),
            "LastPrice": float(row.last_price),
        }
        for row in tools.get(Account).holdings()
    ]


def _positions(tools: Tools) -> Rows:
    return [
        {
            "TradingSymbol": row.symbol,
            "Exchange": row.exchange,
            "Product": row.product,
            "Quantity": row.quantity,
            "AveragePrice": float(row.average_price),
            "LastPrice": float(row.last_price),
            "Pnl": float(row.pnl),
        }
        for row in tools.get(Account).positions()
    ]


JOB = Job(
    name="upload_holding_and_position",
    help="Load the account's holdings and positions.",
    options=UploadHoldingAndPositionOptions,
    run=run,
    present=True,
    writes=("Holdings", "Positions"),
    session="kite",
)
