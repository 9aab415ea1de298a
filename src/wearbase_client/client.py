"""The synchronous client."""

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Self, TypeVar

import httpx2

from wearbase_client import calls
from wearbase_client.calls import Call, DataChoice, Day, Moment
from wearbase_client.configuration import http_options
from wearbase_client.exchange import Outcome, answer_of, request_options, result
from wearbase_client.models import (
    Connection,
    ConnectStart,
    Cycle,
    DayDocument,
    Disconnected,
    HealthDay,
    Preferences,
    Record,
    Recovery,
    Sleep,
    SyncResult,
    SyncStatus,
    Trend,
    Workout,
)
from wearbase_client.pages import Pages, Resource, pages
from wearbase_client.remember import RememberedDays
from wearbase_client.retries import Retry

T = TypeVar("T")


class Client:
    """A wearbase service, called with a service key (`api_key`) or for one member (`token`). Threads may share it.

    `base_url` and `api_key` default to `WEARBASE_URL` and `WEARBASE_API_KEY`. `timeout_s` bounds each wait for the network, in
    seconds. `remember_days` is how many documents of days to keep in memory for conditional requests; 0 keeps none. `retry` says how
    often a GET is sent again; nothing else ever is.

    Every method raises a `WearbaseError`: Unauthorized, Forbidden, NotFound, Conflict, Invalid (with `field`), TooManyRequests
    (with `retry_after_s`), or Unavailable when there is no usable answer.
    Raises: ValueError when created without an address or a credential, or with an unusable one.
    """

    def __init__(
        self,
        base_url: str | None = None,
        *,
        api_key: str | None = None,
        token: str | None = None,
        timeout_s: float = 30.0,
        remember_days: int = 0,
        retry: Retry = Retry(),  # noqa: B008  frozen
        transport: httpx2.BaseTransport | None = None,
    ) -> None:
        self._http = httpx2.Client(transport=transport, **http_options(base_url, api_key, token, timeout_s))
        self._remembered_days = RememberedDays[DayDocument](remember_days)
        self._remembered_health = RememberedDays[HealthDay](remember_days)
        self._retry = retry

    def connect(self, user_id: str, redirect_url: str | None = None, provider: str = "whoop") -> ConnectStart:
        """Where to send the member's browser to connect `provider`.

        `redirect_url` is where the browser goes afterwards; it must be on the service's allow-list, else Invalid.
        """
        return self._send(calls.connect(user_id, redirect_url, provider))

    def connect_with_code(self, code: str, state: str) -> Connection:
        """Completes a sign-in whose code your app received itself. A state works once, even if this fails."""
        return self._send(calls.connect_with_code(code, state))

    def disconnect(self, user_id: str, data: DataChoice = "keep", *, provider: str = "whoop") -> Disconnected:
        """Revokes the connection at the provider and keeps or erases its records."""
        end = self._send(calls.disconnect(user_id, data, provider))
        self._remembered_days.forget(user_id)
        self._remembered_health.forget(user_id)
        return end

    def daily_data(self, user_id: str, date: Day, *, provider: str = "whoop") -> DayDocument:
        """Everything about one of the member's local days, `date` as a date or YYYY-MM-DD.

        A day without data is no error: `sync.no_data_reason` says why. A user never seen has `sync.state` `not_connected`.
        """
        return self._send(calls.daily_data(user_id, date, provider, self._remembered_days))

    def days(self, user_id: str, start: Day, end: Day, *, provider: str = "whoop") -> list[DayDocument]:
        """The day documents from `start` to `end`, at most 366, else Invalid."""
        return self._send(calls.days(user_id, start, end, provider))

    def health(self, user_id: str, date: Day | None = None) -> HealthDay:
        """What every source knows of one local day, today without `date`: by quantity and by source. No source's failure raises."""
        return self._send(calls.health(user_id, date, self._remembered_health))

    def health_days(self, user_id: str, count: int = 7) -> list[HealthDay]:
        """The same for `count` days up to today, oldest first, at most 90, else Invalid."""
        return self._send(calls.health_days(user_id, count))

    def preferences(self, user_id: str) -> Preferences:
        """Whom the member believes first, and units for display; empty where nothing was said."""
        return self._send(calls.preferences(user_id))

    def set_preferences(
        self, user_id: str, *, precedence: Mapping[str, Sequence[str]] | None = None, units: Mapping[str, str] | None = None
    ) -> Preferences:
        """Takes these in place of all those before: by quantity, or for all (`*`), the sources to believe first.

        Raises: Invalid naming the unknown quantity, source or unit.
        """
        return self._send(calls.set_preferences(user_id, precedence or {}, units or {}))

    def trend(self, user_id: str, metric: str, start: Day, end: Day) -> Trend:
        """One quantity by its name in `HealthDay.combined`, day by day, at most 366, against the member's own usual range."""
        return self._send(calls.trend(user_id, metric, start, end))

    def fetch_range(
        self, user_id: str, resource: Resource, start: Moment | None = None, end: Moment | None = None, *, page_size: int | None = None
    ) -> Iterator[Record]:
        """Every stored record of `recovery`, `sleep`, `workouts` or `cycles` in [start, end), page by page as you iterate.

        Bounds are dates or aware datetimes; None leaves that side to the service. A page that fails raises: an iteration that
        ends has brought everything.
        """
        return self._walk(pages(user_id, resource, start, end, page_size))

    def fetch_recovery(self, user_id: str, start: Moment | None = None, end: Moment | None = None) -> Iterator[Recovery]:
        """Every stored recovery in [start, end); see `fetch_range`."""
        return self._walk(pages(user_id, "recovery", start, end, None))

    def fetch_sleep(self, user_id: str, start: Moment | None = None, end: Moment | None = None) -> Iterator[Sleep]:
        """Every stored sleep and nap in [start, end); see `fetch_range`."""
        return self._walk(pages(user_id, "sleep", start, end, None))

    def fetch_workouts(self, user_id: str, start: Moment | None = None, end: Moment | None = None) -> Iterator[Workout]:
        """Every stored workout in [start, end); see `fetch_range`."""
        return self._walk(pages(user_id, "workouts", start, end, None))

    def fetch_cycles(self, user_id: str, start: Moment | None = None, end: Moment | None = None) -> Iterator[Cycle]:
        """Every stored cycle in [start, end); see `fetch_range`."""
        return self._walk(pages(user_id, "cycles", start, end, None))

    def sync(
        self,
        user_id: str,
        data_types: Sequence[str] | None = None,
        date_range: tuple[Day, Day] | None = None,
        wait: bool = True,
        *,
        provider: str = "whoop",
    ) -> SyncResult:
        """Reads the provider now: `data_types` (`recovery`, `sleep`, `workout`, `cycle`; None is all) over `date_range`.

        With `wait=False`, or when it takes too long, the result is not `is_complete`. TooManyRequests: one new sync a minute.
        """
        return self._send(calls.sync(user_id, data_types, date_range, wait=wait, provider=provider))

    def sync_status(self, user_id: str, *, provider: str = "whoop") -> SyncStatus:
        """How each resource of the connection is doing."""
        return self._send(calls.sync_status(user_id, provider))

    def close(self) -> None:
        """Closes the network connections."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Client({str(self._http.base_url)!r})"

    def _walk(self, walk: Pages[T]) -> Iterator[T]:
        while walk.call:
            yield from self._send(walk.call)

    def _send(self, call: Call[T]) -> T:
        attempt = 0
        while True:
            outcome = self._attempt(call)
            wait_s = self._retry.wait_s(call.method, attempt, outcome)
            if wait_s is None:
                return result(call, outcome)
            time.sleep(wait_s)
            attempt += 1

    def _attempt(self, call: Call[Any]) -> Outcome:
        try:
            return answer_of(self._http.request(**request_options(call)))
        except httpx2.RequestError as error:
            return error
