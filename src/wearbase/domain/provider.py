"""The provider protocol: everything one source means, as values and pure functions.

A provider package (`providers/<name>/`) declares one `Provider`. It never sees a connection row, a session or a setting,
and never does I/O: its client functions are given `send`.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any, Literal, Protocol
from urllib.parse import quote

from wearbase.domain.days import local_date
from wearbase.domain.errors import Conflict, SettingsError
from wearbase.domain.quantities import Quantity
from wearbase.domain.records import Page, Record
from wearbase.domain.windows import Window

MEMBER = "{member}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One outbound call. `path` is relative to the provider's API address, an absolute one for tokens.

    A provider whose token is the app's own names the member in the path: it writes `MEMBER` there, and the transport, which knows
    whose call it is, sends `of_member(...)`. A parameter with several values is sent as its key repeated.
    """

    method: str = "GET"
    path: str
    params: Mapping[str, str | Sequence[str]] = field(default_factory=dict, repr=False)
    form: Mapping[str, str] | None = field(default=None, repr=False)
    json: Mapping[str, Any] | None = field(default=None, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)

    def of_member(self, external_user_id: str) -> "Request":
        """The request with the member's id, percent-encoded, where the path asks for it."""
        return replace(self, path=self.path.replace(MEMBER, quote(external_user_id, safe=""))) if MEMBER in self.path else self


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
    oauth_url: str = ""
    webhook_secret: str | None = field(repr=False, default=None)  # None: the provider signs with the client secret
    verification_token: str | None = field(repr=False, default=None)  # what the provider asks our address for deliveries with

    @property
    def signing_secret(self) -> str:
        """What deliveries are signed with. An empty one verifies nothing."""
        return self.client_secret if self.webhook_secret is None else self.webhook_secret


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """A token answer. `refresh_token` is None where the provider gave none.

    `renew_in_s` is when a token that needs no refresh token, the app's own, is to be asked for anew.
    """

    access_token: str = field(repr=False)
    refresh_token: str | None = field(repr=False, default=None)
    expires_in_s: int = 3600
    renew_in_s: int | None = None
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
    body: bytes | None = field(default=None, repr=False)  # its own part of a delivery that told several
    reason: str | None = None  # why what it carries could not be understood


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """One kind a provider serves.

    `read_page` walks its collection; `read_one` reads a record by the id that a delivery names, given the stored ids
    it may need (`Lookup`). Both raise domain errors, never return part of an answer.
    """

    name: str
    scope: str = ""  # none where a member grants nothing to us
    read_page: "ReadPage"
    read_one: "ReadOne"
    listed_as: str = ""  # its name in an address that lists its records, where that is not its own
    slots: tuple[int, ...] = ()  # local hours, besides the morning, at which it is due at the latest
    companions: tuple[str, ...] = ()  # what is read with a delivery of this one while the budget allows
    is_of_night: bool = False  # every record of it belongs to a main sleep
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


class DataRules(Protocol):
    """What every data call needs, however the member was joined."""

    def authorized(self, request: Request, access_token: str) -> Request: ...
    def check(self, response: Response, *, now: datetime) -> Response:
        """The answer if it is a 2xx, else the domain error it means."""
        ...

    def quota(self, headers: Mapping[str, str]) -> Quota | None: ...


class AccountRules(DataRules, Protocol):
    """The pure rules of a provider where the app's own token serves every member."""

    def token_request(self, app: Credentials) -> Request: ...
    def token(self, response: Response) -> Grant:
        """Raises ClientMisconfigured, ProviderUnavailable. There is no refresh token: it is asked for anew."""
        ...

    async def join(self, send: Send, external_user_id: str) -> Identity:
        """Registers the member under that id, or finds who is registered under it. Raises BadRequest for an id it does not take."""
        ...


class OAuthRules(DataRules, Protocol):
    """The pure rules of one provider's authorisation."""

    def authorization_url(self, app: Credentials, *, redirect_uri: str, state: str, scopes: Sequence[str]) -> str: ...
    def exchange_request(self, app: Credentials, *, code: str, redirect_uri: str) -> Request: ...
    def refresh_request(self, app: Credentials, *, refresh_token: str) -> Request: ...
    def revoke_request(self) -> Request: ...
    def identity_request(self) -> Request: ...
    def grant(self, response: Response) -> Grant:
        """Raises ReauthorizationRequired (dead grant), ClientMisconfigured, ProviderUnavailable, RequestRefused."""
        ...

    def identity(self, response: Response) -> Identity: ...


class WebhookRules(Protocol):
    def verify(self, headers: Mapping[str, str], body: bytes, secret: str, now: datetime) -> datetime:
        """When the delivery was signed, as far as it says. Raises BadSignature, StaleDelivery."""
        ...

    def parse(self, body: bytes, headers: Mapping[str, str] | None = None) -> list[Notice]:
        """What a delivery says. Without its headers (a body read again from the inbox) the body alone decides.

        Raises: MalformedDelivery.
        """
        ...


