"""Bring NSE's masters from the members' extranet: `contract.txt` and `security.txt` (MISSION B11).

Both files appear together, or neither does and those of yesterday stay; the gzip bytes as they came go into the cache
for other programs. A login is sent once, and a refused one is remembered: five wrong passwords lock the account.
"""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from datetime import time
from pathlib import Path
from typing import Final

from pydantic import Field, SecretStr

from muhurat.clock import ist_ns
from muhurat.jobs.base import Job, JobError, Options, Outcome, Tools
from muhurat.jobs.placing import disk_trouble, place_all, working_folder
from muhurat.jobs.refused_logins import RefusedLogins
from muhurat.stores.base import Cache
from muhurat.venues.nse.extranet_base import (
    Extranet,
    ExtranetFile,
    ExtranetLogin,
    ExtranetSession,
    LoginRefused,
    NeatMaster,
    NotOnExtranet,
)

SECURITY: Final = ExtranetFile("CM", "/ntneat", "security.gz")
CONTRACT_PLACES: Final = (ExtranetFile("FO", "/", "contract.gz"), ExtranetFile("CM", "/ntneat", "contract.gz"))
"""NSE's circulars of 2024 to 2026 name the first, a document of 2015 the second (facts: NSE, sections 0 and 6)."""
CACHE_KEYS: Final = {"security.gz": "nse:security.gz", "contract.gz": "nse:contract.gz"}

_USUAL_FOLDERS: Final = {file.segment: file.folder for file in CONTRACT_PLACES}
_GOOD_FOR_S: Final = 86_400.0
_MOST_CHANGE: Final = 0.30


class DownloadContractMasterOptions(Options):
    member_code: str = Field(min_length=1, description="NSE's code of the member.")
    login_id: str = Field(min_length=1, description="Who logs in.")
    encrypted_password: SecretStr = Field(description="As NSE wants it, encrypted; write ${env:NAME} in the registry.")
    download_folder: Path = Field(default=Path("downloads"), description="Where the two files go.")
    contract_segment: str | None = Field(
        default=None, description="Where contract.gz lies: FO or CM; both when absent."
    )
    contract_folder: str | None = Field(default=None, description="Its folder; / in FO and /ntneat in CM when absent.")
    any_size: bool = Field(default=False, description="Take masters that grew or shrank by 30 % since the last run.")
    send_refused_login: bool = Field(default=False, description="Send a login again that was refused before.")


def run(options: DownloadContractMasterOptions, tools: Tools) -> Outcome:
    folder = tools.path(options.download_folder)
    with working_folder(folder, "nse_masters") as work:
        security, contract = _downloaded(options, work, tools)
        masters = _masters(security, contract, tools)
        if not options.any_size:
            _refuse_leaps(sum(master.rows for master in masters.values()), tools)
        for path in (security, contract):
            tools.get(Cache).set(CACHE_KEYS[path.name], path.read_bytes(), ttl_s=_GOOD_FOR_S)
        places = [(work / name, folder / name) for name in masters]
        place_all(places)
    contracts, securities = masters["contract.txt"], masters["security.txt"]
    return Outcome(
        f"{contracts.rows:,} contracts, {securities.rows:,} securities of NSE",
        rows=contracts.rows + securities.rows,
        files=tuple(target for _, target in places),
        facts={name: _described(master) for name, master in masters.items()},
    )


def _downloaded(options: DownloadContractMasterOptions, work: Path, tools: Tools) -> tuple[Path, Path]:
    """`security.gz` and `contract.gz`, whole, in the working folder."""
    login = ExtranetLogin(options.member_code, options.login_id, options.encrypted_password.get_secret_value())
    who = f"{login.login_id} (member {login.member_code})"
    refused = RefusedLogins(tools.data_dir / "extranet_refused.json", tools.clock)
    if not options.send_refused_login:
        refused.check(
            who,
            login.password,
            "correct the password; when NSE has enabled the login, run once with --send_refused_login",
        )
    try:
        with tools.get(Extranet).session(login) as session:
            refused.forget(who)
            return _fetched(session, SECURITY, work, tools), _first_of(session, _places(options), work, tools)
    except LoginRefused as error:
        refused.remember(who, login.password, str(error))
        raise


