"""How often one caller may ask, in this process.

Written here rather than taken from `limits`: that costs ten microseconds or more for each request, of which a read has two hundred in
all, and keeps every address that it has seen until its time is over. This costs less than one and keeps a bounded number.
"""

import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from functools import lru_cache
from ipaddress import IPv6Address, ip_address
from math import ceil

from wearbase.access.caller import Caller
from wearbase.api.door.rules import DoorRules
from wearbase.domain.errors import TooManyRequests

MOST_REMEMBERED = 20_000  # callers, and as many addresses: some 4 MiB
AT_ONCE_S = 2.0  # of the rate may come at once
V6_NETWORK_BITS = 64  # one customer has as many addresses as that leaves
_ROUNDING_S = 1e-6
_NAT64 = int(IPv6Address("64:ff9b::")) >> 32

Clock = Callable[[], float]


class Buckets:
    """So many a second for each key, twice that at once. Beyond `most` keys the one that was quiet for longest is forgotten."""

    def __init__(self, rate: float, *, most: int = MOST_REMEMBERED, clock: Clock = time.monotonic) -> None:
        self._step_s = 1 / rate if rate else 0.0
        self._most, self._clock = most, clock
        self._full_at: OrderedDict[Hashable, float] = OrderedDict()  # when a key's bucket will be full again

    def __len__(self) -> int:
        return len(self._full_at)

    def take(self, key: Hashable) -> float:
        """Takes one; 0 if it may, else in how many seconds it may."""
        if not self._step_s:
            return 0.0
        now = self._clock()
        full_at = self._full_at.get(key, 0.0)
        if full_at < now:
            full_at = now
        elif (wait_s := full_at + self._step_s - now - AT_ONCE_S) > _ROUNDING_S:
            return wait_s
        self._full_at[key] = full_at + self._step_s
        self._full_at.move_to_end(key)
        if len(self._full_at) > self._most:
            self._full_at.popitem(last=False)
        return 0.0

    def wait(self, key: Hashable) -> float:
        """In how many seconds one may be taken; 0 if now."""
        full_at = self._full_at.get(key)
        wait_s = 0.0 if full_at is None else full_at + self._step_s - self._clock() - AT_ONCE_S
        return wait_s if wait_s > _ROUNDING_S else 0.0


class Pace:
    """The callers of this process, each at its pace: services by key, members by id, and whoever has no good credential by address."""

    def __init__(self, rules: DoorRules, *, clock: Clock = time.monotonic) -> None:
        self._services, self._members = Buckets(rules.requests_per_key, clock=clock), Buckets(rules.requests_per_member, clock=clock)
        self._failures = Buckets(rules.failures_per_address, clock=clock)
        self._good: OrderedDict[int, None] = OrderedDict()  # marks of credentials that were good lately
        self.counts_failures = rules.failures_per_address > 0

    def take(self, caller: Caller) -> None:
        """Counts a request of someone known. Raises TooManyRequests."""
        is_service = caller.kind == "service"
        wait_s = self._services.take(caller.key_id) if is_service else self._members.take(caller.user_id)
        if wait_s:
            kind = "key" if is_service else "member"
            raise TooManyRequests(f"This {kind} asks more often than it may.", retry_after_s=ceil(wait_s), limit=kind, key=caller.key_id)

    def check(self, host: str, mark: int | None) -> None:
        """Raises TooManyRequests for an address with too many bad credentials, unless this credential was good lately."""
        if len(self._failures) and mark not in self._good and (wait_s := self._failures.wait(network_of(host))):
            raise TooManyRequests(
                "Too many bad credentials came from this address.", retry_after_s=ceil(wait_s), limit="address", network=network_of(host)
            )

    def failed(self, host: str) -> None:
        """Counts a credential that was none, or not good for what was asked."""
        self._failures.take(network_of(host))

    def succeeded(self, mark: int | None) -> None:
        """Remembers a good credential: who shares an address with a guesser is not shut out with them."""
        if mark is None:
            return
        self._good[mark] = None
        self._good.move_to_end(mark)
        if len(self._good) > MOST_REMEMBERED:
            self._good.popitem(last=False)


@lru_cache(4_096)
def network_of(host: str) -> str:
    """What counts as one address: an IPv4 address, or a /64 of IPv6. Anything else (a name, a socket) as it is, cut."""
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return host[:64]
    if not isinstance(address, IPv6Address):
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    if int(address) >> 32 == _NAT64:
        return str(ip_address(int(address) & 0xFFFFFFFF))
    return f"{IPv6Address(int(address) >> V6_NETWORK_BITS << V6_NETWORK_BITS)}/{V6_NETWORK_BITS}"
