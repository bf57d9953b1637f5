"""The ledger keeps what it was told: once, exactly, and through a kill."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import date, time
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from muhurat.clock import NS_PER_S, ist_ns
from muhurat.trading.charges import Charges, charges_on_turnover
from muhurat.trading.ledger import ExecutedOrder, Execution, Ledger, LedgerError, LedgerReader, Opening
from muhurat.trading.ledger_schema import MIGRATIONS, open_for_writing

DAY = date(2026, 11, 20)
SESSION = "2026-11-20:test"
OPEN_NS = ist_ns(DAY, time(9, 15))
CAPITAL = Decimal(500_000)


def ns(seconds: float) -> int:
    return OPEN_NS + round(seconds * NS_PER_S)


def order(name: str, side: str, *fills: tuple[str, int], at_s: float = 60) -> ExecutedOrder:
    executions = tuple(Execution(Decimal(price), quantity, ns(at_s)) for price, quantity in fills)
    turnover = sum((fill.price * fill.quantity for fill in executions), Decimal(0))
    charges = charges_on_turnover(side, turnover, "BFO", DAY)
    return ExecutedOrder(name, side, ns(at_s - 1), executions, charges, reason="signal")


def opening(number: int, entry: ExecutedOrder, strength: float = 88.5) -> Opening:
    return Opening(
        trade_id=f"T{number}",
        symbol="SENSEX26N2680500CE",
        exchange="BFO",
        side="CE",
        strike=Decimal(80500),
        expiry=date(2026, 11, 26),
        signal_ns=ns(0),
        signal_strength=strength,
        entry=entry,
    )


def trade(ledger: Ledger, number: int, bought: str, sold: str, quantity: int = 20) -> None:
    at_s = number * 100
    ledger.open_trade(opening(number, order(f"E{number}", "BUY", (bought, quantity), at_s=at_s)))
    ledger.close_trade(f"T{number}", [order(f"X{number}", "SELL", (sold, quantity), at_s=at_s + 50)], "time")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "ledger.db"


@pytest.fixture
def ledger(path: Path) -> Iterator[Ledger]:
    with Ledger(path) as ledger:
        ledger.open_session(DAY, "test", OPEN_NS, CAPITAL, {"ema_short_period": 10})
        yield ledger


def test_a_trade_goes_from_entry_to_exit_net_of_charges(ledger: Ledger) -> None:
    ledger.open_trade(opening(1, order("E1", "BUY", ("300", 20))))
    (held,) = ledger.open_positions()
    assert (held.symbol, held.quantity, held.entry_price) == ("SENSEX26N2680500CE", 20, Decimal(300))

    done = ledger.close_trade("T1", [order("X1", "SELL", ("320", 20), at_s=120)], "premium_target")

    assert (done.charges, done.net, done.outcome) == (Decimal("62.15"), Decimal("337.85"), "WIN")
    assert (done.entry_ns, done.exit_ns, done.reason) == (ns(60), ns(120), "premium_target")
    assert ledger.trades(DAY) == [done]
    assert ledger.open_positions() == []
    assert ledger.realised(SESSION) == Decimal("337.85")


def test_orders_may_fill_in_parts_and_the_average_price_is_exact(ledger: Ledger) -> None:
    entry = order("E1", "BUY", ("300.05", 20), ("300.10", 40))
    ledger.open_trade(opening(1, entry))
    assert ledger.trade("T1").entry_price * 60 == Decimal(18005)
    exits = [order("X1", "SELL", ("310", 40), at_s=90), order("X2", "SELL", ("309.95", 20), at_s=120)]
    done = ledger.close_trade("T1", exits, "square_off")
    assert done.exit_price is not None
    assert done.exit_price * 60 == Decimal(18599)
    assert done.exit_ns == ns(120)
    charges = sum((each.charges.total for each in (entry, *exits)), Decimal(0))
    assert (done.charges, done.net) == (charges, Decimal(594) - charges)


def test_a_mark_values_the_open_position_and_an_older_one_is_ignored(ledger: Ledger) -> None:
    ledger.open_trade(opening(1, order("E1", "BUY", ("300", 20))))
    ledger.mark("T1", Decimal("312.40"), ns(90))
    ledger.mark("T1", Decimal("1.00"), ns(80))
    (held,) = ledger.open_positions()
    assert (held.current_price, held.unrealized_pnl, held.marked_ns) == (Decimal("312.40"), Decimal(248), ns(90))


def test_a_position_that_was_sold_first_gains_when_the_price_falls(ledger: Ledger) -> None:
    ledger.open_trade(opening(1, order("E1", "SELL", ("300", 20))))
    ledger.mark("T1", Decimal(290), ns(90))
    assert ledger.open_positions()[0].unrealized_pnl == 200
    done = ledger.close_trade("T1", [order("X1", "BUY", ("290", 20), at_s=120)], "time")
    assert done.net == 200 - (done.charges or 0)


def test_the_same_day_told_again_changes_nothing(path: Path) -> None:
    contents = []
    for _ in range(2):
        with Ledger(path) as ledger:
            ledger.open_session(DAY, "test", OPEN_NS, CAPITAL, {"ema_short_period": 10})
            ledger.record_event(1, ns(1), "signal", {"strength": 88.5, "price": Decimal("300.05")})
            trade(ledger, 1, "300", "320")
            ledger.mark("T1", Decimal(1), ns(9999))
            trade(ledger, 2, "300", "290")
            ledger.close_session(ns(22_000))
        with closing(sqlite3.connect(path)) as connection:
            contents.append("\n".join(connection.iterdump()))
    assert contents[0] == contents[1]


@pytest.mark.parametrize(
    "tell",
    [
        lambda ledger: ledger.record_event(1, ns(1), "signal", {"a": 2}),
        lambda ledger: ledger.open_trade(opening(1, order("E1", "BUY", ("300", 20), at_s=100), strength=90)),
        lambda ledger: ledger.open_trade(opening(1, order("E1", "BUY", ("290", 10), ("310", 10), at_s=100))),
        lambda ledger: ledger.open_session(DAY, "test", OPEN_NS, CAPITAL + 1, {"ema_short_period": 10}),
        lambda ledger: ledger.close_trade("T1", [order("X1", "SELL", ("320", 20), at_s=150)], "ema20_stop"),
        lambda ledger: ledger.close_session(ns(22_001)),
    ],
    ids=["event", "trade", "fills", "session", "exit", "end"],
)
def test_another_content_under_the_same_name_is_refused(ledger: Ledger, tell: Callable[[Ledger], object]) -> None:
    ledger.record_event(1, ns(1), "signal", {"a": 1})
    trade(ledger, 1, "300", "320")
    ledger.close_session(ns(22_000))
    with pytest.raises(LedgerError, match="is kept with another content"):
        tell(ledger)
    assert ledger.integrity_check() == []


def test_a_session_sums_up_its_trades(ledger: Ledger) -> None:
    for number, (bought, sold) in enumerate([("300", "320"), ("300", "290"), ("300", "295"), ("300", "310")], 1):
        trade(ledger, number, bought, sold)
    closed = ledger.close_session(ns(22_000))
    nets = [each.net or Decimal(0) for each in ledger.trades(DAY)]
    assert closed.total_pnl == sum(nets) == ledger.realised(SESSION)
    assert (closed.trade_count, closed.win_rate) == (4, 0.5)
    assert closed.max_drawdown == -(nets[1] + nets[2])
    assert ledger.session(DAY) == closed == ledger.session_by_id(SESSION)


def test_a_session_without_trades_has_no_win_rate(ledger: Ledger) -> None:
    closed = ledger.close_session(ns(22_000))
    assert (closed.total_pnl, closed.trade_count, closed.max_drawdown, closed.win_rate) == (0, 0, 0, None)


def test_a_session_cannot_close_over_an_open_trade_nor_open_one_after(ledger: Ledger) -> None:
    ledger.open_trade(opening(1, order("E1", "BUY", ("300", 20))))
    with pytest.raises(LedgerError, match="still holds T1"):
        ledger.close_session(ns(22_000))
    ledger.close_trade("T1", [order("X1", "SELL", ("320", 20), at_s=120)], "time")
    ledger.close_session(ns(22_000))
    with pytest.raises(LedgerError, match="trade T2 comes too late"):
        ledger.open_trade(opening(2, order("E2", "BUY", ("300", 20))))
    assert [each.id for each in ledger.trades(DAY)] == ["T1"]


def test_a_trade_that_made_nothing_is_flat(ledger: Ledger) -> None:
    free = Charges(*[Decimal(0)] * 6)
    trade(ledger, 1, "300", "299")
    entry = ExecutedOrder("E2", "BUY", ns(1), (Execution(Decimal(300), 20, ns(200)),), free)
    leave = ExecutedOrder("X2", "SELL", ns(1), (Execution(Decimal(300), 20, ns(250)),), free)
    ledger.open_trade(opening(2, entry))
    assert ledger.close_trade("T2", [leave], "time").outcome == "FLAT"


def test_modes_of_one_day_are_kept_apart(ledger: Ledger) -> None:
    trade(ledger, 1, "300", "320")
    ledger.open_session(DAY, "debug", OPEN_NS, CAPITAL, {})
    trade(ledger, 2, "300", "290")
    assert [each.mode for each in ledger.trades(DAY)] == ["test", "debug"]
    assert [each.id for each in ledger.trades(DAY, "debug")] == ["T2"]
    with pytest.raises(LedgerError, match="has sessions in the modes"):
        ledger.session(DAY)
    assert ledger.session(date(2026, 11, 19)) is None


def test_events_come_back_in_order_from_any_point(ledger: Ledger) -> None:
    for seq in (3, 1, 2):
        ledger.record_event(seq, ns(seq), "bar", {"n": seq, "name": "मुहूर्त"})
    assert [event.seq for event in ledger.events(SESSION)] == [1, 2, 3]
    assert [event.payload for event in ledger.events(SESSION, after=2)] == [{"n": 3, "name": "मुहूर्त"}]


@pytest.mark.parametrize(
    ("exits", "complaint"),
    [
        ([order("X1", "SELL", ("320", 10))], "holds 20, its exits are 10"),
        ([order("X1", "BUY", ("320", 20))], "entered and left by BUY"),
        ([], "holds 20, its exits are 0"),
        ([ExecutedOrder("X1", "SELL", 1, (), order("o", "SELL", ("1", 1)).charges)], "has no fill"),
    ],
)
def test_exits_that_do_not_close_the_trade_are_refused_whole(
    ledger: Ledger, exits: list[ExecutedOrder], complaint: str
) -> None:
    ledger.open_trade(opening(1, order("E1", "BUY", ("300", 20))))
    with pytest.raises(LedgerError, match=complaint):
        ledger.close_trade("T1", exits, "time")
    assert len(ledger.open_positions()) == 1
    assert ledger.integrity_check() == []


def test_money_finer_than_a_paisa_and_unknown_sides_are_refused(ledger: Ledger) -> None:
    with pytest.raises(LedgerError, match=r"300\.001 rupees are no whole number of paise"):
        ledger.open_trade(opening(1, order("E1", "BUY", ("300.001", 20))))
    charges = order("o", "BUY", ("1", 1)).charges
    with pytest.raises(LedgerError, match="unknown side 'HOLD'"):
        ledger.open_trade(opening(1, ExecutedOrder("E1", "HOLD", 1, (Execution(Decimal(1), 1, 1),), charges)))
    assert ledger.trades(DAY) == []


def test_what_is_unknown_is_refused_by_name(ledger: Ledger, path: Path) -> None:
    for ask in (lambda: ledger.trade("T9"), lambda: ledger.close_trade("T9", [], "time")):
        with pytest.raises(LedgerError, match="'T9'"):
            ask()
    with pytest.raises(LedgerError, match="no session '2020-01-01:test'"):
        ledger.session_by_id("2020-01-01:test")
    ledger.close()
    with Ledger(path) as fresh, pytest.raises(LedgerError, match="no session is open"):
        fresh.record_event(1, 1, "bar", {})


def test_a_transaction_is_kept_whole_or_not_at_all(ledger: Ledger) -> None:
    def fail_after_writing() -> None:
        with ledger.transaction():
            ledger.record_event(1, ns(1), "signal", {})
            trade(ledger, 1, "300", "320")
            raise RuntimeError("the engine stumbles")

    with pytest.raises(RuntimeError, match="stumbles"):
        fail_after_writing()
    assert (ledger.trades(DAY), list(ledger.events(SESSION))) == ([], [])
    with ledger.transaction():
        ledger.record_event(1, ns(1), "signal", {})
        trade(ledger, 1, "300", "320")
    assert (len(ledger.trades(DAY)), len(list(ledger.events(SESSION)))) == (1, 1)


def test_the_past_cannot_be_changed_behind_the_ledgers_back(ledger: Ledger, path: Path) -> None:
    ledger.record_event(1, ns(1), "signal", {})
    trade(ledger, 1, "300", "320")
    ledger.close_session(ns(22_000))
    with closing(sqlite3.connect(path)) as connection:
        for statement in (
            "UPDATE events SET kind = 'x'",
            "DELETE FROM events",
            "UPDATE fills SET price_paise = 1",
            "DELETE FROM orders",
            "UPDATE trades SET pnl_paise = 1",
            "DELETE FROM trades",
            "UPDATE sessions SET total_pnl_paise = 1",
        ):
            with pytest.raises(sqlite3.IntegrityError):
                connection.execute(statement)


def test_the_seeds_columns_are_there_in_rupees_and_ist(ledger: Ledger, path: Path) -> None:
    trade(ledger, 1, "300.05", "320")
    ledger.close_session(ns(22_500))
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute(
            "SELECT id, date, session_id, side, strike, quantity, entry_price, exit_price, outcome, round(pnl, 2),"
            " signal_strength, mode FROM trades"
        ).fetchall() == [("T1", "2026-11-20", SESSION, "CE", "80500", 20, 300.05, 320.0, "WIN", 336.85, 88.5, "test")]
        assert connection.execute(
            "SELECT trade_id, symbol, current_price, unrealized_pnl, entry_time, exit_time, status FROM positions"
        ).fetchall() == [
            ("T1", "SENSEX26N2680500CE", 320.0, 0.0, f"{DAY}T09:16:40.000+05:30", f"{DAY}T09:17:30.000+05:30", "CLOSED")
        ]
        assert connection.execute(
            "SELECT date, start_time, end_time, total_pnl, trade_count, max_drawdown, win_rate FROM sessions"
        ).fetchall() == [
            ("2026-11-20", "2026-11-20T09:15:00.000+05:30", "2026-11-20T15:30:00.000+05:30", 336.85, 1, 0.0, 1.0)
        ]


def test_the_file_is_the_owners_alone_and_flushed_fully(ledger: Ledger, path: Path) -> None:
    for file in path.parent.iterdir():
        assert file.stat().st_mode & 0o777 == 0o600, file.name
    assert ledger._connection.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
    assert ledger._connection.execute("PRAGMA synchronous").fetchone()[0] == 2


def test_one_process_writes_and_others_read(ledger: Ledger, path: Path) -> None:
    trade(ledger, 1, "300", "320")
    with pytest.raises(LedgerError, match="being written by another process"):
        Ledger(path)
    with LedgerReader(path) as reader:
        assert [each.id for each in reader.trades(DAY)] == ["T1"]
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            reader._connection.execute("DELETE FROM positions")


def test_a_reader_needs_a_ledger(tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match="there is no ledger"):
        LedgerReader(tmp_path / "none.db")
    (tmp_path / "text.db").write_text("not a database, but long enough to be looked at as one" * 20)
    with pytest.raises(LedgerError, match="cannot be read"):
        LedgerReader(tmp_path / "text.db")
    with pytest.raises(LedgerError, match="cannot be opened"):
        Ledger(tmp_path / "text.db")


def test_a_newer_schema_is_refused_and_an_older_one_is_brought_forward(path: Path) -> None:
    path.parent.mkdir()
    open_for_writing(path).close()
    later = (*MIGRATIONS, ("ALTER TABLE trades ADD COLUMN note TEXT", "CREATE TABLE notes (text TEXT)"))
    with closing(open_for_writing(path, later)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone()[0] == len(later)
        connection.execute("INSERT INTO notes VALUES ('kept')")
    for opens in (Ledger, LedgerReader):
        with pytest.raises(LedgerError, match=f"has schema {len(later)}, this program knows {len(MIGRATIONS)}"):
            opens(path)


def test_a_migration_that_fails_leaves_the_schema_as_it_was(path: Path) -> None:
    open_for_writing(path).close()
    broken = (*MIGRATIONS, ("CREATE TABLE notes (text TEXT)", "CREATE TABLE trades (id TEXT)"))
    with pytest.raises(LedgerError, match="already exists"):
        open_for_writing(path, broken)
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone()[0] == len(MIGRATIONS)
        assert connection.execute("SELECT name FROM sqlite_master WHERE name = 'notes'").fetchall() == []


def test_the_integrity_check_finds_sums_that_do_not_add_up(ledger: Ledger, path: Path) -> None:
    trade(ledger, 1, "300", "320")
    assert ledger.integrity_check() == []
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("DROP TRIGGER closed_trades_stay")
        connection.execute("UPDATE trades SET pnl_paise = pnl_paise + 1, charges_paise = charges_paise - 2")
    assert ledger.integrity_check() == ["trade T1: its fills do not add up", "trade T1: its charges do not add up"]


paise_prices = st.integers(5, 500_000).map(lambda number: Decimal(number) / 100)
round_trips = st.lists(
    st.tuples(
        st.lists(st.tuples(paise_prices, st.integers(1, 40)), min_size=1, max_size=3),
        paise_prices,
        st.sampled_from(["BUY", "SELL"]),
    ),
    max_size=8,
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(trips=round_trips)
def test_any_row_of_trades_sums_up(trips: list[tuple[list[tuple[Decimal, int]], Decimal, str]]) -> None:
    with tempfile.TemporaryDirectory() as folder, Ledger(Path(folder) / "ledger.db") as ledger:
        ledger.open_session(DAY, "test", OPEN_NS, CAPITAL, {})
        expected = Decimal(0)
        with ledger.transaction():
            for number, (fills, left, side) in enumerate(trips, 1):
                quantity = sum(size for _, size in fills)
                entry = order(f"E{number}", side, *((str(price), size) for price, size in fills), at_s=number * 10)
                other = "SELL" if side == "BUY" else "BUY"
                leave = order(f"X{number}", other, (str(left), quantity), at_s=number * 10 + 5)
                ledger.open_trade(opening(number, entry))
                ledger.close_trade(f"T{number}", [leave], "time")
                paid = sum((price * size for price, size in fills), Decimal(0))
                gross = left * quantity - paid if side == "BUY" else paid - left * quantity
                expected += gross - entry.charges.total - leave.charges.total
        closed = ledger.close_session(ns(22_000))
        assert closed.total_pnl == ledger.realised(SESSION) == expected
        assert closed.trade_count == len(trips)
        assert closed.max_drawdown is not None
        assert closed.max_drawdown >= max(Decimal(0), -expected)
        assert ledger.integrity_check() == []


CHILD = """
import sys
from decimal import Decimal
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from test_ledger import CAPITAL, DAY, OPEN_NS, ns, trade
from muhurat.trading.ledger import Ledger