class Handshake(Protocol):
    def __call__(self, query: Mapping[str, str], token: str) -> bytes:
        """The JSON with which our address for deliveries proves to be ours. Raises BadSignature for a question with another token."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """The declaration that the engine, the API, the docs, the app and the contract tests read."""

    name: str
    title: str
    caveat: str | None = None  # what a user must know before trusting it, shown wherever it is named; set up it takes part, else not
    console: str = ""  # where an app is registered with it
    api_url: str = ""  # its addresses, unless <NAME>_API_URL and <NAME>_OAUTH_URL say otherwise
    oauth_url: str = ""
    joined_by: Literal["oauth", "account"]
    delivers: Literal["notice", "payload"]
    resources: tuple[Resource, ...]
    identity_scope: str | None = None
    identity_resource: str | None = None  # whose first page tells whose account it is; without one the profile is asked
    extra_scopes: tuple[str, ...] = ()
    overlap: timedelta = timedelta(days=3)
    history: timedelta | None = None  # how far back there is anything when a member is new; None: as far as is configured
    tells_absence: bool = True  # whether a listing without a stored record is a reason to ask for it
    remains: str | None = None  # what stays at the provider after a member has been disconnected, and who can remove it
    morning: int = 8  # the local hour at which, at the latest, everything is read: the daily reconciliation
    late_morning: int = 12  # the same on a day whose calls are short: whoever sleeps longer is then read once, after the night
    thinning: tuple[tuple[int, tuple[str, ...]], ...] = ()  # the order in which slots of resources are left out on such a day
    page_size: int = 25
    refresh_early: timedelta = timedelta(minutes=5)
    webhook_success_status: int = 204
    webhook_body_limit_bytes: int = 64 * 1024
    quota_per_minute: int = 100
    quota_per_day: int = 10_000
    oauth_rules: OAuthRules | None = None
    account_rules: AccountRules | None = None
    webhook: WebhookRules
    handshake: Handshake | None = None  # where the provider makes sure of an address before it delivers to it
    signatures: Mapping[str, WebhookRules] = field(default_factory=dict)  # where configuration pins one of several forms
    probe: "Probe | None" = None  # which of these forms a delivery has that was refused
    map_again: Callable[[str, Any], Page]  # a record of that resource as the provider sent it, by the mapping as it is now
    assemble_day: "AssembleDay"
    day_metrics: Callable[[Mapping[str, Any]], dict[str, float]]
    empty_day: Callable[[], dict[str, Any]]
    quantities: tuple[Quantity, ...] = ()  # what of a day's part other sources may have too, or may be followed
    running: Callable[[Mapping[str, Any]], Collection[str]] = lambda part: ()  # the names of those that are not final yet
    passes_on: bool = False  # brings what other sources measured: whoever measures is believed before it
    keep_days: int | None = None  # how many local days before today are kept; a deployment's setting, None: for ever

    @property
    def label(self) -> str:
        """What a person reads: the title, and what must be known with it."""
        return f"{self.title} ({self.caveat})" if self.caveat else self.title

    @property
    def oauth(self) -> OAuthRules:
        """The rules of a provider joined by consent. Raises Conflict for another."""
        if self.oauth_rules is None:
            raise Conflict("This provider is not joined by a member's consent.", provider=self.name)
        return self.oauth_rules

    @property
    def account(self) -> AccountRules:
        """The rules of a provider joined by the app's account. Raises Conflict for another."""
        if self.account_rules is None:
            raise Conflict("This provider is joined by a member's consent.", provider=self.name)
        return self.account_rules

    @property
    def rules(self) -> DataRules:
        """The rules of data calls, however members are joined."""
        return self.account_rules or self.oauth

    @property
    def signature(self) -> str | None:
        """The form of signature that is accepted, where there are several."""
        return next((name for name, rules in self.signatures.items() if rules == self.webhook), None)

    def pinned(self, signature: str) -> "Provider":
        """The provider that accepts that form of signature and no other. Raises SettingsError naming those there are."""
        if signature not in self.signatures:
            raise SettingsError(f"{self.title}: the signature is one of {', '.join(self.signatures)}; `wear doctor` finds out which.")
        return replace(self, webhook=self.signatures[signature])

    def keeping(self, days: int | None) -> "Provider":
        """The provider of whose data so many days are kept."""
        return replace(self, keep_days=days)

    def first_kept_day(self, now: datetime, utc_offset_min: int | None) -> date | None:
        """The oldest local day of a member that is kept; None where all are."""
        if self.keep_days is None:
            return None
        return local_date(now, utc_offset_min or 0) - timedelta(days=self.keep_days)

    def history_window(self, now: datetime, wanted: timedelta) -> Window:
        """What of the past is read once, behind the overlap: what is wanted, there and kept, and never nothing."""
        reaches = [wanted, *([self.history] if self.history else []), *([timedelta(days=self.keep_days)] if self.keep_days else [])]
        return Window(now - max(min(reaches), self.overlap + timedelta(days=1)), now - self.overlap)

    @property
    def scopes(self) -> tuple[str, ...]:
        """What is asked for at consent."""
        resource_scopes = [r.scope for r in self.resources if r.scope]
        identity = [self.identity_scope] if self.identity_scope else []
        return tuple(dict.fromkeys([*self.extra_scopes, *resource_scopes, *identity]))

    def resource(self, name: str) -> Resource | None:
        """The resource of that name."""
        return next((r for r in self.resources if r.name == name), None)

    def listed(self, kind: str) -> Resource | None:
        """The resource whose records an address lists by that name."""
        return next((r for r in self.resources if kind in (r.listed_as, r.name)), None)

    @property
    def kinds(self) -> tuple[str, ...]:
        """The names by which records are listed."""
        return tuple(r.listed_as or r.name for r in self.resources)


class Probe(Protocol):
    def __call__(self, headers: Mapping[str, str], body: bytes, secret: str) -> str | None:
        """The form of the signature, by its name in `signatures`; None if it is none of them."""
        ...


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
