"""A member with something in every table, and what would tell of them anywhere."""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from tests.integration.api.conftest import Service, serving
from tests.integration.api.test_sessions import Browser, link_for
from tests.integration.harness import Bench, bench
from wearbase.domain.records import Unmappable
from wearbase.store import connections, records
from wearbase.store.postgres.database import rows, run
from wearbase.sync import connect, join

ANN, BOB = "member.ann-7f3c", "member.bob-21d9"
SAHHA_ID = "5f1d8c1e-0a7b-4c55-9d3e-anns-account"


@dataclass
class Life:
    """What is known of the member, before anything is erased."""

    service: Service
    account: int
    needles: set[str] = field(default_factory=set)

    @property
    def world(self) -> Bench:
        return self.service.world

    async def tables(self) -> dict[str, set[str]]:
        """Every table with its columns."""
        found = await self.world.rows(
            """select table_name as t, column_name as c from information_schema.columns
                where table_schema = 'wearbase' and table_name in (select tablename from pg_tables where schemaname = 'wearbase')"""
        )
        tables: dict[str, set[str]] = {}
        for row in found:
            tables.setdefault(row["t"], set()).add(row["c"])
        return tables

    async def of_ann(self, table: str) -> list[dict[str, Any]]:
        return await self.world.rows(f"select * from wearbase.{table} where user_id = %s", ANN)

    async def found_in(self) -> dict[str, str]:
        """Tables of which a row, all its columns as text, holds one of the needles; and which."""
        found: dict[str, str] = {}
        for table in await self.tables():
            async with self.world.engine.db.connection() as tx:
                text = "\n".join(row["it"] for row in await rows(tx, f"select t::text as it from wearbase.{table} t"))
            if needle := self.told_by(text):
                found[table] = needle
        return found

    def told_by(self, text: str) -> str | None:
        """A needle that the text holds, as it is or as bytes are shown."""
        for needle in self.needles:
            if re.search(rf"(?<![0-9A-Za-z]){re.escape(needle)}(?![0-9A-Za-z])", text) or needle.encode().hex() in text:
                return needle
        return None

    async def remember(self) -> None:
        """Every id and secret of the member that is stored now, or stands behind what is stored."""
        self.needles = {ANN, SAHHA_ID, str(self.account)}
        keys = self.world.engine.keys
        for row in await self.of_ann("connection"):
            for kind in ("access", "refresh"):
                if sealed := row[f"{kind}_token"]:
                    self.needles |= {keys.open(sealed, user_id=ANN, provider=row["provider"], kind=kind), sealed.hex()}
        for table in ("record", "parked_record", "delivery"):
            self.needles |= {row["external_id"] for row in await self.of_ann(table) if len(row["external_id"] or "") >= 8}
        self.needles |= {row["secret_hash"].hex() for row in await self.of_ann("member_session")}
        self.needles |= {row["link_hash"].hex() for row in await self.of_ann("sign_in_link")}

    async def erase(self) -> dict[str, Any]:
        answer = await self.service.delete(f"/api/v1/users/{ANN}", headers=await self.service.key("erase"))
        assert answer.status_code == 200, answer.text
        await self.world.work()  # what is told to the provider is told
        return answer.json()


async def lived(service: Service) -> Life:
    """Connected to both sources, read, told by webhooks, signed in, with a consent under way and something that was not understood."""
    world = service.world
    account = await service.connected(ANN, 0)
    await service.connected(BOB, 1)
    life = Life(service, account)
    profile = {"external_id": SAHHA_ID, "user_id": 1}
    assert (await world.sim.post("/control/sahha/profiles", json=profile)).status_code == 200
    await join.join(world.engine, ANN, "sahha", external_id=SAHHA_ID, consent_version="terms-3")
    await world.work()
    await world.event(account, "workout")
    await world.deliver()
    await world.work()
    ann = Browser(service)
    await ann.sign_in(await link_for(service, ANN))
    await link_for(service, ANN)
    await service.call("PUT", f"/api/v1/users/{ANN}/preferences", json={"units": {"energy": "kj"}})
    await service.get(f"/api/v1/whoop/daily-data/{ANN}")
    await service.services.readers.close()
    await connect.begin(world.engine, ANN, "whoop")
    now = world.clock.now()
    async with world.engine.db.transaction() as tx:
        connection = await connections.get(tx, ANN, "whoop")
        assert connection is not None
        item = Unmappable("sleep", "strange-sleep-of-ann", "strange", {"id": "strange-sleep-of-ann", "n": 1e20})
        await records.park(tx, connection, [item], now=now)
        await run(
            tx,
            """insert into wearbase.copy_turn (user_id, provider, start_day, end_day, turn, asked_at, again_at)
               values (%s, 'elsewhere', '2026-11-01', '2026-11-02', gen_random_uuid(), %s, %s)""",
            (ANN, now, now + timedelta(minutes=1)),
        )
    return life


@pytest.fixture
async def life(database_url: str) -> AsyncIterator[Life]:
    async with bench(database_url, days=6, backfill_days=10, has_sahha=True) as world, serving(world) as service:
        yield await lived(service)
