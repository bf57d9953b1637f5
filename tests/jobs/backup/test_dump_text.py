"""A dump is read as it passes: tables, rows, and whether its end is there, however it is cut into chunks."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from muhurat.jobs.backup.base import BackupError
from muhurat.jobs.backup.dump_text import DumpReader, for_any_client

MARIADB = rb"""/*M!999999\- enable the sandbox mode */
-- MariaDB dump 10.19  Distrib 10.11.19-MariaDB
CREATE TABLE `prices` (
  `id` int(11) NOT NULL
) ENGINE=InnoDB;
INSERT INTO `prices` VALUES
(1,'a (b), (c)'),
(2,'it\'s ''quoted'';'),
(3,'\\');
CREATE TABLE `empty``one` (
  `id` int(11)
);
DELIMITER ;;
CREATE TRIGGER t AFTER INSERT ON prices FOR EACH ROW BEGIN
INSERT INTO `prices` VALUES (9,'not a row');
END ;;
DELIMITER ;
-- Dump completed on 2026-11-21 11:00:00
"""
MYSQL = b"""-- MySQL dump 10.13
USE `desk`;
CREATE TABLE IF NOT EXISTS `t` (`id` int);
INSERT INTO `t` VALUES (1,'x'),(2,NULL),(3,_binary 'y\\'(');
INSERT INTO `t` (`id`) VALUES (4);
USE `other`;
CREATE TABLE `t` (`id` int);
INSERT  IGNORE INTO `t` VALUES (1);
-- Dump completed on 2026-11-21
"""


def read(dump: bytes, cuts: list[int] | None = None) -> dict[str, int]:
    reader = DumpReader()
    at = 0
    for cut in [*sorted(cuts or []), len(dump)]:
        reader.feed(dump[at:cut])
        at = max(at, cut)
    return reader.finish()


@given(st.lists(st.integers(0, len(MARIADB)), max_size=8))
def test_mariadbs_one_row_a_line(cuts: list[int]) -> None:
    assert read(MARIADB, cuts) == {"prices": 3, "empty`one": 0}


@given(st.lists(st.integers(0, len(MYSQL)), max_size=8))
def test_mysqls_one_statement_a_line_of_several_databases(cuts: list[int]) -> None:
    assert read(MYSQL, cuts) == {"desk.t": 4, "other.t": 1}


@pytest.mark.parametrize("end", [0, 10, 300, len(MARIADB) - 45])
def test_a_dump_without_its_last_line_is_noticed(end: int) -> None:
    with pytest.raises(BackupError, match="not complete"):
        read(MARIADB[:end])


@given(st.lists(st.integers(0, 120), max_size=5))
def test_other_clients_do_not_get_mariadbs_first_line(cuts: list[int]) -> None:
    places = [0, *sorted(cuts), len(MARIADB)]
    pieces = [MARIADB[start:end] for start, end in pairwise(places)]
    assert b"".join(for_any_client(pieces)) == MARIADB.partition(b"\n")[2]
    assert b"".join(for_any_client([MYSQL])) == MYSQL
    assert b"".join(for_any_client([b"SELECT 1"])) == b"SELECT 1"
