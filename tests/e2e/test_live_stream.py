"""An open page at one process is told what a worker in another has stored."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx2
import pytest

from tests.e2e.fleet import Fleet, Part, fleet
from tests.e2e.processes import KEY, wait_for

SIM = ("--days", "10", "--quota-minute", "1000", "--quota-day", "100000", "--members", "2")
SETTINGS = {"BACKFILL_DAYS": "5", "HOLD_DOWN": "0", "RATE_LIMIT_PER_MINUTE": "1000"}


@pytest.fixture(scope="module")
def running(module_database_url: str) -> Iterator[Fleet]:
    with fleet(module_database_url, module_database_url, SIM, SETTINGS) as made:
        made.start()
        made.apis[0].connect("ann", made.sim.account(0), made.sim)
        idle = "select count(*) = 4 from wearbase.sync_state where last_success_at is not null and backfill_due_at is null"
        wait_for(lambda: made.ask(idle), "the history is stored")
        yield made


@contextmanager
def listening(part: Part, user_id: str) -> Iterator[list[tuple[str, Any]]]:
    """The events that come; the stream's end is an event, too."""
    came: list[tuple[str, Any]] = []

    def read() -> None:
        try:
            with client.stream("GET", f"/api/v1/stream/{user_id}") as answer:
                name = ""
                for line in answer.iter_lines():
                    if line.startswith("event: "):
                        name = line.removeprefix("event: ")
                    elif line.startswith("data: "):
                        came.append((name, json.loads(line.removeprefix("data: "))))
                came.append(("end", None))
        except httpx2.HTTPError:
            came.append(("broken", None))

    with httpx2.Client(base_url=part.url, headers={"x-api-key": KEY}, timeout=30) as client:
        thread = threading.Thread(target=read, daemon=True)
        thread.start()
        wait_for(lambda: any(name == "connection" for name, _ in came), "the stream has begun")
        yield came


def newest(made: Fleet, came: list[tuple[str, Any]]) -> bool:
    """Whether the last day that was told has the revision that is stored."""
    told = [data for name, data in came if name == "day"]
    return bool(told) and told[-1]["revision"] == made.ask("select revision from wearbase.day_document where day = %s", told[-1]["day"])


def test_what_a_worker_stores_is_told_by_every_api(running: Fleet) -> None:
    with listening(running.apis[0], "ann") as here, listening(running.apis[1], "ann") as there:
        answer = running.sim.control.post(f"/control/members/{running.sim.account(0)}/events", json={"event": "workout", "wait": True})
        assert answer.status_code == 200
        for came in (here, there):
            wait_for(lambda came=came: newest(running, came), "the day was told as it is stored now", patience_s=15)


def test_stopping_an_api_ends_its_streams_in_order(running: Fleet) -> None:
    with listening(running.apis[1], "ann") as came:
        assert running.apis[1].stop() == 0
        wait_for(lambda: came[-1][0] == "end", "the stream was ended, not cut")
