"""The day's instruments of every feed: chosen in the morning, and looked at again as the exchanges list new ones."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from muhurat.app.desk import kite, kite_rest, start, token_file
from muhurat.app.parts import reference_store
from muhurat.clock import Clock, ist
from muhurat.config import Desk, FeedSection
from muhurat.errors import MuhuratError
from muhurat.log import get_logger

if TYPE_CHECKING:
    from muhurat.capture.universe import Market, Universe, UniverseKind
    from muhurat.model.instrument import Instrument


def prepare_universe(desk: Desk, *, again: bool = False) -> dict[str, int]:
    """Fetch today's instruments and write today's universe file of every feed; how many instruments by feed.

    A file that is there already is left alone, so that a day goes on with the instruments it began with; `again` makes
    it anew. What is wrong with one feed is raised after the others were written.
    """
    return choose_instruments(desk, start("universe", desk), again=again)


def choose_instruments(desk: Desk, clock: Clock, *, again: bool = False) -> dict[str, int]:
    """What `prepare_universe` does, in a process that has its own log."""
    from muhurat.capture.universe import load_universe, save_universe, universe_path
    from muhurat.venues.kite.instruments import save_instruments

    day = ist(clock.now_ns()).date()
    paths = {name: universe_path(desk.data_dir / "universe", name, day) for name in desk.feeds}
    asked = [name for name, path in paths.items() if again or not path.exists()]
    kinds: dict[str, UniverseKind] = {}
    failed: dict[str, MuhuratError] = {}
    for name in asked:
        with _noted(failed, name):
            kind = universe_kind(desk, desk.feeds[name])
            if kind is not None:
                kinds[name] = kind
            else:
                save_universe(paths[name], load_universe(desk.path(desk.feeds[name].universe)))
    if kinds:
        dump, market = _fetch_dump(desk, kinds.values()), _market(desk, clock)
        save_instruments(desk.data_dir / "reference", day, dump)
        for name, kind in kinds.items():
            with _noted(failed, name):
                universe = _choose(desk, name, kind, dump, market, clock.now_ns())
                save_universe(paths[name], universe)
                _write_copy(desk, kind, universe)
    if failed:
        raise _one_error(failed)
    return {name: len(load_universe(path).instruments) for name, path in paths.items()}


@contextmanager
def _noted(failed: dict[str, MuhuratError], feed: str) -> Iterator[None]:
    """What is wrong with one feed's instruments must not cost the others theirs."""
    try:
        yield
    except MuhuratError as error:
        failed[feed] = error


def _one_error(failed: dict[str, MuhuratError]) -> MuhuratError:
    first, *more = failed.values()
    if not more:
        return first
    told = "; ".join(f"{feed}: {error}" for feed, error in failed.items())
    return MuhuratError(told, permanent=all(error.permanent for error in failed.values()), hint=first.hint)


def notice_new_contracts(desk: Desk, clock: Clock) -> dict[str, list[str]]:
    """Fetch the dump again and take in what an exchange has listed since; the new symbols by feed.

    Nothing that is recorded is dropped. A feed whose instruments have not been chosen yet is left alone.
    """
    from muhurat.capture.universe import universe_path
    from muhurat.venues.kite.instruments import load_instruments, save_instruments

    day, folder = ist(clock.now_ns()).date(), desk.data_dir / "reference"
    paths = {name: universe_path(desk.data_dir / "universe", name, day) for name in desk.feeds}
    kinds = {name: kind for name, feed in desk.feeds.items() if (kind := universe_kind(desk, feed)) is not None}
    chosen = [name for name in kinds if paths[name].exists()]
    if not chosen:
        return {}
    dumps, market = (load_instruments(folder, day), _fetch_dump(desk, kinds.values())), _market(desk, clock)
    found = {}
    for name in chosen:
        universe, symbols = _take_in(paths[name], dumps, market)
        if symbols:
            found[name] = symbols
            _write_copy(desk, kinds[name], universe)
    save_instruments(folder, day, dumps[1])
    return found


def run_refresh(desk: Desk) -> dict[str, list[str]]:
    """`notice_new_contracts` as a process of its own, with the log of the universe."""
    clock = start("universe", desk)
    found = notice_new_contracts(desk, clock)
    for feed, symbols in found.items():
        get_logger(__name__).info("new contracts are listed", feed=feed, symbols=", ".join(symbols))
    return found


def universe_kind(desk: Desk, feed: FeedSection) -> UniverseKind | None:
    """The rule that chooses a feed's instruments: the one it names, or the one whose file it names, unless that is a
    file of the user's own; None for those."""
    from muhurat.capture.universe import UNIVERSES, load_universe

    if feed.universe in UNIVERSES:
        return UNIVERSES[feed.universe]
    path = desk.path(feed.universe)
    kind = next((kind for kind in UNIVERSES.values() if kind.file and desk.path(kind.file) == path), None)
    if kind is not None and path.exists() and load_universe(path).kind != kind.name:
        return None
    return kind


def _fetch_dump(desk: Desk, kinds: Iterable[UniverseKind]) -> list[Instrument]:
    """What is listed now on every exchange that the rules ask for."""
    from muhurat.venues.kite.instruments import KiteInstruments

    exchanges = {exchange for kind in kinds for exchange in kind.exchanges}
    return KiteInstruments(kite(desk).root, token_file(desk).read).fetch(sorted(exchanges))


def _market(desk: Desk, clock: Clock) -> Market:
    """Whom the rules may ask; one for all feeds, since Kite counts the questions of an account."""
    from muhurat.capture.universe import Market

    return Market(kite_rest(desk, clock), partial(reference_store, desk, clock))


def _choose(desk: Desk, name: str, kind: UniverseKind, dump: list[Instrument], market: Market, now_ns: int) -> Universe:
    from muhurat.capture.universe import Order

    feed = desk.feeds[name]
    order = Order(name, feed.venue, feed.mode, feed.strikes, ist(now_ns).date(), now_ns)
    universe = kind.choose(dump, order, market)
    if universe.missing:
        log = get_logger(__name__)
        log.warning(
            "instruments could not be found", feed=name, missing=len(universe.missing), first=universe.missing[0]
        )
    return universe


def _take_in(
    path: Path, dumps: tuple[list[Instrument], list[Instrument]], market: Market
) -> tuple[Universe, list[str]]:
    """A feed's universe with what the second dump has and the first has not, and the symbols of that."""
    from muhurat.capture.universe import changing, load_universe, new_contracts, save_universe, with_new

    found = new_contracts(load_universe(path), *dumps)
    if not found:
        return load_universe(path), []
    with changing(path):
        universe = with_new(load_universe(path), found, market.quotes)
        save_universe(path, universe)
    return universe, [row.symbol for row in found]


def _write_copy(desk: Desk, kind: UniverseKind, universe: Universe) -> None:
    """Write the universe where other programs look for it, unless a file of the user's own is there."""
    from muhurat.capture.universe import load_universe, save_universe

    if not kind.file:
        return
    path = desk.path(kind.file)
    if path.exists() and load_universe(path).kind != kind.name:
        get_logger(__name__).warning("a file of your own is left alone", file=str(path))
        return
    save_universe(path, universe)
