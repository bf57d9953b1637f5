"""The composition root: desk settings become objects here, and only here are concrete parts named.

Importing it is cheap; heavy libraries are imported by the function that needs them, in the process that calls it.
"""

from muhurat.app.desk import (
    calendar_of,
    clock_of,
    kite,
    kite_rest,
    log_in,
    open_desk,
    place_of,
    save_token,
    tick_store,
    token_file,
)
from muhurat.app.instruments import prepare_universe, run_refresh, universe_kind
from muhurat.app.jobs import run_job
from muhurat.app.quality import quality_report, write_quality
from muhurat.app.recording import ingest_ticks, run_decode, run_limits, run_recorder
from muhurat.app.reporting import day_report, print_report, run_web, write_report
from muhurat.app.services import services, supervisor
from muhurat.app.streams import Source, follow, run_publish, store_sink, stream_of
from muhurat.app.trader import replay_decisions, run_trader

__all__ = [
    "Source",
    "calendar_of",
    "clock_of",
    "day_report",
    "follow",
    "ingest_ticks",
    "kite",
    "kite_rest",
    "log_in",
    "open_desk",
    "place_of",
    "prepare_universe",
    "print_report",
    "quality_report",
    "replay_decisions",
    "run_decode",
    "run_job",
    "run_limits",
    "run_publish",
    "run_recorder",
    "run_refresh",
    "run_trader",
    "run_web",
    "save_token",
    "services",
    "store_sink",
    "stream_of",
    "supervisor",
    "tick_store",
    "token_file",
    "universe_kind",
    "write_quality",
    "write_report",
]
