"""What other services store about a member, for the member's archive."""

import io
import zipfile
from urllib.parse import quote

from wearbase.sync.engine import Engine
from wearbase.transport.remote import ARCHIVE_S


async def archives(engine: Engine, user_id: str) -> dict[str, bytes]:
    """The archive that each source's service makes. Raises ServiceUnavailable, ServiceAnswerUnusable: without one, ours is not whole."""
    found: dict[str, bytes] = {}
    for name, remote in engine.remotes.items():
        answer = await remote.call("GET", f"/api/v1/users/{quote(user_id, safe='')}/export", within_s=ARCHIVE_S)
        if not zipfile.is_zipfile(io.BytesIO(answer.body)):
            raise remote.misunderstood("not an archive, or not whole")
        found[name] = answer.body
    return found
