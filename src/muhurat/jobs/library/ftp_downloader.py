"""Bring one file from an FTP server (MISSION B13), for whatever is delivered so.

NSE's guest FTP on the internet ended on 2023-01-28; members' leased lines, clearing houses and vendors still deliver
so, hence nothing here knows any of them (facts: NSE, section 10).
"""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, SecretStr

from muhurat.jobs.base import Job, JobError, Options, Outcome, Tools
from muhurat.venues.ftp.base import FtpFetcher, FtpServer


class FtpDownloaderOptions(Options):
    host: str = Field(min_length=1, description="The server's name or address.")
    user: str = Field(min_length=1, description="Who logs in.")
    password: SecretStr = Field(description="Their password; write ${env:NAME} in the registry.")
    remote_file: str = Field(min_length=1, description="The file's path on the server.")
    local_file: Path = Field(description="Where it goes; folders are made.")
    port: int = Field(default=21, ge=1, le=65535, description="The server's port.")
    tls: bool = Field(default=False, description="Explicit FTPS, the certificate verified.")
    ca_file: Path | None = Field(default=None, description="Certificates to trust (PEM), instead of this machine's.")
    timeout_s: float = Field(default=30, gt=0, description="How long the server may be silent, in real seconds.")
    total_s: float = Field(default=1800, gt=0, description="How long it may take in all, in real seconds.")
    settle_s: float = Field(default=1, ge=0, le=60, description="How long the file must stand still, in real seconds.")


def run(options: FtpDownloaderOptions, tools: Tools) -> Outcome:
    local = tools.path(options.local_file)
    if local.is_dir():
        raise JobError(f"--local-file {local} is a folder", hint="name the file that is to be written there")
    server = FtpServer(
        host=options.host,
        user=options.user,
        password=options.password.get_secret_value(),
        port=options.port,
        tls=options.tls,
        ca_file=tools.path(options.ca_file) if options.ca_file else None,
        timeout_s=options.timeout_s,
        total_s=options.total_s,
        settle_s=options.settle_s,
    )
    what = f"{options.remote_file} from {options.host}"
    file = tools.get(FtpFetcher).fetch(
        server, options.remote_file, local, lambda done, total: tools.progress(done, total, what)
    )
    told = f"{what}: {file.bytes:,} bytes"
    if file.resumed_at:
        told += f", of which {file.resumed_at:,} were there from a broken attempt"
    if not file.size_known:
        told += "; the server tells no size, so only its word says that this is all"
    facts = {
        "bytes": file.bytes,
        "resumed_at": file.resumed_at,
        "modified": file.modified and file.modified.isoformat(),
    }
    return Outcome(told, files=(file.path,), facts=facts)


JOB = Job(
    name="ftp_downloader",
    help="Download one file by FTP or FTPS, resumed and checked.",
    options=FtpDownloaderOptions,
    run=run,
    session="ftp",
)
