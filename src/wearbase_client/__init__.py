"""A Python client of the wearbase HTTP API; shares no code with the service."""

from wearbase_client.async_client import AsyncClient
from wearbase_client.client import Client
from wearbase_client.errors import (
    Conflict,
    Forbidden,
    Invalid,
    NotFound,
    TooManyRequests,
    Unauthorized,
    Unavailable,
    WearbaseError,
)
from wearbase_client.models import (
    Connection,
    ConnectStart,
    Cycle,
    DayDocument,
    DaySync,
    Disconnected,
    HeartRateZones,
    Record,
    Recovery,
    ResourceFreshness,
    ResourceStatus,
    Sleep,
    SleepNeed,
    SyncResult,
    SyncStatus,
    Workout,
)
from wearbase_client.retries import Retry

__all__ = [
    "AsyncClient",
    "Client",
    "Conflict",
    "ConnectStart",
    "Connection",
    "Cycle",
    "DayDocument",
    "DaySync",
    "Disconnected",
    "Forbidden",
    "HeartRateZones",
    "Invalid",
    "NotFound",
    "Record",
    "Recovery",
    "ResourceFreshness",
    "ResourceStatus",
    "Retry",
    "Sleep",
    "SleepNeed",
    "SyncResult",
    "SyncStatus",
    "TooManyRequests",
    "Unauthorized",
    "Unavailable",
    "WearbaseError",
    "Workout",
]
