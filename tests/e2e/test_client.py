"""The Python client against the running service."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import pytest

from tests.e2e.processes import KEY, Cloud, Home, approve, cloud, home, pointed_at, wait_for
from wearbase_client import AsyncClient, Client, Conflict, Invalid, Unauthorized

TODAY = datetime.now(UTC).date()


@pytest.fixture(scope="module")
def running() -> Iterator[tuple[Home, Cloud]]:
    settings = {"BACKFILL_DAYS": "40", "HOLD_DOWN": "0", "RATE_LIMIT_PER_MINUTE": "1000"}
    with home(**settings) as place, cloud(place.url, "--days", "30", "--quota-minute", "1000") as sim:
        place.environment |= pointed_at(sim)
        place.start()
        yield place, sim


def test_a_member_is_connected_read_and_synced(running: tuple[Home, Cloud]) -> None:
    place, sim = running
    with Client(place.url, api_key=KEY) as client:
        started = client.connect("ann")
        assert started.expires_in_s == 300
        assert started.authorization_url is not None
        assert started.state is not None
        code = approve(started.authorization_url, sim.account())
        client.connect_with_code(code, started.state)
        wait_for(lambda: all(r.state == "idle" for r in client.sync_status("ann").resources.values()), "history is stored")
        assert len(list(client.fetch_cycles("ann", *month()))) == len(sim.truth(sim.account(), "cycle"))
        nights = [s for s in client.fetch_sleep("ann", *month()) if s.asleep_s]
        assert nights
        assert all(3 * 3600 < night.asleep_s < 14 * 3600 for night in nights[:5] if night.asleep_s)
        recovery = next(iter(client.fetch_recovery("ann", *month())))
        today = client.daily_data("ann", TODAY - timedelta(days=1))
        assert today.user_id == "ann"
        assert recovery.hrv_rmssd_ms is not None
        assert client.days("ann", TODAY - timedelta(days=6), TODAY)
        synced = client.sync("ann", data_types=["workout"])
        assert synced.is_complete
        assert synced.total_api_calls == 1


def test_the_async_client_says_the_same(running: tuple[Home, Cloud]) -> None:
    place, sim = running
    if place.status("bob")["state"] == "not_connected":
        place.connect("bob", sim.account(1), sim)
    with Client(place.url, api_key=KEY) as client:
        wait_for(lambda: all(r.state == "idle" for r in client.sync_status("bob").resources.values()), "history is stored")
        expected = list(client.fetch_workouts("bob", *month()))

    async def fetch() -> list:
        async with AsyncClient(place.url, api_key=KEY) as client:
            return [workout async for workout in client.fetch_workouts("bob", *month())]

    assert asyncio.run(fetch()) == expected


def test_refusals_have_names(running: tuple[Home, Cloud]) -> None:
    place, _ = running
    with Client(place.url, api_key="wrong" * 6) as client, pytest.raises(Unauthorized):
        client.sync_status("ann")
    with Client(place.url, api_key=KEY) as client:
        with pytest.raises(Invalid) as refused:
            client.connect("ann", redirect_url="https://elsewhere.example/")
        assert refused.value.field == "redirect_url"
        with pytest.raises(Conflict):
            client.sync("nobody-yet")


def month() -> tuple[date, date]:
    return TODAY - timedelta(days=60), TODAY + timedelta(days=1)
