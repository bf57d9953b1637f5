"""The sections that say what is recorded, where it is kept, and for how long."""

from __future__ import annotations

from typing import Final, Literal

from pydantic import Field, ValidationInfo, field_validator

from muhurat.config.section import Edge, Section, known_name, known_names, plain_name

_STREAM_EXAMPLE: Final = "redis://host:6379/0"


class FeedSection(Section):
    """One recorded stream: whose, of which instruments, in which mode, from when until when.

    `publish` names its stream in `stores.stream` when it is not the usual one; `none` keeps it out; `log`
    names its log.
    """

    venue: str
    universe: str
    mode: Literal["full", "quote", "ltp"] = "full"
    strikes: int = Field(default=5, ge=0, le=100)
    start: Edge = "09:05"
    stop: Edge = "close+5m"
    publish: str = ""
    publish_limit_mb: int = Field(default=256, ge=1)
    log: str = ""

    @field_validator("venue")
    @classmethod
    def _venue(cls, value: str, info: ValidationInfo) -> str:
        return known_name(value, known_names(info).venues, "venue")

    @field_validator("universe")
    @classmethod
    def _universe(cls, value: str, info: ValidationInfo) -> str:
        if value.endswith(".json"):
            return value
        return known_name(value, known_names(info).universes, "universe")

    @field_validator("log")
    @classmethod
    def _plain_log(cls, value: str) -> str:
        return plain_name(value) if value else value


class StoresSection(Section):
    """Where things are kept, as URLs; the embedded stores need no server."""

    ticks: str = "parquet:///./data/ticks"
    reference: str = "sqlite:///./data/reference.db"
    cache: str = "sqlite:///./data/cache.db"
    stream: str = "none"

    @field_validator("*")
    @classmethod
    def _scheme(cls, value: str, info: ValidationInfo) -> str:
        field = info.field_name or ""
        if value == cls.model_fields[field].default:
            return value
        scheme, colon, _ = value.partition("://")
        if not colon:
            example = _STREAM_EXAMPLE if field == "stream" else cls.model_fields[field].default
            raise ValueError(f"{value!r} is no store URL; write for example {example}")
        known_name(scheme, known_names(info).store_schemes.get(field, frozenset()), "store")
        return value


class RetentionSection(Section):
    """How many days things are kept, the present one counted: raw files, archives, logs; and which bundles are made.

    An archive is deleted only where a bundle holds it, unless there are to be none (`bundles: []`).
    """

    hot_storage_days: int = Field(default=1, ge=0, le=3650)
    archive_retention_days: int = Field(default=90, ge=1, le=36500)
    log_retention_days: int = Field(default=7, ge=1, le=3650)
    bundles: tuple[Literal["daily", "weekly", "monthly"], ...] = ("daily", "weekly", "monthly")

    @field_validator("archive_retention_days")
    @classmethod
    def _outlives_the_raw_files(cls, value: int, info: ValidationInfo) -> int:
        hot = info.data.get("hot_storage_days", 0)
        if value < hot:
            raise ValueError(f"{value} days are fewer than hot_storage_days, {hot}")
        return value
