"""Whom a request comes from, behind proxies of ours and of others."""

from typing import Any

import pytest

from wearbase.api.door.forwarded import Forwarded
from wearbase.api.door.hosts import plain
from wearbase.api.door.pace import network_of

PROXIES = ("127.0.0.1", "10.0.0.0/8", "2001:db8:ff::/48", "::ffff:172.16.0.0/108")


async def client_of(peer: str, *said: str, proxies: tuple[str, ...] = PROXIES) -> str:
    seen: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope["client"][0])

    headers = [(b"x-forwarded-for", value.encode("latin-1")) for value in said]
    scope = {"type": "http", "client": (peer, 4711), "headers": [(b"host", b"a"), *headers]}
    await Forwarded(app, proxies)(scope, None, None)  # type: ignore[arg-type]
    return seen[0]


@pytest.mark.parametrize(
    ("peer", "said", "client"),
    [
        ("127.0.0.1", [], "127.0.0.1"),
        ("127.0.0.1", ["192.0.2.1"], "192.0.2.1"),
        ("127.0.0.1", ["198.51.100.9, 192.0.2.1"], "192.0.2.1"),
        ("10.1.2.3", ["198.51.100.9, 192.0.2.1, 10.9.9.9"], "192.0.2.1"),
        ("10.1.2.3", ["198.51.100.9", "192.0.2.1", "10.9.9.9"], "192.0.2.1"),
        ("10.1.2.3", ["10.0.0.5, 10.0.0.6"], "10.0.0.5"),
        ("192.0.2.7", ["198.51.100.9"], "192.0.2.7"),
        ("2001:db8:ff::1", ["2001:db8:1::7, 2001:DB8:FF:0::2"], "2001:db8:1::7"),
        ("10.1.2.3", ["[2001:db8:1::7]:443"], "2001:db8:1::7"),
        ("10.1.2.3", ["192.0.2.1:5555"], "192.0.2.1"),
        ("::ffff:10.1.2.3", ["192.0.2.1, ::ffff:10.0.0.5"], "192.0.2.1"),
        ("::ffff:10.1.2.3", ["::ffff:192.0.2.1"], "192.0.2.1"),
        ("::ffff:192.0.2.7", ["198.51.100.9"], "192.0.2.7"),
        ("172.20.0.1", ["192.0.2.1"], "192.0.2.1"),
        ("10.1.2.3", ["192.0.2.1, unknown"], "10.1.2.3"),
        ("10.1.2.3", ["192.0.2.1, unknown, 10.0.0.5"], "10.0.0.5"),
        ("10.1.2.3", [""], "10.1.2.3"),
        ("10.1.2.3", ["evil\xff, " * 400], "10.1.2.3"),
        ("a-socket", ["192.0.2.1"], "a-socket"),
    ],
)
async def test_the_nearest_that_is_no_proxy_of_ours(peer: str, said: list[str], client: str) -> None:
    assert await client_of(peer, *said) == client


async def test_nobody_is_believed_unless_named_and_everybody_where_that_is_said() -> None:
    assert await client_of("127.0.0.1", "192.0.2.1", proxies=()) == "127.0.0.1"
    assert await client_of("203.0.113.7", "192.0.2.1, 192.0.2.2", proxies=("*",)) == "192.0.2.1"


@pytest.mark.parametrize("host", ["::ffff:192.0.2.1", "::FFFF:c000:201", "192.0.2.1"])
def test_one_address_is_written_in_one_way(host: str) -> None:
    assert plain(host) == network_of(host) == "192.0.2.1"
