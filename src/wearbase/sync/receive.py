"""A delivery: verified, remembered, and its resources marked due, in one transaction; then it may be answered."""

from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from typing import TypeAlias

import structlog

from wearbase.domain.errors import BadSignature, DatabaseUnavailable, MalformedDelivery
from wearbase.store import deliveries, observations
from wearbase.store.deliveries import Incoming, Marking
from wearbase.store.postgres.together import Together
from wearbase.store.work.cause import CAUSE
from wearbase.sync.engine import Engine
from wearbase.transport.apps import App

log = structlog.get_logger()

LARGEST_BATCH = 200
REFUSED = "refused_signature"  # the name of the observation
NOTED_EVERY = timedelta(minutes=1)

Notices: TypeAlias = tuple[Incoming, ...]


class Receiver:
    """The door for deliveries. Those that arrive together share a commit; each is answered only after it."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._noted_at: dict[str, datetime] = {}
        self._writers = {name: Together(partial(self._remember, app), largest=LARGEST_BATCH) for name, app in engine.apps.items()}

    async def receive(self, provider: str, headers: Mapping[str, str], body: bytes) -> None:
        """Returns once the delivery is durable.

        Raises: NotFound, BadSignature, StaleDelivery, MalformedDelivery, DatabaseUnavailable.
        """
        app = self._engine.app(provider)
        try:
            notices = self._read(app, headers, body)
        except BadSignature:
            await self._note_refusal(app, headers, body)
            raise
        if notices:
            await self._writers[provider](notices)

    def _read(self, app: App, headers: Mapping[str, str], body: bytes) -> Notices:
        rules = app.provider.webhook
        sent_at = rules.verify(headers, body, app.credentials.signing_secret, self._engine.clock.now())
        return tuple(
            Incoming(
                provider=app.name, external_user_id=_storable(n.external_user_id), event_type=_storable(n.event_type),
                member_hash=self._engine.keys.keyed_hash(n.external_user_id), resource=n.resource, action=n.action,
                external_id=_storable(n.external_id), is_by_parent=n.is_by_parent, trace_id=n.trace_id, sent_at=sent_at,
                body=n.body or body, reason=n.reason,
            )
            for n in rules.parse(body, headers)
        )  # fmt: skip

    async def _note_refusal(self, app: App, headers: Mapping[str, str], body: bytes) -> None:
        """Keeps for `wear doctor` that a signature was refused, and in which form it would have been right; once a minute at most."""
        now, secret, last = self._engine.clock.now(), app.credentials.signing_secret, self._noted_at.get(app.name)
        if not secret or (last is not None and now < last + NOTED_EVERY):
            return
        self._noted_at[app.name] = now
        form = app.provider.probe(headers, body, secret) if app.provider.probe else None
        if form is not None and form == app.provider.signature:
            return  # well signed, and refused for what else it says
        log.warning("delivery refused", provider=app.name, signed_as=form, accepted=app.provider.signature, request_id=CAUSE.get())
        with suppress(DatabaseUnavailable):
            async with self._engine.db.connection() as tx:
                await observations.note(tx, app.name, REFUSED, {"form": form}, now=now)

    async def _remember(self, app: App, batch: list[Notices]) -> dict[Notices, None]:
        engine, now = self._engine, self._engine.clock.now()
        incoming = [notice for notices in batch for notice in notices]
        marking = Marking(
            due_at=now + engine.hold_down, idle_before=now - engine.idle_after, has_payloads=app.provider.delivers == "payload"
        )
        async with engine.db.connection() as tx:  # one statement is a transaction by itself, and costs two round trips less
            await deliveries.remember(tx, app.name, incoming, marking=marking, now=now)
        await engine.hint()
        return dict.fromkeys(batch)


def _storable(text: str) -> str:
    """The text, if PostgreSQL can hold it. Raises MalformedDelivery."""
    if "\x00" in text or any("\ud800" <= c <= "\udfff" for c in text):
        raise MalformedDelivery(reason="character")
    return text
