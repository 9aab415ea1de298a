"""A wearbase with Oura as its only source, set up by its settings, and an Oura of the tests behind the HTTP client.

It answers as the public documentation says that Oura answers: pages of two, single-use refresh tokens, scopes by 401.
"""

import hmac
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import httpx2
import orjson
import pytest

from wearbase.access.keys import KeyBook
from wearbase.access.redirects import RedirectAllowList
from wearbase.access.tokens import MemberTokens
from wearbase.api.build import create_app
from wearbase.api.given import Services
from wearbase.domain.clock import SteppedClock
from wearbase.domain.combining import Combining
from wearbase.providers.registry import taking_part
from wearbase.read import status
from wearbase.read.days import DayReader
from wearbase.settings import load
from wearbase.store.postgres.database import Database, rows
from wearbase.store.postgres.hints import Hints
from wearbase.store.sealing import KeyRing
from wearbase.sync import connect
from wearbase.sync.connect import Completer, Connected
from wearbase.sync.engine import Engine
from wearbase.sync.receive import Receiver
from wearbase.sync.worker import Worker
from wearbase.transport.gateway import Gateway
from wearbase.transport.grants import Grants
from wearbase.transport.http import Http
from wearbase.web import callback

EXAMPLES = json.loads((Path(__file__).parents[2] / "fixtures/oura/oura-examples.json").read_text())
MEMBER = EXAMPLES["personal_info"]["id"]
NOW = datetime(2026, 5, 14, 12, 0, tzinfo=UTC)
KEY = "environment-key-of-the-tests-0123456789"
SETTINGS = {"OURA_CLIENT_ID": "oura-client", "OURA_CLIENT_SECRET": "oura-client-secret", "OURA_VERIFICATION_TOKEN": "ours"}
WORDS = {
    "readiness": "daily_readiness", "sleep_score": "daily_sleep", "sleep": "sleep", "activity": "daily_activity", "workout": "workout",
    "oxygen": "daily_spo2",
}  # fmt: skip


class Oura:
    """What the tests have in Oura's place."""

    def __init__(self) -> None:
        self.documents = {word: {raw["id"]: raw for raw in EXAMPLES[name].values()} for name, word in WORDS.items()}
        self.scopes = {"daily", "workout", "spo2"}
        self.tells_scopes = False  # the documented token answer does not
        self.pairs = 0
        self.requests: list[str] = []
        self.is_revoked = False

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.requests.append(f"{request.method} {request.url.path}")
        assert request.url.host == "api.ouraring.com"
        if request.url.path == "/oauth/token":
            return self._token({name: values[0] for name, values in parse_qs(request.content.decode()).items()})
        if request.headers["authorization"] != f"Bearer A{self.pairs}":
            return httpx2.Response(401, json={"title": "Invalid Access Token", "error": "invalid_token"})
        if request.url.path == "/oauth/revoke":
            self.is_revoked = request.url.params["access_token"] == f"A{self.pairs}"
            return httpx2.Response(200)
        _, _, _, word, *rest = request.url.path.split("/")
        return self._one(word, rest[0]) if rest else self._listed(word, request.url.params)

    def _token(self, form: dict[str, str]) -> httpx2.Response:
        assert (form["client_id"], form["client_secret"]) == ("oura-client", "oura-client-secret")
        if form.get("refresh_token", f"R{self.pairs}") != f"R{self.pairs}" or form.get("code", "c-1") != "c-1":
            return httpx2.Response(400, json={"status": 400, "error": "invalid_grant"})
        self.pairs += 1
        told = {"scope": " ".join(f"extapi:{scope}" for scope in sorted(self.scopes))} if self.tells_scopes else {}
        pair = {"access_token": f"A{self.pairs}", "refresh_token": f"R{self.pairs}"}
        return httpx2.Response(200, json={**pair, "expires_in": 86_400, "token_type": "bearer", **told})

    def _listed(self, word: str, params: httpx2.QueryParams) -> httpx2.Response:
        if word == "personal_info":
            return httpx2.Response(200, json=EXAMPLES["personal_info"])
        scope = {"workout": "workout", "daily_spo2": "spo2"}.get(word, "daily")
        if scope not in self.scopes:
            return httpx2.Response(401, json={"detail": f"Token is not authorized access {scope} scope."})
        first, last = params["start_date"], params["end_date"]
        found = [d for d in self.documents[word].values() if first < d["day"] <= last]
        at = int(params.get("next_token", "0"))
        return httpx2.Response(200, json={"data": found[at : at + 2], "next_token": str(at + 2) if len(found) > at + 2 else None})

    def _one(self, word: str, document_id: str) -> httpx2.Response:
        found = self.documents[word].get(document_id)
        return httpx2.Response(200, json=found) if found else httpx2.Response(404, json={"detail": "Not Found"})


