"""Put what the account can trade with into the table `Margins`: from the broker, or from a CSV (MISSION B16)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import Field

from muhurat.jobs.base import Job, JobError, Options, Outcome, Tools
from muhurat.jobs.tables import from_csv, from_rows
from muhurat.stores.base import ReferenceStore
from muhurat.venues.base import Account

COLUMNS = ("Segment", "Available", "Used", "Opening")


class UploadCashMarginOptions(Options):
    file: Path | None = Field(
        default=None,
        description=f"A CSV with the columns {', '.join(COLUMNS)} (rupees) instead of the broker's answer.",
    )


def run(options: UploadCashMarginOptions, tools: Tools) -> Outcome:
    tools.progress(0, None, "reading margins")
    rows = from_csv(tools.path(options.file), COLUMNS) if options.file else _of_the_broker(tools)
    if not rows:
        raise JobError("there is not one segment with margins", hint="look at the account, or at the file")
    columns = from_rows(rows, AsOf=tools.business_date)
    with tools.get(ReferenceStore).transaction() as transaction:
        count = transaction.replace("Margins", columns, where={"AsOf": tools.business_date})
    told = ", ".join(f"{row['Segment']} {row['Available']:,.2f}" for row in rows)
    return Outcome(f"available: {told}", rows=count, facts={"source": str(options.file or "broker"), "any_count": True})


def _of_the_broker(tools: Tools) -> list[dict[str, Any]]:
    margins = tools.get(Account).segment_margins()
    return [
        {"Segment": name, "Available": float(row.available), "Used": float(row.used), "Opening": float(row.opening)}
        for name, row in sorted(margins.items())
    ]


JOB = Job(
    name="upload_cash_margin",
    help="Load the account's margins.",
    options=UploadCashMarginOptions,
    run=run,
    present=True,
    writes=("Margins",),
    session="kite",
)
