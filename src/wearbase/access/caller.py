"""Who calls, and what a route asks of them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from wearbase.domain.errors import Forbidden

SCOPES = ("read", "sync", "connect", "erase", "ops")
MEMBER_SCOPES = frozenset({"read", "sync", "connect", "erase"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """A service, or a member who may act for nobody else."""

    kind: Literal["service", "member"]
    key_id: str
    scopes: frozenset[str]
    user_id: str | None = None
    issued_at: datetime | None = None  # of a member's token; when the member signed in
    session_id: UUID | None = None
    prefix: str | None = None  # of a service key of the database

    @property
    def is_service(self) -> bool:
        return self.kind == "service"

    @property
    def credential(self) -> str:
        """How the audit trail names it: `key:` and how the key begins; of a member's only the kind, `member`, `session`, ..."""
        return f"key:{self.prefix or self.key_id}" if self.is_service else self.key_id.partition(":")[0]

    @property
    def for_logs(self) -> str:
        """How the log names it: a service as the audit trail does, a member's credential by its id."""
        return self.credential if self.is_service else self.key_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What a route asks for: a scope, from a service or (unless told otherwise) from the member concerned.

    `by` names who is let in: nobody is asked (`open`), the provider signs (`signature`), a service key (`service`), a service
    key or the member (`member`), a member's session in a browser (`session`), a service key unless in development (`docs`).
    """

    by: Literal["open", "signature", "service", "member", "session", "docs"]
    scope: str | None = None


OPEN = Rule(by="open")
SIGNED = Rule(by="signature")
SESSION = Rule(by="session")
DOCS = Rule(by="docs")


def member(scope: str) -> Rule:
    """A service key with the scope, or the member concerned."""
    return Rule(by="member", scope=scope)


def service(scope: str) -> Rule:
    """Only a service key with the scope."""
    return Rule(by="service", scope=scope)


def authorise(caller: Caller, rule: Rule, user_id: str | None) -> None:
    """Returns if the caller may do this to that user. Raises Forbidden."""
    if rule.by in ("service", "docs") and not caller.is_service:
        raise Forbidden("This needs a service key.")
    if rule.scope is not None and rule.scope not in caller.scopes:
        raise Forbidden(f"This needs the scope {rule.scope}.", scope=rule.scope)
    if not caller.is_service and user_id is not None and user_id != caller.user_id:
        raise Forbidden("This token is another member's.")
