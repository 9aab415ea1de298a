"""The provider protocol: everything one source means, as values and pure functions.

A provider package (`providers/<name>/`) declares one `Provider`. It never sees a connection row, a session or a setting,
and never does I/O: its client functions are given `send`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, Literal, Protocol

from wearbase.domain.records import Page, Record
from wearbase.domain.windows import Window


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One outbound call. `path` is relative to the provider's API address, an absolute one for OAuth."""

    method: str = "GET"
    path: str
    params: Mapping[str, str] = field(default_factory=dict)
    form: Mapping[str, str] | None = field(default=None, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Response:
    """One answer, fully read. Header names are lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)


class Send(Protocol):
    """Sends one authorised call inside the budget; gives the answer of a 2xx, raises a domain error for all else."""

    async def __call__(self, request: Request) -> Response: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """One app's registration at a provider."""

    client_id: str
    client_secret: str = field(repr=False)
    api_url: str
    oauth_url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """A token answer. `refresh_token` is None where the provider gave none."""

    access_token: str = field(repr=False)
    refresh_token: str | None = field(repr=False, default=None)
    expires_in_s: int = 3600
    scopes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Who the member is at the provider. Nothing else of the profile is kept."""

    external_user_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """What an answer's headers said: the window nearest to exhaustion, and every window's limit by its length in seconds."""

    limit: int
    remaining: int
    reset_after_s: float
    limits_by_window_s: Mapping[int, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """What one delivery says happened."""

    external_user_id: str
    event_type: str
    resource: str | None  # None for an unknown type
    action: Literal["updated", "deleted", "unknown"]
    external_id: str
    trace_id: str
    is_by_parent: bool = False  # external_id names the parent (WHOOP: a recovery is named by its sleep)
    records: tuple[Record, ...] = ()  # where the delivery carries them


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """One kind a provider serves.

    `read_page` walks its collection; `read_one` reads a record by the id that a delivery names, given the stored ids
    it may need (`Lookup`). Both raise domain errors, never return part of an answer.
    """

    name: str
    scope: str
    read_page: "ReadPage"
    read_one: "ReadOne"
    slots: tuple[int, ...] = ()  # local hours, besides the morning, at which it is due at the latest
    companions: tuple[str, ...] = ()  # what is read with a delivery of this one while the budget allows
    tells_morning: bool = False  # a record not seen before says that the night is over: time for the day's reconciliation


@dataclass(frozen=True, slots=True, kw_only=True)
class Lookup:
    """A record named by a delivery: its own id or its parent's, and the group it is known to belong to."""

    external_id: str
    is_by_parent: bool = False
    group_id: str | None = None


class ReadPage(Protocol):
    async def __call__(self, send: Send, window: Window, token: str | None) -> Page: ...


class ReadOne(Protocol):
    async def __call__(self, send: Send, lookup: Lookup) -> Page: ...


class OAuthRules(Protocol):
    """The pure rules of one provider's authorisation."""

    def authorization_url(self, app: Credentials, *, redirect_uri: str, state: str, scopes: Sequence[str]) -> str: ...
    def exchange_request(self, app: Credentials, *, code: str, redirect_uri: str) -> Request: ...
    def refresh_request(self, app: Credentials, *, refresh_token: str) -> Request: ...
    def revoke_request(self) -> Request: ...
    def identity_request(self) -> Request: ...
    def authorized(self, request: Request, access_token: str) -> Request: ...
    def grant(self, response: Response) -> Grant:
        """Raises ReauthorizationRequired (dead grant), ClientMisconfigured, ProviderUnavailable, RequestRefused."""
        ...

    def identity(self, response: Response) -> Identity: ...
    def check(self, response: Response, *, now: datetime) -> Response:
        """The answer if it is a 2xx, else the domain error it means."""
        ...

    def quota(self, headers: Mapping[str, str]) -> Quota | None: ...


class WebhookRules(Protocol):
    def verify(self, headers: Mapping[str, str], body: bytes, secret: str, now: datetime) -> datetime:
        """When the delivery was signed. Raises BadSignature, StaleDelivery."""
        ...

    def parse(self, body: bytes) -> list[Notice]:
        """Raises MalformedDelivery."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """The declaration that the engine, the API, the docs, the app and the contract tests read."""

    name: str
    title: str
    joined_by: Literal["oauth", "account"]
    delivers: Literal["notice", "payload"]
    resources: tuple[Resource, ...]
    identity_scope: str | None = None
    identity_resource: str | None = None  # whose first page tells whose account it is; without one the profile is asked
    extra_scopes: tuple[str, ...] = ()
    overlap: timedelta = timedelta(days=3)
    morning: int = 8  # the local hour at which, at the latest, everything is read: the daily reconciliation
    thinning: tuple[int, ...] = (20, 14, 23)  # the order in which slots are left out on a day whose calls do not suffice
    page_size: int = 25
    refresh_early: timedelta = timedelta(minutes=5)
    webhook_success_status: int = 204
    webhook_body_limit_bytes: int = 64 * 1024
    quota_per_minute: int = 100
    quota_per_day: int = 10_000
    oauth: OAuthRules
    webhook: WebhookRules
    assemble_day: "AssembleDay"
    day_metrics: Callable[[Mapping[str, Any]], dict[str, float]]
    empty_day: Callable[[], dict[str, Any]]

    @property
    def scopes(self) -> tuple[str, ...]:
        """What is asked for at consent."""
        resource_scopes = [r.scope for r in self.resources]
        identity = [self.identity_scope] if self.identity_scope else []
        return tuple(dict.fromkeys([*self.extra_scopes, *resource_scopes, *identity]))

    def resource(self, name: str) -> Resource | None:
        """The resource of that name."""
        return next((r for r in self.resources if r.name == name), None)


class AssembleDay(Protocol):
    def __call__(self, records: Sequence["StoredRecord"]) -> dict[str, Any]:
        """The provider's part of a day document (no user, date or moving field) from that day's live records."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredRecord:
    """A record as the store gives it back, for building a day document."""

    resource: str
    external_id: str
    group_id: str | None
    parent_id: str | None
    dating: str
    start_at: datetime | None
    end_at: datetime | None
    utc_offset_min: int | None
    day: date
    revision_at: datetime
    score_state: str
    values: dict[str, Any]
