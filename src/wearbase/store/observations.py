"""What was seen of a source and is no member's: kept for whoever looks after the deployment."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from wearbase.store.postgres.database import Tx, as_jsonb, many, run, value


@dataclass(frozen=True, slots=True)
class Observation:
    """The newest of its name."""

    name: str
    content: dict[str, Any]
    seen_at: datetime


async def note(tx: Tx, provider: str, name: str, content: Mapping[str, Any], *, now: datetime) -> None:
    """Keeps it in place of the one before."""
    await run(
        tx,
        """insert into wearbase.observation (provider, name, content, seen_at) values (%s, %s, %s::jsonb, %s)
           on conflict (provider, name) do update set content = excluded.content, seen_at = excluded.seen_at""",
        (provider, name, as_jsonb(dict(content)), now),
    )


async def of(tx: Tx, provider: str) -> dict[str, Observation]:
    """Everything seen of a source, by name."""
    found = await many(tx, Observation, "select name, content, seen_at from wearbase.observation where provider = %s", (provider,))
    return {one.name: one for one in found}


async def last_delivery_at(tx: Tx, provider: str) -> datetime | None:
    """When the newest delivery that is kept was accepted."""
    return await value(tx, "select received_at from wearbase.delivery where provider = %s order by id desc limit 1", (provider,))
