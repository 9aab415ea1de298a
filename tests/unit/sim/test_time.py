"""Steps: to the next morning, to what comes next, to a time on a member's clock."""

from typing import Any

import httpx2
import pytest

from tests.unit.sim.harness import CONTROL, Sim
from tests.unit.sim.test_webhooks import URL, Receiver
from wearbase_sim.clock import parse_ms

EVENING = "2026-11-21T03:00:00Z"  # ten in the evening in New York


async def hooked(receiver: Receiver, **values: Any) -> Sim:
    sim = Sim(transport=httpx2.MockTransport(receiver), webhook_url=(URL,), now=EVENING, **values)
    await sim.connect()
    return sim


async def test_the_next_morning_comes_in_a_believable_order() -> None:
    receiver = Receiver()
    sim = await hooked(receiver)
    before = (await sim.truth("cycle"))[0]
    moved = await sim.control("POST", "/step", to="next-morning")
    told = [event["type"] for event in receiver.events]
    assert told == ["sleep.updated", "sleep.updated", "recovery.updated"]
    first, second = (int(request.headers["x-whoop-signature-timestamp"]) for request in receiver.requests[:2])
    assert second - first == 40_000
    cycle, closed = (await sim.truth("cycle"))[:2]
    sleep, recovery = (await sim.truth("sleep"))[0], (await sim.truth("recovery"))[0]
    assert (closed["id"], closed["end"]) == (before["id"], cycle["start"])
    assert (sleep["cycle_id"], recovery["sleep_id"]) == (cycle["id"], sleep["id"])
    assert parse_ms(sleep["created_at"]) == first
    assert parse_ms(sleep["updated_at"]) == second == parse_ms(recovery["updated_at"])
    assert {each["score_state"] for each in (cycle, sleep, recovery)} == {"SCORED"}
    assert len(moved["deliveries"]) == 3


async def test_in_between_the_night_has_no_score() -> None:
    sim = await hooked(Receiver())
    seen: list[tuple[str, str]] = []
    await sim.control("POST", "/faults", name="pending-first", delay_s=600)
    while len(seen) < 2:
        await sim.control("POST", "/step", to="next-event")
        newest = (await sim.truth("sleep"))[0]
        seen += [(newest["score_state"], (await sim.truth("recovery"))[0]["score_state"])] if newest["created_at"] > EVENING else []
    assert seen == [("PENDING_SCORE", "PENDING_SCORE"), ("SCORED", "SCORED")]


async def test_the_morning_of_a_member_without_a_grant_comes_quietly() -> None:
    receiver = Receiver()
    sim = Sim(transport=httpx2.MockTransport(receiver), webhook_url=(URL,), now=EVENING)
    count = len(await sim.truth("sleep", member=2))
    await sim.control("POST", "/step", to="next-morning", user_id=2)
    assert len(await sim.truth("sleep", member=2)) == count + 1
    assert receiver.requests == []


async def test_a_morning_can_come_scored() -> None:
    receiver = Receiver()
    sim = await hooked(receiver)
    await sim.control("POST", "/step", to="next-morning", scoring_s=0)
    assert [event["type"] for event in receiver.events] == ["sleep.updated", "recovery.updated"]


async def test_ten_mornings_in_a_row() -> None:
    sim = await hooked(Receiver())
    count = len(await sim.truth("recovery"))
    for _ in range(10):
        await sim.control("POST", "/step", to="next-morning")
    assert len(await sim.truth("recovery")) == count + 10


@pytest.mark.parametrize(
    ("to", "now"),
    [
        ("23:15", "2026-11-21T04:15:00.000Z"),
        ("07:00", "2026-11-21T12:00:00.000Z"),
        ("21:00", "2026-11-22T02:00:00.000Z"),
        ("1d 07:00", "2026-11-22T12:00:00.000Z"),
        ("+01:30", "2026-11-21T04:30:00.000Z"),
        ("+1d 00:00", "2026-11-22T03:00:00.000Z"),
    ],
)
async def test_a_time_on_the_members_clock(to: str, now: str) -> None:
    assert (await (await hooked(Receiver())).control("POST", "/step", to=to))["now"] == now


@pytest.mark.parametrize("body", [{}, {"to": "soon"}, {"to": "next-morning", "user_id": 99}, {"to": "end"}, {"to": "next-event"}])
async def test_steps_that_lead_nowhere(body: dict[str, Any]) -> None:
    answer = await Sim().http.post("/control/step", json=body, headers=CONTROL)
    assert answer.status_code in (400, 404, 409)
    assert answer.json()["error"]


async def test_retries_come_at_their_own_times_on_the_way() -> None:
    receiver = Receiver(503, 503, 503)
    sim = await hooked(receiver)
    began = sim.now_ms()
    await sim.event("workout", wait=True)
    await sim.control("POST", "/step", to="+01:00")
    sent = [int(request.headers["x-whoop-signature-timestamp"]) - began for request in receiver.requests]
    assert sent == [0, 60_000, 240_000, 600_000]
