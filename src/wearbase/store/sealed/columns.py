"""Every column that holds a sealed value. A test walks the schema: a new one cannot be forgotten."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SealedColumn:
    """A column, its table's key with types, and what its values are bound to: user, provider and kind, as SQL."""

    table: str
    column: str
    key: tuple[tuple[str, str], ...]
    bound_to: tuple[str, str, str]


_MEMBER = (("user_id", "text"), ("provider", "text"))
COLUMNS = (
    SealedColumn("connection", "access_token", _MEMBER, ("user_id", "provider", "'access'")),
    SealedColumn("connection", "refresh_token", _MEMBER, ("user_id", "provider", "'refresh'")),
    SealedColumn("chore", "sealed", (("id", "uuid"),), ("id::text", "payload->>'provider'", "kind")),
    SealedColumn("oauth_state", "sealed_grant", (("state_hash", "bytea"),), ("user_id", "provider", "'finish'")),
)
