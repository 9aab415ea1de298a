"""A storm notices what is broken on purpose: each law can fail."""

from typing import Any

import pytest

from tests.integration.storm.driver import Storm
from wearbase.providers.whoop import client
from wearbase.store import connections
from wearbase.store.deliveries import Incoming
from wearbase.sync.visits import visit
from wearbase.transport.gateway import Gateway


async def _always(*given: Any, **named: Any) -> bool:
    return True


async def _never(*given: Any, **named: Any) -> None:
    return None


async def test_calls_beyond_the_ceiling(weather: Storm, monkeypatch: pytest.MonkeyPatch) -> None:
    weather.per_minute = 6
    weather.bench.limit(per_minute=6)
    monkeypatch.setattr(Gateway, "_reserve", _always)
    await weather.connect("ann")
    with pytest.raises(AssertionError, match="calls in the minute"):
        await weather.work()


async def test_a_late_worker_that_stores(weather: Storm, monkeypatch: pytest.MonkeyPatch) -> None:
    await weather.connect("ann")
    await weather.work()
    await weather.stir()
    monkeypatch.setattr(connections, "holds", _always)
    with pytest.raises(AssertionError, match="after it had lost its lease"):
        await weather.stall(1, 61)


async def test_a_failure_that_says_success(weather: Storm, monkeypatch: pytest.MonkeyPatch) -> None:
    await weather.connect("ann")
    await weather.work()
    real = client._json_object
    monkeypatch.setattr(client, "_json_object", lambda response: {**real(response), "records": real(response).get("records") or []})
    weather.spoil("no_records", 4)
    await weather.step(1)
    await weather.stir()
    with pytest.raises(AssertionError, match="says success"):
        await weather.work()


async def test_a_deletion_that_nobody_tells_and_nobody_looks_for(weather: Storm, monkeypatch: pytest.MonkeyPatch) -> None:
    await weather.connect("ann")
    await weather.work()
    monkeypatch.setattr(visit, "check_absent", _never)
    await weather.event("ann", "workout")
    await weather.deliver()
    await weather.work()
    await weather.event("ann", "delete", resource="workout", nth=0)
    with pytest.raises(AssertionError, match="deleted there, kept here"):
        await weather.subside()


async def test_a_second_change_of_an_old_record_taken_for_a_repetition(weather: Storm, monkeypatch: pytest.MonkeyPatch) -> None:
    await weather.connect("ann")
    await weather.work()
    monkeypatch.setattr(Incoming, "dedup_key", property(lambda notice: notice.external_id.encode()))
    for _ in range(2):
        await weather.event("ann", "rescore", resource="workout", nth=6)
        await weather.deliver()
        await weather.work()
    with pytest.raises(AssertionError, match=r"ann .*, workout"):
        await weather.subside()
