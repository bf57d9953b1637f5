"""A day's reference data: bhavcopies from zip to committed rows, and a SPAN file streamed.

The bhavcopies are the simulator's, of full size. Ours is the path of the job but for the network: unpacked, every rule
of the format checked, stored in one transaction. The baseline reads the same zips with pandas.read_csv and appends them
with DataFrame.to_sql to the same tables of a like database, through the same engine, without any check. Both are
measured in turns, until the rows are committed, each in a fresh copy of the same database.

Memory is the peak of a process of its own; its baseline is what that process takes before it begins.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Final

from benchmarks import Result, faster, within

DAY: Final = date(2026, 11, 19)
SEED: Final = 1
TURNS: Final = 7
SEGMENTS: Final = {"CM": "CmBhavcopy", "FO": "FoBhavcopy"}
URL: Final = "sqlite:///./reference.db"
SPAN_NAME: Final = f"nsccl.{DAY:%Y%m%d}.i05.spn"
SPAN_CODES, SPAN_OPTIONS = 220, 700
LEAST_SPAN_BYTES: Final = 50_000_000


def run() -> list[Result]:
    """Load and stream; then what each takes of memory."""
    with TemporaryDirectory() as made:
        folder = Path(made)
        rows = make_bhavcopies(folder)
        ours_s, theirs_s = turns(folder)
        ratio = median(theirs / ours for ours, theirs in zip(ours_s, theirs_s, strict=True))
        speed = faster(
            f"CM + FO bhavcopy, {rows:,} rows, zip to SQLite",
            ours=rows / median(ours_s) / 1000,
            baseline=rows / median(ours_s) / ratio / 1000,
            bar=5,
            unit="k rows/s",
            note=f"pandas, unchecked; {1000 * median(ours_s):.0f} ms",
        )
        loading = in_own_process("load", folder)
        size = make_span(folder)
        streaming = in_own_process("stream", folder)
    megabytes = size / 1e6
    note = f"{megabytes / streaming['seconds']:.0f} MB/s, {streaming['rows']:,.0f} risk arrays"
    return [
        speed,
        within("CM + FO bhavcopy, peak memory", ours=loading["peak"], baseline=loading["before"], bar=300, unit="MB"),
        within(
            f"SPAN of {megabytes:.0f} MB streamed, peak memory",
            ours=streaming["peak"],
            baseline=streaming["before"],
            bar=150,
            unit="MB",
            note=note,
        ),
    ]


def turns(folder: Path) -> tuple[list[float], list[float]]:
    """Seconds that ours and pandas take, turn by turn, after one that does not count."""
    empty = folder / "empty"
    prepare(empty)
    taken: tuple[list[float], list[float]] = ([], [])
    for number in range(TURNS + 1):
        for work, seconds in zip((load, pandas_load), taken, strict=True):
            place = folder / "turn"
            shutil.copytree(empty, place)
            took = work(folder, place)
            if number:
                seconds.append(took)
            shutil.rmtree(place)
    return taken


def prepare(place: Path) -> None:
    """An empty reference store, its schema up to date."""
    from muhurat.stores.registry import open_reference_store

    place.mkdir()
    open_reference_store(URL, base=place).close()


def load(folder: Path, place: Path) -> float:
    """Seconds from the zips to committed rows, as the job does it."""
    from muhurat.stores.registry import open_reference_store
    from muhurat.venues import zips
    from muhurat.venues.nse.udiff import read_bhavcopy

    started = perf_counter()
    store = open_reference_store(URL, base=place)
    days = []
    for segment in SEGMENTS:
        data = zips.read_only_member(bhavcopy(folder, segment), r".*\.csv", segment)
        days.append(read_bhavcopy(data, source="NSE", segment=segment, day=DAY, origin=segment))
    with store.transaction() as transaction:
        for day in days:
            transaction.replace(SEGMENTS[day.segment], day.columns, where={"TradDt": DAY})
    took = perf_counter() - started
    store.close()
    return took


def pandas_load(folder: Path, place: Path) -> float:
    """Seconds that a script would take for the same."""
    import pandas as pd

    from muhurat.stores.sql.engine import open_engine
    from muhurat.venues.nse.udiff import KEPT

    started = perf_counter()
    engine = open_engine(URL, place)
    for segment, table in SEGMENTS.items():
        frame = pd.read_csv(bhavcopy(folder, segment), usecols=list(KEPT))
        frame.to_sql(table, engine, index=False, if_exists="append")
    took = perf_counter() - started
    engine.dispose()
    return took


def make_bhavcopies(folder: Path) -> int:
    """The simulator's files of a day; how many rows they have."""
    from muhurat.simulator.nse.udiff import cash_bhavcopy, derivatives_bhavcopy
    from muhurat.simulator.reference.exchange import ReferenceData

    data = ReferenceData("XNSE", SEED)
    bodies = {"CM": cash_bhavcopy(data.cash(DAY)), "FO": derivatives_bhavcopy(data.futures_and_options(DAY))}
    for segment, body in bodies.items():
        with zipfile.ZipFile(bhavcopy(folder, segment), "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(f"{segment}.csv", body)
    counts = [body.count(b"\n") - 1 for body in bodies.values()]
    if counts[0] < 3_000 or counts[1] < 35_000:
        raise AssertionError(f"{counts} rows are no full day")
    return sum(counts)


def bhavcopy(folder: Path, segment: str) -> Path:
    return folder / f"{segment}.csv.zip"


def make_span(folder: Path) -> int:
    """A zip of a SPAN file as large as NSE's; its size unpacked."""
    size = 0
    with (
        zipfile.ZipFile(folder / "span.zip", "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
        archive.open(SPAN_NAME, "w", force_zip64=True) as file,
    ):
        for piece in span_pieces():
            size += file.write(piece.encode())
    if size < LEAST_SPAN_BYTES:
        raise AssertionError(f"{size} bytes are no full SPAN file")
    return size


def span_pieces() -> Iterator[str]:
    """Elements as NSE Clearing writes them, for many codes."""
    array = "<ra><r>1</r>" + "".join(f"<a>{17.25 * step - 150:.2f}</a>" for step in range(16)) + "<d>0.5000</d></ra>"
    codes = ["NIFTY", *(f"STOCK{number}" for number in range(1, SPAN_CODES))]
    yield (
        f'<?xml version="1.0"?>\n<spanFile>\n<created>{DAY:%Y%m%d}1530</created>\n<pointInTime>\n'
        f"<date>{DAY:%Y%m%d}</date>\n<isSetl>0</isSetl>\n<clearingOrg>\n<ec>NSCCL</ec>\n<exchange>\n<exch>NSE</exch>\n"
    )
    for number, code in enumerate(codes):
        yield f"<oopPf>\n<pfId>{number}</pfId>\n<pfCode>{code}</pfCode>\n<series>\n<pe>20261229</pe>\n<v>0.11</v>\n"
        for option in range(SPAN_OPTIONS):
            yield (
                f"<opt>\n<cId>{option}</cId>\n<o>{'CP'[option % 2]}</o>\n<k>{50.0 * (option // 2):.2f}</k>\n"
                f"<p>{123.4 + option:.2f}</p>\n<d>0.5000</d>\n<v>0.1100</v>\n{array}\n</opt>\n"
            )
        yield "</series>\n</oopPf>\n"
    yield "</exchange>\n" + "".join(f"<ccDef>\n<cc>{code}</cc>\n</ccDef>\n" for code in codes)
    yield "</clearingOrg>\n</pointInTime>\n</spanFile>\n"


def stream(folder: Path) -> int:
    """Every risk array of the file, checked; they are dropped as they come."""
    from muhurat.venues.nse.span import SpanReader

    reader = SpanReader(day=DAY, slot="i5", origin="span")
    with zipfile.ZipFile(folder / "span.zip") as archive, archive.open(SPAN_NAME) as file:
        return sum(len(batch["Code"]) for batch in reader.rows(iter(lambda: file.read(1 << 16), b"")))


def in_own_process(work: str, folder: Path) -> dict[str, float]:
    """What a piece of work takes in a process of its own: rows, seconds, MB at its peak and before it began."""
    command = [sys.executable, "-m", "benchmarks.bench_reference", work, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=Path(__file__).parents[1])
    found: dict[str, float] = json.loads(done.stdout)
    return found


def alone(work: str, folder: Path) -> dict[str, float]:
    """Do it in this process."""
    place = folder / "alone"
    if work == "load":
        import muhurat.stores.sql.reference
        import muhurat.venues.nse.udiff

        prepare(place)
    else:
        import muhurat.venues.nse.span  # noqa: F401
    before = peak_mb()
    if work == "load":
        return {"seconds": load(folder, place), "before": before, "peak": peak_mb()}
    started = perf_counter()
    rows = stream(folder)
    return {"rows": rows, "seconds": perf_counter() - started, "before": before, "peak": peak_mb()}


def peak_mb() -> float:
    """The most memory this process has had; unlike getrusage's figure, not its parent's before it was started."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


if __name__ == "__main__":
    print(json.dumps(alone(sys.argv[1], Path(sys.argv[2]))))
