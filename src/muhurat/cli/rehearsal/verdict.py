"""Whether a rehearsed day was sound: what the simulator sent against what the desk has, and what it decided on it."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Any

from muhurat import app
from muhurat.cli.rehearsal.plan import FEED, Plan
from muhurat.clock import NS_PER_S, ist
from muhurat.errors import MuhuratError
from muhurat.jobs.process import State
from muhurat.trading.candles import read_day
from muhurat.trading.inputlog import read_decisions
from muhurat.web.wording import count

Check = dict[str, Any]


def judge(
    collected: dict[str, Any], stats: dict[str, Any], plan: Plan, trading: Path, *, supervisors: int, real_s: float
) -> dict[str, Any]:
    """The demo's report: the day's own, what the simulator sent, and `ok`. `trading` is the trader's folder of the day.

    Everything outside `volatile` is the same for every run with one seed; `duration_s` is therefore the length of the
    day in desk seconds, and the real one is under `volatile`.
    """
    feeds = {name: dict(facts) for name, facts in collected["feeds"].items()}
    facts = feeds.setdefault(FEED, {"received": 0, "gaps": 0, "reconnects": 0})
    facts["sent"] = int(stats["packets_sent"])
    restarts = {row["name"]: row["restarts"] for row in collected["services"]}
    checks = [
        _all_received(facts["sent"], facts["received"]),
        *collected["checks"],
        _jobs_done(collected["jobs"]),
        _decided_again(trading),
        *([_bars_are_the_candles(plan.candles, plan, trading)] if plan.candles else []),
        _check("no service was restarted", not any(restarts.values()), _told(restarts)),
        _check("one supervisor saw the day through", supervisors == 1, f"{supervisors} started"),
    ]
    return {
        **collected,
        "feeds": feeds,
        "checks": checks,
        "ok": all(check["ok"] for check in checks),
        "speed": plan.speed,
        "seed": plan.seed,
        "duration_s": (plan.end_ns - plan.begin_ns) // NS_PER_S,
        "volatile": {**collected["volatile"], "duration_s": round(real_s, 1)},
    }


def _all_received(sent: int, received: int) -> Check:
    told = f"{count(sent)} sent, {count(sent - received)} lost"
    return _check("every packet sent was received", sent == received, told)


def _jobs_done(jobs: list[dict[str, Any]]) -> Check:
    """A rehearsed day has whatever its jobs need, so each of them must have succeeded."""
    wanting = [f"{job['name']} {job['status']}" for job in jobs if job["status"] != State.SUCCESSFUL]
    told = ", ".join(wanting) or f"{count(len(jobs))} jobs"
    return _check("every job of the day was successful", bool(jobs) and not wanting, told)


def _decided_again(trading: Path) -> Check:
    """Play the trader's recorded inputs again: the same decisions, byte for byte, or the day proves nothing."""
    name = "the recorded inputs, played again, give the same decisions"
    try:
        replayed = app.replay_decisions(trading / "input.jsonl")
    except (MuhuratError, OSError) as error:
        return _check(name, False, str(error))
    return _check(name, True, f"{count(len(replayed.lines))} lines, byte for byte")


def _bars_are_the_candles(candles: Path, plan: Plan, trading: Path) -> Check:
    """Every bar that the trader built from captured ticks against the candle it was made from."""
    real = {
        (bar.symbol, bar.start_ns): (bar.open, bar.high, bar.low, bar.close) for bar in read_day(candles, plan.day).bars
    }
    built = {
        (line["symbol"], line["label"]): (line["o"], line["h"], line["l"], line["c"])
        for line in read_decisions(trading / "decisions.jsonl")
        if line["kind"] in ("bar", "option_bar")
    }
    symbols = {symbol for symbol, _ in built}
    wrong: dict[str, int] = defaultdict(int)
    compared = 0
    for (symbol, start_ns), prices in real.items():
        if symbol in symbols:
            compared += 1
            wrong[symbol] += built.get((symbol, ist(start_ns).isoformat())) != prices
    told = (
        ", ".join(f"{symbol} {bad} wrong" for symbol, bad in wrong.items() if bad) or f"{count(compared)} bars compared"
    )
    return _check(
        "bars built from captured ticks equal the source candles", compared > 0 and not any(wrong.values()), told
    )


def _told(restarts: dict[str, int]) -> str:
    return ", ".join(f"{name} {number}" for name, number in restarts.items())


def _check(name: str, ok: bool, detail: str) -> Check:
    return {"name": name, "ok": ok, "detail": detail}