def _places(options: DownloadContractMasterOptions) -> Sequence[ExtranetFile]:
    if options.contract_segment is None and options.contract_folder is None:
        return CONTRACT_PLACES
    segment = options.contract_segment or "FO"
    return (ExtranetFile(segment, options.contract_folder or _USUAL_FOLDERS.get(segment, "/"), "contract.gz"),)


def _fetched(session: ExtranetSession, file: ExtranetFile, work: Path, tools: Tools) -> Path:
    return session.download(
        file, work / file.name, lambda done, total: tools.progress(done, total, f"downloading {file}")
    )


def _first_of(session: ExtranetSession, places: Sequence[ExtranetFile], work: Path, tools: Tools) -> Path:
    """The file from the first place that has it; raises `NotOnExtranet` saying what is in each place instead."""
    missed = []
    for place in places:
        try:
            return _fetched(session, place, work, tools)
        except NotOnExtranet as error:
            missed.append(f"{place} ({error}; {_there(session, place)})")
    raise NotOnExtranet(
        f"contract.gz is at none of its places: {'; '.join(missed)}",
        hint="name its place with --contract_segment and --contract_folder",
    )


def _there(session: ExtranetSession, place: ExtranetFile) -> str:
    try:
        found = session.listing(place.segment, place.folder)
    except NotOnExtranet:
        return "the folder is not there either"
    return f"the folder holds {', '.join(file.name for file in found) or 'no file'}"


def _masters(security: Path, contract: Path, tools: Tools) -> dict[str, NeatMaster]:
    """Decompress both into text files in the working folder, and judge them; by name."""
    extranet, after_ns = tools.get(Extranet), _last_close_ns(tools)
    contracts, securities = _unpacked(contract, "contract.txt"), _unpacked(security, "security.txt")
    tools.progress(0, None, "reading the masters")
    return {
        "contract.txt": extranet.read_contracts(contracts, tools.business_date, after_ns),
        "security.txt": extranet.read_securities(securities, after_ns),
    }


def _unpacked(path: Path, name: str) -> bytes:
    data = gzip.decompress(path.read_bytes())
    try:
        (path.parent / name).write_bytes(data)
    except OSError as error:
        raise disk_trouble(error, path.parent.parent, name=name, wanted=len(data)) from error
    return data


def _last_close_ns(tools: Tools) -> int:
    """When the session before ended: a master for today is made after it. Its first minute where hours are unknown."""
    day = tools.calendar.previous_day(tools.business_date)
    if not tools.calendar.status(day).hours_known:
        return ist_ns(day, time())
    return tools.calendar.previous_session(tools.business_date).close_ns


def _refuse_leaps(rows: int, tools: Tools) -> None:
    """Refuse masters that grew or shrank by 30 % since the last day (facts: NSE, section 6)."""
    earlier = tools.earlier_rows(1)
    if earlier and abs(rows - earlier[0]) > _MOST_CHANGE * earlier[0]:
        raise JobError(
            f"the masters have {rows:,} rows, and those of the last run had {earlier[0]:,}: that is no ordinary day",
            hint="nothing was changed; when NSE's circulars explain it, run once with --any_size",
        )


def _described(master: NeatMaster) -> dict[str, object]:
    return {"rows": master.rows, "kinds": dict(sorted(master.kinds.items())), "warnings": list(master.warnings)}


JOB = Job(
    name="download_contract_master",
    help="Download NSE's masters of contracts and securities from the members' extranet.",
    options=DownloadContractMasterOptions,
    run=run,
    present=True,
    session="extranet",
)
