"""By which names we may be called."""

from collections.abc import Sequence
from ipaddress import IPv6Address, ip_address
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from wearbase.api.door.rules import DoorRules
from wearbase.domain.errors import WrongHost

if TYPE_CHECKING:
    from starlette.types import Scope

MOST_REMEMBERED = 256  # ways of writing a good one
BY_ANY_NAME = ("/health/live", "/health/ready")  # probes ask by whatever address the process has just been given
ANYBODY = "*"  # in the place of proxies
PRIVATE_NAMES = (".internal", ".local", ".localhost", ".svc")  # no public name ends so
LOOPBACK = ("127.0.0.1", "::1", "localhost")


class Hosts:
    """Knows our names. With any port: a proxy may map it."""

    def __init__(self, rules: DoorRules) -> None:
        self._names, self._takes_addresses, self._takes_private = rules.hosts, rules.takes_addresses, rules.takes_private_names
        self._good: set[bytes] = set()

    def check(self, scope: "Scope", given: Sequence[bytes]) -> None:
        """Returns if the request's Host, given once, is one of ours. Raises WrongHost."""
        if self._names is None or (len(given) == 1 and given[0] in self._good) or scope["path"] in BY_ANY_NAME:
            return
        if len(given) != 1 or not self._is_ours(given[0].decode("latin-1")):
            raise WrongHost(host=_told(given))
        if len(self._good) < MOST_REMEMBERED:
            self._good.add(given[0])

    def _is_ours(self, text: str) -> bool:
        name = name_of(f"//{text}")
        if name is None or self._names is None:
            return False
        if name in self._names or (self._takes_addresses and is_address(name)):
            return True
        return self._takes_private and not is_address(name) and is_private(name)


def _told(given: Sequence[bytes]) -> str | None:
    """The IP address that was asked for, for the log. Of a name nothing: it would be any stranger's word."""
    name = name_of(f"//{given[0].decode('latin-1')}") if len(given) == 1 else None
    return name if name is not None and is_address(name) else None


def name_of(address: str) -> str | None:
    """The name in an address (`https://name:port`, `//name`), in small letters and without a dot at its end; None if there is none."""
    try:
        parts = urlsplit(address)
        parts.port  # noqa: B018 raises if it is none
        is_bare = not (parts.username or parts.path or parts.query or parts.fragment)
        return plain((parts.hostname or "").removesuffix(".")) or None if is_bare else None
    except ValueError:
        return None


def plain(host: str) -> str:
    """One way of writing an IP address; an IPv4 address that is written as IPv6 is the IPv4 one. A name as it is."""
    if ":" not in host:
        return host
    try:
        address = IPv6Address(host)
    except ValueError:
        return host
    return str(address.ipv4_mapped or address)


def is_private(host: str) -> bool:
    """Whether a host is of this machine or of a network of its own, by its name or address alone."""
    try:
        address = ip_address(host)
    except ValueError:
        return host == "localhost" or "." not in host or host.endswith(PRIVATE_NAMES)
    return address.is_loopback or address.is_private


def is_address(name: str) -> bool:
    """Whether it is an IP address."""
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
