"""A delivery: verified, remembered, and its resources marked due, in one transaction; then it may be answered."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from wearbase.domain.errors import MalformedDelivery
from wearbase.store import deliveries
from wearbase.store.deliveries import Incoming
from wearbase.sync.engine import Engine
from wearbase.transport.apps import App

LARGEST_BATCH = 200


@dataclass(slots=True)
class _Waiting:
    notices: list[Incoming]
    done: asyncio.Future[None]


class Receiver:
    """The door for deliveries. Those that arrive together share a commit; each is answered only after it."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._queues: dict[str, list[_Waiting]] = {}
        self._writers: dict[str, asyncio.Task[None]] = {}

    async def receive(self, provider: str, headers: Mapping[str, str], body: bytes) -> None:
        """Returns once the delivery is durable.

        Raises: NotFound, BadSignature, StaleDelivery, MalformedDelivery, DatabaseUnavailable.
        """
        app = self._engine.app(provider)
        notices = self._read(app, headers, body)
        if not notices:
            return
        waiting = _Waiting(notices, asyncio.get_running_loop().create_future())
        self._queues.setdefault(provider, []).append(waiting)
        if provider not in self._writers:
            self._writers[provider] = asyncio.create_task(self._write(app))
        await waiting.done

    def _read(self, app: App, headers: Mapping[str, str], body: bytes) -> list[Incoming]:
        rules = app.provider.webhook
        sent_at = rules.verify(headers, body, app.credentials.client_secret, self._engine.clock.now())
        return [
            Incoming(
                provider=app.name, external_user_id=_storable(n.external_user_id), event_type=_storable(n.event_type),
                member_hash=self._engine.keys.keyed_hash(n.external_user_id), resource=n.resource, action=n.action,
                external_id=_storable(n.external_id), is_by_parent=n.is_by_parent, trace_id=n.trace_id, sent_at=sent_at, body=body,
            )
            for n in rules.parse(body)
        ]  # fmt: skip

    async def _write(self, app: App) -> None:
        """Writes batch after batch until nobody waits."""
        try:
            while batch := self._queues[app.name][:LARGEST_BATCH]:
                del self._queues[app.name][: len(batch)]
                await self._write_batch(app, batch)
        finally:
            del self._writers[app.name]

    async def _write_batch(self, app: App, batch: list[_Waiting]) -> None:
        try:
            await self._remember(app, [notice for waiting in batch for notice in waiting.notices])
        except BaseException as error:
            for waiting in batch:
                if not waiting.done.done():
                    waiting.done.set_exception(error)
            if not isinstance(error, Exception):
                raise
            return
        for waiting in batch:
            if not waiting.done.done():
                waiting.done.set_result(None)

    async def _remember(self, app: App, notices: list[Incoming]) -> None:
        engine, now = self._engine, self._engine.clock.now()
        companions = [(r.name, other) for r in app.provider.resources for other in (r.name, *r.companions)]
        async with engine.db.transaction() as tx:
            await deliveries.remember(tx, app.name, notices, companions=companions, due_at=now + engine.hold_down, now=now)
        await engine.hint()


def _storable(text: str) -> str:
    """The text, if PostgreSQL can hold it. Raises MalformedDelivery."""
    if "\x00" in text or any("\ud800" <= c <= "\udfff" for c in text):
        raise MalformedDelivery
    return text
