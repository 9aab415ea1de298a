"""Taking everything away."""

import re
from typing import Any

from fastapi import APIRouter
from fastapi.responses import StreamingResponse

from wearbase.access.caller import check_in_full, member
from wearbase.api.fields import UserId
from wearbase.api.given import By, Given
from wearbase.api.routing import GuardedRoute, who
from wearbase.read.archive import Archive
from wearbase.store.audit import trail
from wearbase.sync.remote.archives import archives

router = APIRouter(route_class=GuardedRoute, tags=["Users"])

ZIP: dict[int | str, dict[str, Any]] = {
    200: {"content": {"application/zip": {"schema": {"type": "string", "format": "binary"}}}, "description": "The archive"}
}


@router.get("/api/v1/users/{user_id}/export", response_class=StreamingResponse, responses=ZIP)
@who(member("read"))
async def export(user_id: UserId, services: Given, caller: By) -> StreamingResponse:
    """Everything that is stored about the user, as a ZIP: records as they came and in our shape, day documents, connections without
    tokens, consents, preferences, and a manifest with counts and digests. Without its directory, which comes last, it is not complete.
    A member's token must carry read, sync and connect."""
    check_in_full(caller)
    beside = await archives(services.engine, user_id)
    name = f"wearbase-{re.sub(r'[^A-Za-z0-9._-]', '-', user_id)}-{services.clock.now():%Y-%m-%d}.zip"
    async with services.db.transaction() as tx:
        await trail.write(tx, "exported", user_id=user_id, now=services.clock.now())
    archive = Archive(services.db, services.clock, version=services.version, units=services.engine.combining.units)
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return StreamingResponse(archive.of(user_id, beside=beside), media_type="application/zip", headers=headers)
