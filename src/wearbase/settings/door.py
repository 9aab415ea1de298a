"""What may come in, how often, and how slowly."""

from datetime import timedelta
from ipaddress import ip_address
from typing import Annotated, Any

from pydantic import BeforeValidator
from pydantic_settings import BaseSettings, NoDecode

from wearbase.api.door.hosts import name_of
from wearbase.settings.values import duration, listed, whole

MOST_A_SECOND = 1_000_000
ANY_HOST = "*"


def _hosts(given: Any) -> Any:
    """Names of hosts, without a port."""
    names = listed(given)
    for name in names if isinstance(names, tuple) else ():
        if name != ANY_HOST and (name_of(f"//{name}") is None or name_of(f"//{name}") != name.strip("[]").lower()):
            raise ValueError(f"{name[:40]!r} is not the name of a host. Give names such as api.example.com, without scheme and port.")
    return tuple(name.strip("[]").lower() for name in names) if isinstance(names, tuple) else names


def _origins(given: Any) -> Any:
    """Exact origins."""
    origins = listed(given)
    for origin in origins if isinstance(origins, tuple) else ():
        scheme, _, rest = origin.partition("://")
        if scheme not in ("http", "https") or name_of(f"//{rest}") is None or origin != origin.lower():
            raise ValueError(f"{origin[:40]!r} is not an origin. Give exact ones such as https://app.example.com; there is no wildcard.")
    return origins


def _bind(given: Any) -> Any:
    """An address and a port to listen on."""
    host, _, port = str(given).rpartition(":")
    bare = host.removeprefix("[").removesuffix("]")
    try:
        if bare != "localhost":
            ip_address(bare)
        if not 1 <= int(port) <= 65_535:
            raise ValueError
    except ValueError:
        raise ValueError(f"{str(given)[:40]!r} is not an address and a port. Give one such as 127.0.0.1:9100 or [::1]:9100.") from None
    return bare, int(port)


class DoorSettings(BaseSettings):
    """Settings of the HTTP side that keep others out. 0 is no limit where a number a second is meant."""

    allowed_hosts: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_hosts)] = ()
    cors_origins: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_origins)] = ()
    metrics_bind: Annotated[tuple[str, int], NoDecode, BeforeValidator(_bind)] | None = None

    requests_per_key: Annotated[int, whole(0, MOST_A_SECOND)] = 1_000
    requests_per_member: Annotated[int, whole(0, MOST_A_SECOND)] = 20
    failures_per_address: Annotated[int, whole(0, MOST_A_SECOND)] = 10
    webhooks_per_second: Annotated[int, whole(0, MOST_A_SECOND)] = 5_000
    webhooks_at_once: Annotated[int, whole(0, 100_000)] = 500

    connections: Annotated[int, whole(2, 100_000)] = 4_000
    streams: Annotated[int, whole(0, 100_000)] = 2_000
    streams_per_member: Annotated[int, whole(0, 1_000)] = 8
    head_within: Annotated[timedelta, duration("100ms", "5m")] = timedelta(seconds=10)
    body_within: Annotated[timedelta, duration("100ms", "10m")] = timedelta(seconds=30)
    answer_within: Annotated[timedelta, duration("1s", "1h")] = timedelta(minutes=5)
