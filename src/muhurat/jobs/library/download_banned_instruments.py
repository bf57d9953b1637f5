"""Load NSE's list of stocks in which no new F&O position may be opened (MISSION B9).

The list must be of today's session: it is published the evening before, under an address whose content changes then.
A list of an earlier session is stale; the one in the store stays, and the job fails. In the evening, when the current
list is already tomorrow's, the archived one is taken. Rows that users made stay as they are. Underlyings of index
contracts cannot be banned; one in the list would be a mistake and is left out, and told.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from pydantic import Field

from muhurat.jobs.base import Job, NotYet, Options, Outcome, Tools
from muhurat.model.instrument import INDEX_UNDERLYINGS
from muhurat.stores.base import ReferenceStore
from muhurat.venues.nse.base import BanList, NseFiles, OtherDay

TABLE: Final = "BannedInstruments"
REASON: Final = "NSE: market-wide position limit"


class DownloadBannedInstrumentsOptions(Options):
    output_dir: Path = Field(default=Path("downloads"), description="Where the downloaded file stays.")


def run(options: DownloadBannedInstrumentsOptions, tools: Tools) -> Outcome:
    tools.progress(0, None, f"banned securities of {tools.session_date}")
    bans = _bans(tools, tools.path(options.output_dir))
    banned = [symbol for symbol in bans.symbols if symbol not in INDEX_UNDERLYINGS]
    left_out = [symbol for symbol in bans.symbols if symbol in INDEX_UNDERLYINGS]
    columns: dict[str, list[object]] = {
        "Symbol": [*banned],
        "Reason": [REASON] * len(banned),
        "IsBanned": [True] * len(banned),
        "TradeDate": [bans.trade_date] * len(banned),
    }
    with tools.get(ReferenceStore).transaction() as transaction:
        transaction.replace(TABLE, columns, where={"IsUserCreated": False})
    note = f"banned on {bans.trade_date}: {', '.join(banned) or 'none'}"
    if left_out:
        note += f"; left out, as indices cannot be banned: {', '.join(left_out)}"
    facts = {"trade_date": bans.trade_date.isoformat(), "banned": banned, "left_out": left_out}
    return Outcome(note, files=(bans.path,) if bans.path else (), facts=facts)


def _bans(tools: Tools, folder: Path) -> BanList:
    """The list of the session; raises `NotYet` with both dates when NSE's is an earlier one."""
    files, session = tools.get(NseFiles), tools.session_date
    try:
        return files.bans(session, folder)
    except OtherDay as error:
        if error.found > session:
            return files.bans(session, folder, archived=True)
        raise NotYet(
            f"{error}: NSE has not published the list of {session}; the one in the store stays as it is",
            hint="stocks stay refused until the list is there; run the job again, it usually comes the evening before",
        ) from error


JOB = Job(
    name="download_banned_instruments",
    help="Load the stocks in which no new F&O position may be opened today.",
    options=DownloadBannedInstrumentsOptions,
    run=run,
    present=True,
    writes=(TABLE,),
    session="nse",
)
