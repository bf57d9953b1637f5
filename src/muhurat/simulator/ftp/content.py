"""What a member finds on the FTP server: BSE's derivatives files of the last sessions, and NSE's masters of the day."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from functools import partial
from typing import Final

from muhurat.clock import ist_ns
from muhurat.simulator.bse.library import DERIVATIVES_AT, MASTERS_AT, Library
from muhurat.simulator.connect2nse.library import MADE_AT, Masters
from muhurat.simulator.files import packed_all
from muhurat.simulator.ftp.tree import Entry

SESSIONS: Final = 3
"""Sessions whose bhavcopies are kept; masters are those of the last one."""


class Files:
    """The tree's files by instant: `/bse/fo`, `/bse/masters`, `/faoftp/faocommon` and `/common/ntneat`."""

    def __init__(self, seed: int) -> None:
        self._bse = Library(seed)
        self._nse = Masters(seed)

    def listing(self, now_ns: int) -> Iterator[Entry]:
        """What is there at an instant."""
        sessions = self._bse.sessions
        day = sessions.last_at(now_ns, DERIVATIVES_AT)
        for _ in range(SESSIONS):
            name = f"BhavCopy_BSE_FO_0_0_0_{day:%Y%m%d}_F_0000.CSV"
            make = partial(self._bse.derivatives_bhavcopy, day)
            yield Entry(f"/bse/fo/{name}", ist_ns(day, DERIVATIVES_AT), make)
            day = sessions.before(day)
        day = sessions.last_at(now_ns, MASTERS_AT)
        contracts = f"EQD_CO{day:%d%m%y}.csv"
        yield Entry(f"/bse/fo/{contracts}", ist_ns(day, MASTERS_AT), partial(self._contracts, day, contracts))
        yield Entry("/bse/masters/CO_BSE.zip", ist_ns(day, MASTERS_AT), partial(self._zipped, day))
        session = self._nse.session_at(now_ns)
        made_ns = ist_ns(session, MADE_AT)
        yield Entry("/faoftp/faocommon/contract.gz", made_ns, partial(self._nse.contracts, session))
        yield Entry("/common/ntneat/security.gz", made_ns, partial(self._nse.securities, session))

    def _contracts(self, day: date, name: str) -> bytes:
        return self._bse.contract_members(day)[name]

    def _zipped(self, day: date) -> bytes:
        return packed_all(self._bse.contract_members(day))
