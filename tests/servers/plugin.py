"""The fixtures of real servers, for `tests/conftest.py`; each server starts when the first test asks for it."""

from __future__ import annotations

from tests.servers.docker import docker_engine, mariadb_container, mariadb_image_name
from tests.servers.mariadb import mariadb, mariadb_database
from tests.servers.questdb import questdb, questdb_server
from tests.servers.redis import redis_server, redis_url

__all__ = [
    "docker_engine",
    "mariadb",
    "mariadb_container",
    "mariadb_database",
    "mariadb_image_name",
    "questdb",
    "questdb_server",
    "redis_server",
    "redis_url",
]
