"""What may come in, how often, and how slowly."""

from datetime import timedelta
from typing import Annotated

from pydantic_settings import BaseSettings

from wearbase.settings.addresses import Bind, Hosts, Networks, Origins
from wearbase.settings.values import duration, whole

MOST_A_SECOND = 1_000_000


class DoorSettings(BaseSettings):
    """Settings of the HTTP side that keep others out. 0 is no limit where a number a second is meant."""

    allowed_hosts: Hosts = ()
    cors_origins: Origins = ()
    forwarded_allow_ips: Networks = ("127.0.0.1",)
    metrics_bind: Bind | None = None

    requests_per_key: Annotated[int, whole(0, MOST_A_SECOND)] = 1_000
    requests_per_member: Annotated[int, whole(0, MOST_A_SECOND)] = 20
    failures_per_address: Annotated[int, whole(0, MOST_A_SECOND)] = 10
    webhooks_per_second: Annotated[int, whole(0, MOST_A_SECOND)] = 5_000
    webhooks_at_once: Annotated[int, whole(0, 100_000)] = 500

    connections: Annotated[int, whole(2, 100_000)] = 4_000
    streams: Annotated[int, whole(1, 100_000)] = 2_000
    streams_per_member: Annotated[int, whole(1, 1_000)] = 8
    head_within: Annotated[timedelta, duration("100ms", "5m")] = timedelta(seconds=10)
    body_within: Annotated[timedelta, duration("100ms", "10m")] = timedelta(seconds=30)
    answer_within: Annotated[timedelta, duration("1s", "1h")] = timedelta(minutes=5)
