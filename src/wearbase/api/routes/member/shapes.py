"""What the app's own routes take and give."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from wearbase.access.sessions import LONGEST_LINK
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
    """Whom a link would sign in."""

    user_id: str


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
