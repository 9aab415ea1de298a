"""What the door is told by the settings."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class DoorRules:
    """Limits a second, each with twice that at once; 0 is no limit. `hosts` are the names that we answer to, None any."""

    requests_per_key: int = 0
    requests_per_member: int = 0
    failures_per_address: int = 0
    webhooks_per_second: int = 0
    webhooks_at_once: int = 0
    hosts: frozenset[str] | None = None
    takes_addresses: bool = False  # an IP address as the name, too: no page elsewhere can make a browser send one that is not its own
    takes_private_names: bool = False  # names that no other site can have
    cors_origins: tuple[str, ...] = ()
    proxies: tuple[str, ...] = ()  # addresses and networks whose X-Forwarded-For is believed; `*` everybody's
    streams: int = 2_000
    streams_per_member: int = 8
    has_own_metrics: bool = False  # they have an address of their own, and are not told here