@dataclass
class World:
    """The parts, and the few things that every test does with them."""

    engine: Engine
    worker: Worker
    reader: DayReader
    receiver: Receiver
    clock: SteppedClock
    oura: Oura
    client: httpx2.AsyncClient

    async def connect(self, user_id: str = "ann") -> Connected:
        started = await connect.begin(self.engine, user_id, "oura")
        assert started.authorization_url.startswith("https://cloud.ouraring.com/oauth/authorize?")
        return await connect.complete(self.engine, started.state, "c-1", by=Completer(is_service=True))

    async def tell(self, event: str, word: str, document_id: str, user_id: str = MEMBER) -> None:
        """One delivery, signed as Oura signs."""
        body = orjson.dumps({"event_type": event, "data_type": word, "object_id": document_id, "user_id": user_id})
        stamp = str(int(self.clock.now().timestamp()))
        signature = hmac.digest(b"oura-client-secret", stamp.encode() + body, "sha256").hex().upper()
        await self.receiver.receive("oura", {"x-oura-signature": signature, "x-oura-timestamp": stamp}, body)

    async def day(self, day: date, user_id: str = "ann") -> dict[str, Any]:
        return orjson.loads((await self.reader.day(user_id, "oura", day)).body)

    async def states(self, user_id: str = "ann") -> dict[str, dict[str, Any]]:
        return (await status.status(self.engine.db, self.clock, user_id, "oura")).resources

    async def rows(self, sql: str, *params: Any) -> list[dict[str, Any]]:
        async with self.engine.db.connection() as tx:
            return await rows(tx, sql, params)

    async def get(self, path: str) -> httpx2.Response:
        return await self.client.get(path, headers={"x-api-key": KEY})


@pytest.fixture
async def world(database_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> AsyncIterator[World]:
    monkeypatch.chdir(tmp_path)
    for name, text in SETTINGS.items():
        monkeypatch.setenv(name, text)
    settings = load(whoop_client_id=None, whoop_client_secret=None, sahha_client_id=None, sahha_client_secret=None)
    clock, db, oura = SteppedClock(NOW), Database(database_url), Oura()
    http = Http(httpx2.MockTransport(oura))
    await db.open()
    try:
        keys, apps = KeyRing([bytes(range(32))]), {app.name: app for app in settings.apps()}
        engine = Engine(
            db=db, clock=clock, keys=keys, apps=apps, gateway=Gateway(db, clock, http, Grants(db, clock, keys, http)), hints=Hints(db),
            combining=Combining.of(taking_part(apps).values()), hold_down=timedelta(0), backfill=timedelta(days=30),
        )  # fmt: skip
        reader = DayReader(db, clock, {name: p.empty_day() for name, p in taking_part(apps).items()})
        receiver = Receiver(engine)
        services = Services(
            engine=engine, reader=reader, receiver=receiver, keys=KeyBook(db, clock, env_secret=KEY, env_scopes=("read", "connect")),
            tokens=MemberTokens(keys.signing_keys, clock), providers=taking_part(apps), public_url="http://127.0.0.1:8000",
            redirects=RedirectAllowList([]), environment="production", version="test",
        )  # fmt: skip
        app = create_app(services, pages=callback.routes(engine))
        transport = httpx2.ASGITransport(app, raise_app_exceptions=True)
        async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000") as client:
            yield World(engine, Worker(engine, slots=1), reader, receiver, clock, oura, client)
    finally:
        await http.close()
        await db.close()
