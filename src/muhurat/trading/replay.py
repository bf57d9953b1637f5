"""Play a recorded input log again and compare what the engine decides with what it decided then."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from muhurat.errors import MuhuratError
from muhurat.model.tick import MessageDecoder
from muhurat.trading.account import NoBook
from muhurat.trading.engine import Engine
from muhurat.trading.inputlog import DECISIONS, Entry, checker, read_entries
from muhurat.trading.player import OpenRecords, Player
from muhurat.trading.session import from_entry
from muhurat.trading.simulated import broker_named


@dataclass(frozen=True, slots=True)
class Replayed:
    """What was played and said again, line for line as on file."""

    entries: int
    lines: tuple[Entry, ...]


def replay(input_log: Path, decode: MessageDecoder | None = None, open_records: OpenRecords | None = None) -> Replayed:
    """Play a whole input log; raises `ReplayDifference` at the first decision that differs from the file beside it."""
    entries = read_entries(input_log)
    if not entries or entries[0]["kind"] != "session":
        raise MuhuratError(f"{input_log} does not begin with a session")
    compare, finish = checker(input_log.with_name(DECISIONS))
    lines: list[Entry] = []

    def hear(line: Entry) -> None:
        compare(line)
        lines.append(line)

    facts = from_entry(entries[0])
    player = Player(Engine(facts, broker_named(facts.broker, facts.parameters), NoBook(), hear), decode, open_records)
    player.engine.start()
    try:
        for entry in entries[1:]:
            player.play(entry)
    finally:
        player.close()
    finish()
    return Replayed(len(entries), tuple(lines))
