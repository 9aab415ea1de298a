"""What the app's own routes take and give."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from wearbase.access.sessions import LONGEST_LINK
from wearbase.api.health_shapes import Preferences, SourceStatus
from wearbase.api.shapes import Body


class SignInLink(BaseModel):
    """An address that signs the member in, once, until `expires_at`. It cannot be read again."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"url": "https://wearbase.example/app/sign-in#kX...", "expires_at": "2026-05-14T07:34:00.000Z"}}
    )
    url: str
    expires_at: str


class LinkBody(Body):
    """What stands behind the `#` of a sign-in address."""

    link: Annotated[str, Field(min_length=1, max_length=LONGEST_LINK)]


class LinkOwner(BaseModel):
    """Whom a link would sign in, and until when."""

    user_id: str
    expires_at: str


class SignedIn(BaseModel):
    """Whose session this is, since when, and until when at the longest."""

    user_id: str
    signed_in_at: str
    expires_at: str


class InSession(SignedIn):
    """The same, with what the app needs to begin."""

    is_demo: bool
    version: str
    sources: list[str]
    server_time: str


class LeaveBody(Body):
    """`everywhere`: in every browser, and links that were not used yet are good no more."""

    everywhere: bool = False


class SignedOutOf(BaseModel):
    """How many sessions were ended."""

    sessions_ended: int


class DayPage(BaseModel):
    """A day, and what its page shows around it. `day` is WHOOP's day document; ranges and small histories are by the names of
    `combined`, of whole days only: a day without a value is null."""

    server_time: str
    user_id: str
    date: str
    today: str
    first_day: str | None
    last_day: str | None
    previous_day_with_data: str | None
    next_day_with_data: str | None
    usual: dict[str, dict[str, Any]]
    recent: dict[str, list[list[Any]]]
    strip: list[dict[str, Any]]
    history: dict[str, Any]
    sahha: dict[str, Any] | None
    sources: dict[str, SourceStatus]
    day: dict[str, Any]


class Opening(BaseModel):
    """What the app begins with. Without a session all but `why` is null; `why` is then the code of the error that the others answer.
    `day` is null, too, where its own address should be asked, since a fetch may bring more of it."""

    session: InSession | None
    why: str | None
    preferences: Preferences | None
    day: DayPage | None


class MonthPage(BaseModel):
    """A month's days: `state` is `value`, `none`, `pending` (not yet scored) or `future`."""

    user_id: str
    month: str
    today: str
    days: list[dict[str, Any]]


class WorkoutPage(BaseModel):
    """Workouts as in the day documents, with their day; `next` is null on the last page.

    `week` is this one, `from` its first day up to today; `usual_s` the range of what the twelve weeks before it
    took, null with fewer than eight of them.
    """

    user_id: str
    workouts: list[dict[str, Any]]
    next: str | None
    week: dict[str, Any]
