"""The desk file: one readable YAML file that says what a desk is made of.

`load_desk` reads `desk.yaml`, lays overlays over it key by key, fills `${NAME}` from `.env` and the environment, and
returns a frozen `Desk`. Every mistake is reported at once, each with its dotted path and what to do about it. Names
that belong to registries (venues, strategies, store schemes, universes) are checked against the `Known` names that the
caller passes, so that this module needs to know none of them.
"""

from muhurat.config.feed_logs import feed_log
from muhurat.config.loading import LATER_KEYS, desk_from, load_desk, read_dotenv
from muhurat.config.recording import FeedSection
from muhurat.config.section import Known
from muhurat.config.sections import Desk, KiteSection, TradingSection
from muhurat.config.streams import streams_of, usual_stream

__all__ = [
    "LATER_KEYS",
    "Desk",
    "FeedSection",
    "KiteSection",
    "Known",
    "TradingSection",
    "desk_from",
    "feed_log",
    "load_desk",
    "read_dotenv",
    "streams_of",
    "usual_stream",
]
