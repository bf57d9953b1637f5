"""Whether a rehearsed day was sound: what the simulator sent against what the desk has."""

from __future__ import annotations

from typing import Any

from muhurat.cli.rehearsal.plan import Plan
from muhurat.clock import NS_PER_S


def judge(
    collected: dict[str, Any], stats: dict[str, Any], plan: Plan, *, feed: str, supervisors: int, real_s: float
) -> dict[str, Any]:
    """The demo's report: the day's own, what the simulator sent, and `ok`.

    Everything outside `volatile` is the same for every run with one seed; `duration_s` is therefore the length of the
    day in desk seconds, and the real one is under `volatile`.
    """
    report = {**collected, "checks": list(collected["checks"])}
    feeds = {name: dict(facts) for name, facts in collected["feeds"].items()}
    facts = feeds.setdefault(feed, {"received": 0, "gaps": 0, "reconnects": 0})
    facts["sent"] = int(stats["packets_sent"])
    lost = facts["sent"] - facts["received"]
    report["feeds"] = feeds
    report["checks"].insert(
        0, _check("every packet sent was received", lost == 0, f"{facts['sent']:,} sent, {lost} lost")
    )
    report["checks"].append(
        _check("no service was restarted", not any(row["restarts"] for row in report["services"]), _restarts(report))
    )
    report["checks"].append(_check("one supervisor saw the day through", supervisors == 1, f"{supervisors} started"))
    report["speed"] = plan.speed
    report["seed"] = plan.seed
    report["duration_s"] = (plan.end_ns - plan.begin_ns) // NS_PER_S
    report["ok"] = all(check["ok"] for check in report["checks"])
    report["volatile"] = {**collected["volatile"], "duration_s": round(real_s, 1)}
    return report


def _restarts(report: dict[str, Any]) -> str:
    return ", ".join(f"{row['name']} {row['restarts']}" for row in report["services"])


def _check(name: str, ok: bool, detail: str) -> dict[str, Any]:
    return {"name": name, "ok": ok, "detail": detail}
