"""A whole service with every source, and everybody who might call it: services, members, operators, and who only pretends to be."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import httpx2

from tests.integration.access.provider import AUDIENCE, ISSUER, Provider
from tests.integration.api.conftest import BASE, SCOPES, Service, serving
from tests.integration.harness import bench
from wearbase.access.identity import IdentityTokens
from wearbase.access.keyset import KeySet
from wearbase.domain.provider import Credentials
from wearbase.providers.registry import PROVIDERS
from wearbase.sync.receive import Receiver
from wearbase.transport.apps import App
from wearbase.transport.http import Http

Headers = dict[str, str]
FROM_APP = {"x-wearbase": "app", "origin": BASE}
OURA_SECRET, OURA_TOKEN = "oura-client-secret", "oura-verification-token"


@dataclass
class Arena:
    """The service, and the headers with which each kind of caller comes."""

    service: Service
    provider: Provider
    keys: dict[str, str] = field(default_factory=dict)

    @property
    def app(self) -> Any:
        return self.service.app

    async def key(self, *scopes: str) -> Headers:
        return await self.service.key(*scopes)

    def token(self, user_id: str, minutes: float = 15, *, by: Sequence[str] = ()) -> Headers:
        """A member's token; made by a service key with these scopes, if any are named."""
        return self.service.token(user_id, minutes, by=by)

    async def token_of_a_revoked_key(self, user_id: str) -> Headers:
        """It was made before the key was revoked, and would still be good."""
        book = self.service.services.keys
        made = await book.create("stolen", SCOPES)
        answer = await self.call("POST", f"/api/v1/users/{user_id}/token", {"x-api-key": made.secret})
        await book.revoke(made.stored.prefix)
        return {"authorization": f"Bearer {answer.json()['token']}"}

    def identity(self, user_id: str, **claims: Any) -> Headers:
        """A token of the app's identity provider, fresh from a sign-in."""
        at = int(self.service.world.clock.now().timestamp())
        return {"authorization": f"Bearer {self.provider.token(user_id, **{'auth_time': at, **claims})}"}

    async def session(self, user_id: str) -> Headers:
        """The cookie of a browser that has just signed in."""
        sessions = self.service.services.sessions
        kept = await sessions.begin((await sessions.make_link(user_id, made_by="test")).secret)
        return {"cookie": f"wearbase={kept.cookie}"}

    async def operator(self, *scopes: str) -> Headers:
        """The cookie of an operator who has just signed in."""
        secret = (await self.key(*(scopes or ("ops",))))["x-api-key"]
        return {"cookie": f"wearbase_ops={(await self.service.services.operators.begin(secret)).token}"}

    async def ended_keys(self) -> tuple[Headers, Headers]:
        """A key whose time is over, and one that was revoked."""
        book, clock = self.service.services.keys, self.service.world.clock
        over = await book.create("over", SCOPES, clock.now() + timedelta(seconds=1))
        revoked = await book.create("revoked", SCOPES)
        await book.revoke(revoked.stored.prefix)
        clock.advance(timedelta(seconds=1))
        return {"x-api-key": over.secret}, {"x-api-key": revoked.secret}

    async def call(self, method: str, path: str, headers: Headers, body: Any = None) -> httpx2.Response:
        """The answer; of one that stays open, its beginning."""
        if "/stream" in path:
            parts = urlsplit(path)
            return await self.raw(method, parts.path, parts.query.encode(), [(n.encode(), v.encode()) for n, v in headers.items()])
        self.service.client.cookies.clear()  # what an answer before had the browser keep
        return await self.service.client.request(method, path, headers=headers, json=body)

    async def raw(
        self, method: str, path: str, query: bytes = b"", headers: Sequence[tuple[bytes, bytes]] = (), body: bytes = b""
    ) -> httpx2.Response:
        """The answer to what no client would send; of one that stays open, its beginning."""
        scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "scheme": "http", "path": path,
            "raw_path": path.encode(), "query_string": query, "root_path": "", "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 8000),
            "headers": [(b"host", b"127.0.0.1:8000"), *((name.lower(), value) for name, value in headers)],
        }  # fmt: skip
        told: dict[str, Any] = {}
        begun, is_sent = asyncio.Event(), False

        async def receive() -> Any:
            nonlocal is_sent
            if is_sent:
                await begun.wait()
                return {"type": "http.disconnect"}
            is_sent = True
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Any) -> None:
            told.update({name: value for name, value in message.items() if name in ("status", "headers")})
            told["body"] = told.get("body", b"") + message.get("body", b"")
            if message["type"] == "http.response.body":
                begun.set()

        task = asyncio.create_task(self.app(scope, receive, send))
        async with asyncio.timeout(20):
            await asyncio.wait([task, asyncio.create_task(begun.wait())], return_when=asyncio.FIRST_COMPLETED)
        if "/stream" in path:
            task.cancel()
        await asyncio.wait([task])
        if not task.cancelled():
            task.result()
        return httpx2.Response(told["status"], headers=told["headers"], content=told["body"])


@asynccontextmanager
async def arena(database_url: str) -> AsyncIterator[Arena]:
    """With WHOOP, Sahha and Oura, and an identity provider whose keys are at hand."""
    async with bench(database_url, has_sahha=True, days=10, backfill_days=7) as world:
        oura = Credentials(
            client_id="oura-client", client_secret=OURA_SECRET, api_url="http://oura.test", oauth_url="http://oura.test/oauth",
            verification_token=OURA_TOKEN,
        )  # fmt: skip
        redirect = f"{BASE}/auth/oura/callback"
        assert isinstance(world.engine.apps, dict)
        world.engine.apps["oura"] = App(
            provider=PROVIDERS["oura"], credentials=oura, redirect_uris=(redirect,), per_minute=1_000, per_day=10_000
        )
        world.receiver = Receiver(world.engine)
        provider = Provider(world.clock)
        keys = KeySet("https://auth.example/keys", Http(httpx2.MockTransport(lambda _: httpx2.Response(200, content=provider.body))))
        identity = IdentityTokens(keys, issuer=ISSUER, audiences=[AUDIENCE], claim="sub", clock=world.clock)
        async with serving(world, identity=identity) as service:
            yield Arena(service, provider)
        await keys.close()
