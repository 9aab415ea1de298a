"""Stopping has an end, whatever is in its way."""

import asyncio
import os
import threading
from pathlib import Path

import pytest
import structlog
import uvicorn

from wearbase.app.http import Server
from wearbase.app.stopping import HardEnd
from wearbase.store.postgres.embedded.account import EmbeddedError, database_account
from wearbase.store.postgres.embedded.cluster import Cluster
from wearbase.store.postgres.embedded.server import EmbeddedPostgres


@pytest.fixture
def exits(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    codes: list[int] = []
    monkeypatch.setattr(os, "_exit", codes.append)
    return codes


def run_out(end: HardEnd) -> None:
    assert end._timer is not None
    end._timer.join(5)


def test_a_process_that_does_not_stop_is_ended_and_says_so(exits: list[int]) -> None:
    end = HardEnd(0.05)
    with structlog.testing.capture_logs() as logs:
        end.begin()
        end.begin()  # a second signal does not start the time anew
        run_out(end)
    assert exits == [1]
    assert [(entry["event"], entry["log_level"]) for entry in logs] == [("did not stop in time: ended hard", "critical")]


def test_a_process_that_has_stopped_is_left_alone(exits: list[int]) -> None:
    end = HardEnd(0.2)
    end.begin()
    timer = end._timer
    end.cancel()
    assert timer is not None
    timer.join(5)
    assert exits == []
    assert timer not in threading.enumerate()


async def test_a_server_that_does_not_come_up_is_not_waited_for() -> None:
    async def broken() -> None:
        raise KeyError("never started")

    server = Server(uvicorn.Config(lambda: None))
    async with asyncio.timeout(5):
        with pytest.raises(KeyError):
            await server.until_answering(asyncio.create_task(broken()))


def test_a_start_of_the_database_under_way_is_broken_off_when_nobody_waits_for_it(tmp_path: Path) -> None:
    database = EmbeddedPostgres(tmp_path)
    database._leaving.set()
    with pytest.raises(EmbeddedError):
        database._bring_up(Cluster(tmp_path, database_account(), {}))
    assert not any(tmp_path.iterdir())
