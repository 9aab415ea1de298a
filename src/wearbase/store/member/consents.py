"""What members agreed to: a row for each time that a source was connected."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from wearbase.store.postgres.database import Tx, many, run


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreed:
    """One consent. `version` is of the text that was agreed to, `given_by` the kind of credential that asked for it."""

    provider: str
    version: str | None
    given_at: datetime
    given_by: str | None
    asked_scopes: list[str] = field(default_factory=list)
    scopes: list[str] = field(default_factory=list)


_COLUMNS = ", ".join(Agreed.__dataclass_fields__)


async def record(tx: Tx, user_id: str, agreed: Agreed) -> None:
    """Keeps a consent beside those before."""
    await run(
        tx,
        """insert into wearbase.consent (user_id, provider, version, given_at, given_by, asked_scopes, scopes)
           values (%s, %s, %s, %s, %s, %s, %s)""",
        (user_id, agreed.provider, agreed.version, agreed.given_at, agreed.given_by, agreed.asked_scopes, agreed.scopes),
    )


async def sweep(tx: Tx, providers: Sequence[str]) -> None:
    """Takes away what an erasure has left that was made by a process from before consents were kept.

    Of sources whose connections are stored here together with the consent; another wearbase's are copied later, or never.
    """
    await run(
        tx,
        """delete from wearbase.consent a where a.provider = any(%s)
              and not exists (select from wearbase.connection c where c.user_id = a.user_id)""",
        (list(providers),),
    )


async def of(tx: Tx, user_id: str) -> list[Agreed]:
    """Every consent of a member, oldest first."""
    return await many(tx, Agreed, f"select {_COLUMNS} from wearbase.consent where user_id = %s order by id", (user_id,))
