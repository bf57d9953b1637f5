"""Where the server is: the URL, and the environment where it is silent."""

from __future__ import annotations

import pytest

from muhurat.errors import StoreError
from muhurat.stores.questdb.address import Address, address_of

SEED = {"QUESTDB_HOST": "db", "QUESTDB_PORT": "443", "QUESTDB_USER": "admin", "QUESTDB_PASSWORD": "quest"}


@pytest.mark.parametrize(
    ("url", "environment", "expected"),
    [
        ("questdb://db", {}, Address("db", 9000, False)),
        ("questdb://me:a%40b@db:1234", {}, Address("db", 1234, False, "me", "a@b")),
        ("questdb://db:443", {}, Address("db", 443, True)),
        ("questdbs://db", {}, Address("db", 443, True)),
        ("questdbs://db:9000?ca=/etc/ca.pem", {}, Address("db", 9000, True, ca="/etc/ca.pem")),
        ("questdb://", SEED, Address("db", 443, True, "admin", "quest")),
        ("questdb://me:mine@here:9000", SEED, Address("here", 9000, False, "me", "mine")),
        ("questdb://[::1]:9000", {}, Address("::1", 9000, False)),
    ],
)
def test_an_address_is_of_the_url_and_the_environment(url: str, environment: dict[str, str], expected: Address) -> None:
    assert address_of(url, environment) == expected


@pytest.mark.parametrize(
    ("url", "environment", "told"),
    [
        ("questdb://", {}, "no host in stores.ticks, no QUESTDB_HOST"),
        ("questdb://", {"QUESTDB_HOST": "db", "QUESTDB_PORT": "https"}, "QUESTDB_PORT is 'https'"),
        ("questdb://db:99999", {}, "port"),
        ("questdb://db/qdb", {}, "has no '/qdb'"),
        ("questdb://db?tls=on", {}, "has no 'tls'"),
    ],
)
def test_what_is_missing_or_wrong_is_named(url: str, environment: dict[str, str], told: str) -> None:
    with pytest.raises(StoreError, match=told) as caught:
        address_of(url, environment)
    assert "QUESTDB_HOST" in caught.value.hint


def test_an_address_is_shown_without_its_password() -> None:
    address = address_of("questdb://me:secret@[::1]:443", {})
    assert (address.base_url, address.place) == ("https://[::1]:443", "QuestDB at [::1]:443")
    assert "secret" not in repr(address)
