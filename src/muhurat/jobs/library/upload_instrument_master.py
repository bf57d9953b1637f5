"""Put the broker's instrument master of the day into the table `Instruments` (MISSION B16)."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import Field

from muhurat.jobs.base import Job, NotYet, Options, Outcome, Tools
from muhurat.model.instrument import Instrument
from muhurat.stores.base import ReferenceStore
from muhurat.venues.base import InstrumentSource

DEFAULT = ("NSE", "BSE", "NFO", "BFO")


class UploadInstrumentMasterOptions(Options):
    exchanges: tuple[str, ...] = Field(default=DEFAULT, description="Which exchanges' instruments.")


def run(options: UploadInstrumentMasterOptions, tools: Tools) -> Outcome:
    source, found = tools.get(InstrumentSource), list[Instrument]()
    for number, exchange in enumerate(options.exchanges):
        tools.progress(number, len(options.exchanges), f"fetching instruments of {exchange}")
        listed = source.fetch([exchange])
        _refuse_vanished(exchange, listed, tools)
        found += listed
    if not found:
        raise NotYet(f"the broker lists no instruments of {', '.join(options.exchanges)}", hint="try again later")
    tools.progress(len(options.exchanges), len(options.exchanges), "loading")
    with tools.get(ReferenceStore).transaction() as transaction:
        transaction.delete("Instruments", where={})
        count = transaction.replace("Instruments", _columns(found, tools), where={"MasterDate": tools.business_date})
    return Outcome(f"{count} instruments", rows=count, facts={"exchanges": list(options.exchanges)})


def _refuse_vanished(exchange: str, listed: Sequence[Instrument], tools: Tools) -> None:
    """A dump without an exchange that had instruments before is half a dump."""
    before = 0 if listed else tools.get(ReferenceStore).count("Instruments", where={"Exchange": exchange})
    if before:
        raise NotYet(
            f"the broker lists no instruments of {exchange}, of which there were {before:,}; those stay",
            hint="try again later, or leave it out with --exchanges",
        )


def _columns(rows: Sequence[Instrument], tools: Tools) -> dict[str, list[object]]:
    return {
        "MasterDate": [tools.business_date] * len(rows),
        "Exchange": [row.exchange for row in rows],
        "TradingSymbol": [row.symbol for row in rows],
        "InstrumentToken": [row.token for row in rows],
        "Name": [row.name for row in rows],
        "Expiry": [row.expiry for row in rows],
        "Strike": [float(row.strike) for row in rows],
        "TickSize": [float(row.tick_size) for row in rows],
        "LotSize": [row.lot_size for row in rows],
        "InstrumentType": [row.type.value for row in rows],
        "Segment": [row.segment for row in rows],
    }


JOB = Job(
    name="upload_instrument_master",
    help="Load the broker's instrument master of the day.",
    options=UploadInstrumentMasterOptions,
    run=run,
    present=True,
    writes=("Instruments",),
    session="kite",
)
