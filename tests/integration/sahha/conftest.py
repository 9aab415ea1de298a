"""A wearbase with Sahha as its second source, for each test."""

import asyncio
import hashlib
import hmac
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import date
from typing import Any

import orjson
import pytest

from tests.integration.harness import SAHHA_SECRET, Bench, bench
from wearbase.domain.errors import Refused
from wearbase.store import connections
from wearbase.store.connections import Connection
from wearbase.sync.join import Joined, join

ANN = "u-7f0c2a4e-0001"


@dataclass
class Sahha:
    """What every test does with the second source."""

    world: Bench

    async def profile(self, external_id: str, **more: Any) -> None:
        """A profile that is there before anybody joins."""
        answer = await self.world.sim.post("/control/sahha/profiles", json={"external_id": external_id, "user_id": 1, **more})
        assert answer.status_code == 200, answer.text

    async def join(self, user_id: str = "ann", external_id: str | None = ANN) -> Joined:
        return await join(self.world.engine, user_id, "sahha", external_id=external_id)

    async def settled(self, user_id: str = "ann", external_id: str = ANN, **more: Any) -> None:
        """A member with a profile, joined, everything brought; two minutes later."""
        await self.profile(external_id, **more)
        await self.join(user_id, external_id)
        await self.world.work()
        await self.world.step(minutes=2, webhooks=False)
        self.world.sahha_deliveries.clear()

    async def push(self, external_id: str = ANN) -> int:
        """Sahha tells a profile's day now; how many events that is."""
        answer = await self.world.sim.post("/control/sahha/push", json={"external_id": external_id, "wait": True})
        await asyncio.sleep(0)
        return answer.json()["events"]

    async def deliver(self) -> list[str]:
        """Hands over what Sahha has sent; the code of each that was refused."""
        waiting, refused = list(self.world.sahha_deliveries), []
        self.world.sahha_deliveries.clear()
        for headers, body in waiting:
            try:
                await self.world.receiver.receive("sahha", headers, body)
            except Refused as error:
                refused.append(error.code)
        return refused

    async def tell(self, body: Any, **headers: str) -> None:
        """One delivery, signed as Sahha signs."""
        raw = orjson.dumps(body)
        signature = hmac.digest(SAHHA_SECRET.encode(), raw, hashlib.sha256).hex()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        await self.world.receiver.receive("sahha", {"x-signature": signature, **named}, raw)

    async def inbox(self) -> dict[tuple[str, str | None], int]:
        found = await self.world.rows("select state, reason, count(*) as n from wearbase.delivery where provider = 'sahha' group by 1, 2")
        return {(f["state"], f["reason"]): f["n"] for f in found}

    async def values(self, resource: str, user_id: str = "ann") -> dict[str, dict[str, Any]]:
        """The stored values by natural key."""
        found = await self.world.rows(
            "select external_id, mapped from wearbase.record where user_id = %s and provider = 'sahha' and resource = %s", user_id, resource
        )
        return {f["external_id"]: f["mapped"] for f in found}

    async def states(self, user_id: str = "ann") -> dict[str, dict[str, Any]]:
        found = await self.world.rows("select * from wearbase.sync_state where provider = 'sahha' and user_id = %s", user_id)
        return {f["resource"]: f for f in found}

    async def connection(self, user_id: str = "ann") -> Connection | None:
        async with self.world.engine.db.connection() as tx:
            return await connections.get(tx, user_id, "sahha")

    async def column(self, name: str) -> Any:
        return (await self.world.rows(f"select {name} as it from wearbase.connection where provider = 'sahha'"))[0]["it"]

    async def day(self, day: date, user_id: str = "ann") -> dict[str, Any]:
        return orjson.loads((await self.world.reader.day(user_id, "sahha", day)).body)

    async def paths(self) -> list[str]:
        """Every call that Sahha was sent, newest last."""
        return self.asked

    def watch(self) -> None:
        """Takes note of every call from now on."""
        self.asked: list[str] = []

        async def meddle(request: Any, cloud: Any) -> Any:
            self.asked.append(f"{request.method} {request.url.path.removeprefix('/sahha/sandbox/api/v1')}")
            return await cloud(request)

        self.world.wire.meddle = meddle


@pytest.fixture
async def sahha(database_url: str) -> AsyncIterator[Sahha]:
    async with bench(database_url, days=40, has_sahha=True) as world:
        yield Sahha(world)
