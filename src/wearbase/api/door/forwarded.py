"""Who is at the other end: behind our own proxies, whom these name.

Written here rather than taken from uvicorn: that takes whatever a header says for an address, and an IPv4 address that arrives as IPv6
for another one.
"""

from collections.abc import Sequence
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_network

from starlette.types import ASGIApp, Receive, Scope, Send

from wearbase.api.door.hosts import ANYBODY, is_address, plain

MOST_REMEMBERED = 4_096
_MAPPED = 96  # bits before the IPv4 address in an IPv6 one


class Forwarded:
    """Names as client the nearest address of X-Forwarded-For that is not a proxy of ours; and each address in one way of writing it."""

    def __init__(self, app: ASGIApp, proxies: Sequence[str]) -> None:
        self._app, self._believes_all = app, ANYBODY in proxies
        self._networks = [_plain_network(ip_network(name)) for name in proxies if name != ANYBODY]
        self._is_ours = lru_cache(MOST_REMEMBERED)(self._is_in)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and (client := scope.get("client")):
            peer = plain(client[0])
            if self._believes_all or self._is_ours(peer):
                given = [value for name, value in scope["headers"] if name == b"x-forwarded-for"]
                peer = self._behind(peer, b",".join(given).decode("latin-1")) if given else peer
            if peer != client[0]:
                scope["client"] = (peer, 0)
        await self._app(scope, receive, send)

    def _behind(self, peer: str, said: str) -> str:
        """Each proxy adds whom it saw to the right: the first from there that is no proxy of ours; what is no address ends the search."""
        for text in reversed(said.split(",")):
            found = _address(text.strip())
            if found is None:
                return peer
            peer = found
            if not self._believes_all and not self._is_ours(peer):
                return peer
        return peer

    def _is_in(self, host: str) -> bool:
        if not is_address(host):
            return False
        own = ip_network(host.partition("%")[0])
        return any(own.version == network.version and own.network_address in network for network in self._networks)


def _address(text: str) -> str | None:
    """An address of the header, which may have a port; None if it is none."""
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    return plain(text) if is_address(text) else None


def _plain_network(network: IPv4Network | IPv6Network) -> IPv4Network | IPv6Network:
    """An IPv4 network that is written as IPv6 is the IPv4 one."""
    if isinstance(network, IPv6Network) and network.prefixlen >= _MAPPED and (address := network.network_address.ipv4_mapped):
        return ip_network(f"{address}/{network.prefixlen - _MAPPED}")
    return network
