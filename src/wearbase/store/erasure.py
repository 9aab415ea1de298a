"""Removing what is stored about a member."""

from wearbase.store.postgres.database import Tx, run

DATA = ("record", "parked_record", "day_document", "metric", "delivery", "sync_state", "copy_turn")
TABLES = (
    *DATA,
    "oauth_state",
    "connection",
    "chore",
    "health_document",
    "preference",
    "sign_in_link",
    "member_session",
    "consent",
    "audit_member",
)  # the last: nothing that is still under way may make a name again


async def erase_records(tx: Tx, user_id: str, provider: str) -> None:
    """Everything a provider told about a member; the ended connection stays, without tokens or identity."""
    for table in DATA:
        await run(tx, f"delete from wearbase.{table} where user_id = %s and provider = %s", (user_id, provider))  # noqa: S608
    await run(
        tx,
        """update wearbase.connection set external_user_id = null, utc_offset_min = null, offset_seen_at = null, open_day = null
            where user_id = %s and provider = %s and state = 'disconnected'""",
        (user_id, provider),
    )


async def erase_user(tx: Tx, user_id: str) -> None:
    """Every row of the user in every table, and where a sweep over all members stands, if it stands at this one."""
    for table in TABLES:
        await run(tx, f"delete from wearbase.{table} where user_id = %s", (user_id,))  # noqa: S608 fixed names only
    await run(tx, "delete from wearbase.observation where content ->> 'user_id' = %s", (user_id,))
