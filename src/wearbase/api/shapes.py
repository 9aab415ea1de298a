"""What the routes take and give, for validation and for the OpenAPI document."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from wearbase.api.fields import ConsentVersion, Day, Moment

EXAMPLE_DAY: dict[str, Any] = {
    "user_id": "member-42", "date": "2026-05-14",
    "recovery": {"cycle_id": 1530000101, "score": 66.0, "hrv_rmssd_ms": 58.31, "resting_heart_rate_bpm": 52.0, "score_state": "SCORED"},
    "sleep": {"id": "8f0c5e1e-6d1b-5a52-9c0a-0c5a4d0b1a11", "performance_percent": 88.0, "asleep_s": 27320, "score_state": "SCORED"},
    "naps": [], "cycle": {"id": 1530000101, "is_open": True, "strain": 9.84, "score_state": "SCORED"}, "other_cycles": [], "workouts": [],
    "last_sync": "2026-05-14T13:20:47.000Z", "data_source": "database",
    "sync": {"state": "ok", "not_yet": False, "no_data_reason": None, "open_cycle_day": "2026-05-14", "resources": {}},
}  # fmt: skip


def is_nothing(value: Any) -> bool:
    """Whether a field of this value is left out of the answer."""
    return not value


class Body(BaseModel):
    """A request body; a field we do not know is a mistake worth naming."""

    model_config = ConfigDict(extra="forbid")


class ConnectStart(BaseModel):
    """A consent under way: send the member's browser to `authorization_url` within `expires_in` seconds."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "user_id": "member-42",
                "authorization_url": "https://provider.example/auth?...",
                "state": "kX...",
                "expires_in": 300,
            }
        }
    )
    user_id: str
    authorization_url: str
    state: str
    expires_in: int


def _no_address(external_id: str) -> str:
    if "@" in external_id:
        raise ValueError("an external id must not identify a person: no e-mail address")
    return external_id


class JoinBody(Body):
    """Under which id a provider joined by account knows the member already; never an e-mail address. Without one it is made up.
    At any source: the version of the text that the member agrees to."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"external_id": "7f0c2a4e-5b1d-4c8a-9a51-0c5a4d0b1a11"}})
    external_id: (
        Annotated[str, Field(min_length=1, max_length=200, json_schema_extra={"pattern": "^[^@]+$"}), AfterValidator(_no_address)] | None
    ) = None
    consent_version: ConsentVersion = None


class Joined(BaseModel):
    """A member of a provider joined by account: connected at once, nobody need be sent anywhere."""

    user_id: str
    connected: Literal[True] = True
    authorization_url: None = None


class Authorization(BaseModel):
    """The address to send the member's browser to."""

    authorization_url: str
    state: str


class CallbackBody(Body):
    """What the provider gave back."""

    code: Annotated[str, Field(min_length=1, max_length=4000)]
    state: Annotated[str, Field(min_length=8, max_length=200)]


class Connected(BaseModel):
    """A completed connection; `missing_scopes` were asked for and not given."""

    user_id: str
    provider: str
    connected: Literal[True] = True
    missing_scopes: list[str]


class Remains(BaseModel):
    """What stays at a provider, of which account there: only this answer names it once everything here is erased."""

    provider: str
    external_user_id: str
    text: str


Unfinished = Annotated[
    list[str],
    Field(
        description="Sources whose own service could not be told: all is erased here, and there as soon as it answers",
        exclude_if=is_nothing,
    ),
]


class Disconnected(BaseModel):
    """An ended connection. `revoked` is false while the provider has not been told yet, or if it cannot be, which `remains` then
    says; null if there was nothing to revoke."""

    user_id: str
    provider: str
    disconnected: Literal[True] = True
    was_connected: bool
    revoked: bool | None
    data: Literal["keep", "erase"]
    remains: Annotated[Remains | None, Field(exclude_if=is_nothing)] = None
    unfinished: Unfinished = []


class DateRange(Body):
    """Local days, both included."""

    start: Day
    end: Day


class SyncBody(Body):
    """What to bring; everything recent if left out."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"data_types": ["sleep", "recovery"]}})
    data_types: Annotated[list[str], Field(min_length=1, max_length=16)] | None = None
    date_range: DateRange | None = None


class SyncDone(BaseModel):
    """Records stored per resource (null: the member did not grant it, and `not_granted` names it), and the provider calls that took."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {"synced": {"recovery": 4, "sleep": 5, "workout": 2, "cycle": 4}, "total_api_calls": 4, "not_granted": []}
        }
    )
    synced: dict[str, int | None]
    total_api_calls: int
    not_granted: list[str] = []


class SyncUnderWay(SyncDone):
    """The work is noted and goes on. `unavailable`: no worker is alive; it starts when one is.

    `waiting_for_calls`: the provider's calls are used up; it goes on at `retry_at`.
    """

    state: Literal["running", "unavailable", "waiting_for_calls"]
    retry_at: datetime | None = None


