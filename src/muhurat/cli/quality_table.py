"""A quality report for a terminal."""

from __future__ import annotations

from typing import Any, Final

_WORST: Final = 15


def show_quality(report: dict[str, Any]) -> None:
    """The feeds, and of each the instruments that are least covered."""
    from muhurat.capture.quality.report import summary
    from muhurat.cli.output import print_table

    print(summary(report))
    print_table([_feed_row(feed, told) for feed, told in report["feeds"].items()], title=f"quality of {report['date']}")
    for feed, told in report["feeds"].items():
        rows = [_instrument_row(symbol, found) for symbol, found in told["by_instrument"].items()]
        worst = sorted(rows, key=lambda row: (-row["in gaps"], row["coverage, %"] or 0.0))[:_WORST]
        print_table(worst, title=f"{feed}: the {len(worst)} least covered of {told['instruments']}")
        print_table(told["gaps"], title=f"{feed}: gaps", empty="none")


def _feed_row(feed: str, told: dict[str, Any]) -> dict[str, Any]:
    millionths = {f"{name} /M": value for name, value in told["per_million"].items()}
    skew = told["skew"]
    return {
        "feed": feed,
        "coverage, %": _percent(told["coverage"]),
        "ticks": told["ticks"],
        "repaired": told["minutes"]["repaired"],
        **millionths,
        "lag p50, s": skew["median_s"],
        "lag p99, s": skew["p99_s"],
        "lags < 0": skew["negative"],
    }


def _instrument_row(symbol: str, found: dict[str, Any]) -> dict[str, Any]:
    return {
        "symbol": symbol,
        "coverage, %": _percent(found["coverage"]),
        "ticks": found["ticks"],
        "in gaps": found["in_gaps"],
        "silent": found["silent"],
        "repaired": found["repaired"],
        "repeated": found["duplicates"],
        "suspicious": sum(found["suspicious"].values()),
        "lag p50, s": found["skew"]["median_s"],
    }


def _percent(share: float | None) -> float | None:
    return None if share is None else 100 * share
