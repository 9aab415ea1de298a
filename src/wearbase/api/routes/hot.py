"""Two of the busiest routes, without a framework in between: stored bytes out, deliveries in."""

from collections.abc import Sequence
from datetime import date
from urllib.parse import parse_qs, parse_qsl

from starlette.requests import Request
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from wearbase.access.caller import SIGNED, member
from wearbase.access.users import InvalidField, checked_user_id
from wearbase.api.conditional import has_already
from wearbase.api.door.entry import admitted, named_user
from wearbase.api.given import Services, known_source
from wearbase.api.metrics import ACCEPTED
from wearbase.api.routes import copying
from wearbase.domain.errors import WearbaseError
from wearbase.domain.provider import Handshake as Asked
from wearbase.read import localdays
from wearbase.read.days import DayAnswer
from wearbase.sync import ask
from wearbase.sync.engine import Engine

WAIT_S = 3.0
JSON = (b"content-type", b"application/json")
KEPT_BY_ITS_READER = (b"cache-control", b"private, no-cache")


class DailyData:
    """The day document of one member; a missing recent day is fetched on the spot."""

    rule = member("read")

    def __init__(self, services: Services) -> None:
        self._services = services

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        services, params = self._services, scope["path_params"]
        provider, named = params["provider"], named_user(scope)
        await admitted(services, scope, self.rule, named)
        user_id = checked_user_id(named or "")
        known_source(provider, services.providers, in_path=True)
        asked = _date(scope["query_string"])
        if provider in services.engine.remotes:
            return await _send_document(scope, send, await self._copied(user_id, provider, asked))
        day = asked or await localdays.today(services.db, services.clock, user_id, provider)
        answer = await services.reader.day(user_id, provider, day)
        if answer.state != "not_connected":
            is_missing = not answer.has_document and answer.no_data_reason != "future"
            if is_missing or _is_idle(answer, services.engine):
                answer = await self._fetched(user_id, provider, day, known=answer)
            services.looks.note(user_id, provider)
        await _send_document(scope, send, answer)

    async def _copied(self, user_id: str, provider: str, asked: date | None) -> DayAnswer:
        """The day of a source that another wearbase has, brought up to date first."""
        services = self._services
        if asked is None:
            states = await copying.current_lately(services, user_id, only=provider)
        else:
            states = await copying.current(services, user_id, asked, asked, only=provider)
        day = asked or await localdays.today(services.db, services.clock, user_id, provider)
        return await services.reader.day(user_id, provider, day, state=states.get(provider))

    async def _fetched(self, user_id: str, provider: str, day: date, *, known: DayAnswer) -> DayAnswer:
        """The day after a fetch, if one may bring it, or if nobody had looked for long; what is known so far when it takes longer."""
        engine, reader = self._services.engine, self._services.reader
        ticket = await ask.wake(engine, user_id, provider) if _is_idle(known, engine) else None
        if ticket is None and not known.has_document:
            ticket = await ask.missing_day(engine, user_id, provider, day)
        if ticket is None:
            return known
        outcome = await ask.watch(engine, ticket, at_most_s=WAIT_S)
        if not outcome.is_done:
            state = "unavailable" if not outcome.has_worker else None if outcome.waits_until else "running"
            return await reader.day(user_id, provider, day, state=state)
        answer = await reader.day(user_id, provider, day)
        return await reader.day(user_id, provider, day, source=f"{provider}_api") if answer.has_document else answer


class Webhooks:
    """A provider's delivery: answered once it is durable."""

    rule = SIGNED

    def __init__(self, services: Services) -> None:
        self._services = services

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        provider = scope["path_params"]["provider"]
        app = self._services.engine.app(provider)
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        body, metrics = await Request(scope, receive).body(), scope["app"].state.metrics
        try:
            with self._services.turns.taken(provider):
                await self._services.receiver.receive(provider, headers, body)
        except WearbaseError as error:
            metrics.note_delivery(provider, error.code)
            raise
        metrics.note_delivery(provider, ACCEPTED)
        await send({"type": "http.response.start", "status": app.provider.webhook_success_status, "headers": []})
        await send({"type": "http.response.body", "body": b""})


class Handshake:
    """The question with which a provider makes sure of an address before it delivers there; the token in it is its signature."""

    rule = SIGNED

    def __init__(self, ask: Asked, token: str | None) -> None:
        self._ask, self._token = ask, token or ""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = self._ask(dict(parse_qsl(scope["query_string"].decode("latin-1"))), self._token)
        await send({"type": "http.response.start", "status": 200, "headers": [JSON, (b"content-length", str(len(body)).encode())]})
        await send({"type": "http.response.body", "body": body})


def routes(services: Services) -> list[Route]:
    """To be registered first: the first that matches is taken."""
    return [
        Route("/api/v1/{provider}/daily-data/{user_id}", DailyData(services), methods=["GET"], include_in_schema=False),
        Route("/v1/webhooks/{provider}", Webhooks(services), methods=["POST"], include_in_schema=False),
        *(
            Route(f"/v1/webhooks/{name}", Handshake(ask, app.credentials.verification_token), methods=["GET"], include_in_schema=False)
            for name, app in services.engine.apps.items()
            if (ask := app.provider.handshake)
        ),
    ]


def _is_idle(answer: DayAnswer, engine: Engine) -> bool:
    return answer.looked_at is not None and answer.looked_at <= engine.clock.now() - engine.idle_after


def _date(query: bytes) -> date | None:
    """The date asked for. Raises InvalidField."""
    if not query:
        return None
    text = query[5:].decode("latin-1") if query.startswith(b"date=") and len(query) == 15 else _named(query)
    if text is None:
        return None
    try:
        if len(text) != 10 or text[4] + text[7] != "--":
            raise ValueError
        return date.fromisoformat(text)
    except ValueError:
        raise InvalidField("date must be YYYY-MM-DD.", field="date") from None


def _named(query: bytes) -> str | None:
    given: Sequence[str] = parse_qs(query.decode("latin-1"), keep_blank_values=True).get("date", [])
    return given[-1] if given else None


async def _send_document(scope: Scope, send: Send, answer: DayAnswer) -> None:
    etag = answer.etag.encode()
    if has_already(scope["headers"], etag):
        await send({"type": "http.response.start", "status": 304, "headers": [(b"etag", etag), KEPT_BY_ITS_READER]})
        return await send({"type": "http.response.body", "body": b""})
    length = (b"content-length", str(len(answer.body)).encode())
    await send({"type": "http.response.start", "status": 200, "headers": [JSON, length, (b"etag", etag), KEPT_BY_ITS_READER]})
    await send({"type": "http.response.body", "body": answer.body})