class Pulled(SyncDone):
    """A pull: `backfilling` tells whether history was asked for and follows behind."""

    user_id: str
    provider: str
    backfilling: bool


class PullUnderWay(SyncUnderWay):
    """A pull that goes on."""

    user_id: str
    provider: str
    backfilling: bool


class PullBody(Body):
    """Which resources, and since when."""

    resource_types: Annotated[list[str], Field(min_length=1, max_length=16)] | None = None
    since: Moment | None = None


class HistoryStatus(BaseModel):
    """The reading of a resource's history, which says nothing of what is current. `from`: how far back it has come.

    `failures` counts those in a row; `next_due_at` is when it goes on, null when there is nothing left to read.
    """

    model_config = ConfigDict(extra="allow")
    is_running: bool
    pages: int
    error: str | None
    failures: int
    next_due_at: str | None


class ResourceStatus(BaseModel):
    """One resource of a connection. An attempt that failed leaves `last_success_at` alone.

    `state`: `idle`, `running`, `backfilling`, `waiting` (for calls, until `retry_at`), `failing` or `not_granted`. `status`: how the newest
    complete reading ended, `success` or `failed`; `never` before the first.
    """

    model_config = ConfigDict(extra="allow")
    state: str
    status: str
    last_sync_at: str | None
    last_attempt_at: str | None
    last_success_at: str | None
    records_synced: int
    error: str | None
    retry_at: str | None
    next_due_at: str | None
    backfill: HistoryStatus
    open_deliveries: int
    parked_records: int


class SyncStatus(BaseModel):
    """How a member's source stands."""

    user_id: str
    provider: str
    state: str
    not_granted: list[str]
    resources: dict[str, ResourceStatus]
    open_deliveries: int
    parked_deliveries: int
    parked_records: list[dict[str, Any]]
    days_stored: int


class Days(BaseModel):
    """Day documents of a range, oldest first."""

    user_id: str
    start: Day
    end: Day
    days: Annotated[list[dict[str, Any]], Field(examples=[[EXAMPLE_DAY]])]


class SharedDays(BaseModel):
    """Days for another wearbase's copy: each with its document, its revision and what it adds to the trends."""

    class SharedDay(BaseModel):
        day: Day
        revision: str | None
        changed_at: datetime | None
        has_lead: bool
        metrics: dict[str, float]
        no_data_reason: str | None
        document: Annotated[dict[str, Any], Field(examples=[EXAMPLE_DAY])]

    user_id: str
    provider: str
    state: str
    start: Day
    end: Day
    connection: dict[str, Any] | None
    freshness: dict[str, Any]
    days: list[SharedDay]


class Records(BaseModel):
    """One page of records, newest first; `next_cursor` is null on the last."""

    records: list[dict[str, Any]]
    next_cursor: str | None


class Consented(BaseModel):
    """What the member agreed to last: which version of the text (null where nobody said), when, and by which kind of credential."""

    version: str | None
    given_at: str
    given_by: str | None


class Profile(BaseModel):
    """What is kept of the profile: whose account it is, and what was granted. Nothing else is kept."""

    user_id: str
    provider: str
    state: str
    external_user_id: str | None
    scopes: list[str]
    connected_at: datetime | None
    consent: Consented | None = None


class TokenBody(Body):
    """How long the token lives."""

    expires_in_s: Annotated[int, Field(ge=60, le=86_400)] = 900


class Token(BaseModel):
    """A member's token. It cannot be read again. `scopes` are those that it has of the key that made it."""

    token: str
    expires_in: int
    scopes: list[str] = Field(examples=[["read", "sync", "connect"]])


class EraseBody(Body):
    """The user id once more, so that nobody erases by a slip."""

    confirm: str


class Erased(BaseModel):
    """The receipt: everything of the user is gone, at that instant. `revoked` is false while a provider has not been told yet, or if it
    cannot be, which `remains` then says; null if there was nothing to revoke. `revocations_pending` providers are still to be told."""

    user_id: str
    erased: Literal[True] = True
    days: int
    records: int
    at: str
    revoked: bool | None
    connections_ended: int
    revocations_pending: int
    remains: Annotated[list[Remains], Field(exclude_if=is_nothing)] = []
    unfinished: Unfinished = []


class AuthStatus(BaseModel):
    """Whether the user is connected now."""

    user_id: str
    connected: bool
    checked_at: str


class Problem(BaseModel):
    """The body of every error."""

    class Inner(BaseModel):
        code: str
        message: str
        request_id: str
        details: Any = None

    model_config = ConfigDict(
        json_schema_extra={
            "example": {"error": {"code": "forbidden", "message": "This needs the scope sync.", "request_id": "3f2a9c0d11e4b7aa"}}
        }
    )
    error: Inner
