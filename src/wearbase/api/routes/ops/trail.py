"""The audit trail, for whoever runs it."""

import re
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request
from pydantic import AwareDatetime, BaseModel, Field

from wearbase.access.caller import service
from wearbase.access.users import InvalidField
from wearbase.api.fields import UserIdText
from wearbase.api.given import Given, Services
from wearbase.api.routes.ops.door import OperatorRoute
from wearbase.api.routing import who
from wearbase.domain.errors import NotFound
from wearbase.read.status import rfc3339
from wearbase.store.audit import carrying, trail
from wearbase.store.postgres.database import Tx

router = APIRouter(route_class=OperatorRoute, prefix="/api/v1/ops", tags=["Operations"])
MOST = 2**53 - 1  # a number that every reader of JSON reads whole
_CURSOR = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z)_(\d{1,18})")


class TrailEntry(BaseModel):
    """One line: what was done, when, by which credential, to which member. Of reads it is a minute's, and `count` says how many."""

    id: int
    at: str
    action: str
    credential: str = Field(
        description="Its kind, and how the service key begins that it is, or that made it", examples=["key:k3v9x0aa", "member:k3v9x0aa"]
    )
    member: UUID | None = Field(description="The name of a member in the trail; null where nothing is stored of them")
    provider: str | None
    route: str | None
    count: int
    details: dict[str, Any]
    number: int | None = Field(description="Of a line that changes no more and has been carried away; see `after`")


class Trail(BaseModel):
    """Lines, oldest first; `next` is the cursor of the next page, null at the end. With `after` it is the next `after`, and never null."""

    entries: list[TrailEntry]
    next: str | None


class TrailQuery(BaseModel):
    """Which lines: of `[since, until)`, of one member by user id or by the name in the trail, of one action. Or, with `after` alone, to
    carry the trail away: what comes after the line of that number, each line once, when it changes no more."""

    after: Annotated[int | None, Field(ge=0, le=MOST)] = None
    user_id: UserIdText | None = None
    since: AwareDatetime | None = None
    until: AwareDatetime | None = None
    member: UUID | None = None
    action: Annotated[str | None, Field(pattern="^[a-z_]{1,40}$")] = None
    cursor: Annotated[str | None, Field(max_length=60)] = None
    limit: Annotated[int, Field(ge=1, le=1_000)] = 100


@router.get("/audit")
@who(service("ops"))
async def audit(query: Annotated[TrailQuery, Query()], request: Request, services: Given) -> Trail:
    """The audit trail: every change with its credential, reads by the minute. Members have a name of their own in it, which says
    nothing once they are erased."""
    if query.after is not None:
        return await _carried(services, query, query.after)
    async with services.db.connection() as tx:
        member = query.member if query.user_id is None else await _known(tx, query, request)
        wanted = trail.Wanted(since=query.since, until=query.until, member=member, action=query.action)
        found = await trail.page(tx, wanted, after=_place(query.cursor), limit=query.limit + 1)
    shown = [TrailEntry(**shown_entry(entry)) for entry in found[: query.limit]]
    last = found[query.limit - 1] if len(found) > query.limit else None
    return Trail(entries=shown, next=f"{last.at:%Y-%m-%dT%H:%M:%S.%fZ}_{last.id}" if last else None)


async def _carried(services: Services, query: TrailQuery, after: int) -> Trail:
    """What comes after a line. Raises InvalidField beside what would choose among the lines."""
    if query.model_fields_set - {"after", "limit"}:
        raise InvalidField("after takes whatever comes after a line: give it with limit alone.", field="after")
    async with services.db.connection() as tx:
        found = await carrying.page(tx, after=after, now=services.clock.now(), limit=query.limit)
    return Trail(entries=[TrailEntry(**shown_entry(entry)) for entry in found], next=str(found[-1].number if found else after))


async def _known(tx: Tx, query: TrailQuery, request: Request) -> UUID:
    """By what name the trail knows the user asked for; looking is noted as a read of theirs. Raises InvalidField, NotFound."""
    if query.member is not None:
        raise InvalidField("Give user_id or member, not both.", field="member")
    assert query.user_id is not None
    found = await trail.pseudonym(tx, query.user_id)
    if found is None:
        raise NotFound("The trail knows nobody by this id: never seen, or erased.")
    request.state.about = query.user_id
    return found


def shown_entry(entry: trail.Entry) -> dict[str, Any]:
    """A line as it is told."""
    return {name: getattr(entry, name) for name in trail.Entry.__dataclass_fields__} | {"at": rfc3339(entry.at)}


def _place(cursor: str | None) -> tuple[datetime, int] | None:
    """Where a page begins. Raises InvalidField."""
    if cursor is None:
        return None
    found = _CURSOR.fullmatch(cursor)
    try:
        if found is None:
            raise ValueError
        return datetime.fromisoformat(found[1]), int(found[2])
    except ValueError:
        raise InvalidField("cursor is not one that was given out.", field="cursor") from None
