"""Who calls, and what a route asks of them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from wearbase.domain.errors import Forbidden

SCOPES = ("read", "sync", "connect", "erase", "ops")
MEMBER_SCOPES = frozenset({"read", "sync", "connect", "erase"})
IN_FULL = ("read", "sync", "connect")  # what a key must hold to stand for a member in full, who may then erase themselves, too


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
    by_key: str | None = None  # of a member's credential: the name of the service key that made it, if one did
    made_at: datetime | None = None  # of a member's credential: when it was made itself, which may be long after a sign-in

    @property
    def is_service(self) -> bool:
        return self.kind == "service"

    @property
    def name(self) -> str:
        """Of a service: how its key begins, or `environment`."""
        return self.prefix or self.key_id

    @property
    def credential(self) -> str:
        """How the audit trail names it: `key:` and how the key begins; of a member's the kind, `member`, `session`, ..., and the key that
        made it."""
        if self.is_service:
            return f"key:{self.name}"
        kind = self.key_id.partition(":")[0]
        return kind if self.by_key is None else f"{kind}:{self.by_key}"

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
    also: tuple[str, ...] = ()  # further scopes


OPEN = Rule(by="open")
SIGNED = Rule(by="signature")
SESSION = Rule(by="session")
DOCS = Rule(by="docs")


def member(scope: str) -> Rule:
    """A service key with the scope, or the member concerned."""
    return Rule(by="member", scope=scope)


def service(scope: str, *also: str) -> Rule:
    """Only a service key with the scope, or with all of them."""
    return Rule(by="service", scope=scope, also=also)


def authorise(caller: Caller, rule: Rule, user_id: str | None) -> None:
    """Returns if the caller may do this to that user. Raises Forbidden."""
    if rule.by in ("service", "docs") and not caller.is_service:
        raise Forbidden("This needs a service key.")
    if rule.scope is not None and not caller.scopes.issuperset((rule.scope, *rule.also)):
        missing = [scope for scope in (rule.scope, *rule.also) if scope not in caller.scopes]
        raise Forbidden(f"This needs the scope {' and '.join(missing)}.", scope=missing[0])
    if not caller.is_service and user_id is not None and user_id != caller.user_id:
        raise Forbidden("This token is another member's.")


def check_in_full(caller: Caller) -> None:
    """Returns for a service, and for a member but by a token that may only some things. Raises Forbidden."""
    if not caller.is_service and not caller.scopes.issuperset(IN_FULL):
        missing = [scope for scope in IN_FULL if scope not in caller.scopes]
        raise Forbidden(f"This is for the member in full: this token lacks {' and '.join(missing)}.", scope=missing[0])
