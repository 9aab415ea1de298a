"""A person's wish for fresh data, and what came of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, TypeAlias

from wearbase.access.users import InvalidField
from wearbase.api.errors import NotConnected, SyncFailed
from wearbase.api.given import Services
from wearbase.domain.errors import ConnectionEnded, MissingScope, ReauthorizationRequired
from wearbase.domain.windows import Window
from wearbase.read import localdays
from wearbase.sync import ask
from wearbase.sync.ask import Outcome

WAIT_S = 3.0
UnderWay: TypeAlias = Literal["running", "unavailable", "waiting_for_calls"]


@dataclass(frozen=True, slots=True)
class Brought:
    """What is stored so far. `state` is None when everything asked for is done; what waits for calls goes on at `retry_at`."""

    synced: dict[str, int | None]
    total_api_calls: int
    not_granted: list[str]
    state: UnderWay | None
    retry_at: datetime | None = None

    @property
    def counts(self) -> dict[str, Any]:
        return {"synced": self.synced, "total_api_calls": self.total_api_calls, "not_granted": self.not_granted}


async def bring(
    services: Services, user_id: str, provider: str, *, resources: Sequence[str] | None, window: Window | None = None, wait: bool = True
) -> Brought:
    """Marks due and watches for a moment.

    Raises: NotConnected, ReauthorizationRequired, MissingScope, SyncFailed (with what failed and what was stored), TooManyRequests.
    """
    ticket = await ask.sync(services.engine, user_id, provider, resources=resources, window=window)
    if ticket is None:
        raise await _why_not(services, user_id, provider)
    services.looks.note(user_id, provider)
    outcome = await (ask.watch(services.engine, ticket, at_most_s=WAIT_S) if wait else ask.look(services.engine, ticket))
    if outcome.is_done and outcome.errors:
        raise _failure(outcome)
    names = resources or [r.name for r in services.engine.app(provider).provider.resources]
    synced = {name: outcome.synced.get(name) for name in names}
    missing = sorted(set(names) - set(ticket.resources))
    return Brought(synced, outcome.api_calls, missing, _under_way(outcome), None if outcome.is_done else outcome.waits_until)


async def look(services: Services, user_id: str, provider: str, *, at_most_s: float | None = None) -> None:
    """Takes a look at stored data. A member who was idle is brought current first, or for that long."""
    if not services.looks.knows(user_id, provider):
        await ask.take_look(services.engine, user_id, provider, at_most_s=WAIT_S if at_most_s is None else at_most_s)
        services.looks.note(user_id, provider)


def _under_way(outcome: Outcome) -> UnderWay | None:
    if outcome.is_done:
        return None
    if not outcome.has_worker:
        return "unavailable"
    return "waiting_for_calls" if outcome.waits_until else "running"


def checked_names(services: Services, provider: str, names: Sequence[str] | None, *, field: str) -> None:
    """Returns if the source has all of these resources. Raises NotFound, InvalidField."""
    known = [r.name for r in services.engine.app(provider).provider.resources]
    unknown = [name for name in names or () if name not in known]
    if unknown:
        raise InvalidField(f"{field} must be among {', '.join(known)}.", field=field)


async def _why_not(services: Services, user_id: str, provider: str) -> Exception:
    found = await localdays.connection(services.db, user_id, provider)
    if found is not None and found.state == "needs_reauthorization":
        return ReauthorizationRequired(provider=provider)
    return NotConnected(provider=provider)


def _failure(outcome: Outcome) -> Exception:
    """The error that says best what went wrong, with everything that was and was not brought."""
    stored = {name: count for name, count in outcome.synced.items() if name not in outcome.errors}
    details = {"failed": outcome.errors, "synced": stored, "total_api_calls": outcome.api_calls}
    codes = set(outcome.errors.values())
    if ReauthorizationRequired.code in codes:
        return ReauthorizationRequired(details=details)
    if codes == {ConnectionEnded.code}:
        return NotConnected(details=details)
    if codes == {MissingScope.code}:
        return MissingScope(details=details)
    return SyncFailed(f"Not brought: {', '.join(sorted(outcome.errors))}.", details=details)
