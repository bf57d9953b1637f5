"""The fixtures themselves: the servers are there, private, and can be stopped and started."""

from __future__ import annotations

import pymysql
import pytest
from redis.exceptions import RedisError

from tests.servers.docker import DockerEngine, MariaDbContainer
from tests.servers.mariadb import MariaDb
from tests.servers.redis import RedisServer

pytestmark = pytest.mark.servers


def test_a_database_outlives_the_death_of_its_server(mariadb: MariaDb, mariadb_database: str) -> None:
    mariadb.query("CREATE TABLE t (n INT) ENGINE InnoDB", mariadb_database)
    mariadb.query("INSERT INTO t VALUES (5)", mariadb_database)
    mariadb.kill()
    with pytest.raises(pymysql.OperationalError):
        mariadb.connect()
    mariadb.start()
    assert mariadb.query("SELECT n FROM t", mariadb_database) == [(5,)]


def test_redis_wants_its_password_and_comes_back_empty(redis_server: RedisServer, redis_url: str) -> None:
    with redis_server.client() as client:
        client.set("a", "1")
        with redis_server.stopped(), pytest.raises(RedisError):
            client.get("a")
        assert client.get("a") is None


def test_a_container_dumps_its_database(mariadb_container: MariaDbContainer, docker_engine: DockerEngine) -> None:
    mariadb_container.query("CREATE TABLE t (n INT)")
    mariadb_container.query("INSERT INTO t VALUES (7)")
    code, text = mariadb_container.run("mysqldump", "-uroot", mariadb_container.database)
    assert code == 0
    assert "INSERT INTO `t` VALUES\n(7)" in text
    assert "-- Dump completed on" in text
    connection = pymysql.connect(
        host="127.0.0.1",
        port=mariadb_container.port,
        user=mariadb_container.user,
        password=mariadb_container.password,
        database=mariadb_container.database,
    )
    connection.close()
    assert docker_engine.environment["DOCKER_HOST"] == docker_engine.host