ledger = Ledger(Path(sys.argv[1]))
ledger.open_session(DAY, "test", OPEN_NS, CAPITAL, {})
for number in range(1, 10_000):
    with ledger.transaction():
        ledger.record_event(number, ns(number), "signal", {"trade": number})
        trade(ledger, number, "300", "320")
        if number == int(sys.argv[3]):
            print("inside", flush=True)
            sys.stdin.read()
    print(number, flush=True)
"""


@pytest.mark.parametrize("inside", [1, 6, 0])
def test_a_kill_leaves_every_transaction_whole_or_absent(path: Path, inside: int) -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(path), str(Path(__file__).parent), str(inside)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None
    told = []
    for line in child.stdout:
        told.append(line.strip())
        if line.strip() == "inside" or len(told) == 12:
            break
    os.kill(child.pid, signal.SIGKILL)
    child.communicate(timeout=20)

    acknowledged = [int(word) for word in told if word != "inside"]
    with Ledger(path) as ledger:
        trades = ledger.trades(DAY)
        kept = [int(each.id[1:]) for each in trades]
        assert kept[: len(acknowledged)] == acknowledged
        assert kept == list(range(1, len(kept) + 1))
        assert [event.seq for event in ledger.events(SESSION)] == kept
        assert all(each.net is not None for each in trades)
        assert ledger.integrity_check() == []
        if inside:
            assert len(kept) == inside - 1
