"""How good a day's recording is: what was to be recorded, what was missed, what looks wrong, what was repaired."""

from datetime import date
from pathlib import Path


def quality_path(data_dir: Path, day: date) -> Path:
    """Where the quality report of a day is kept."""
    return data_dir / "quality" / f"{day.isoformat()}.json"
