"""What a person can do to a member's records, and what the app then sees."""

from itertools import pairwise
from typing import Any

import pytest

from tests.unit.sim.harness import CONTROL, Sim, problems, span
from wearbase_sim.clock import parse_ms

BEFORE_DAWN = "2026-11-21T10:30:00Z"  # half past five in New York: member 1 is asleep


def kinds(answer: dict[str, Any]) -> list[str]:
    return sorted(change["resource"] for change in answer["changed"])


async def find(sim: Sim, resource: str, key: str | int) -> dict[str, Any]:
    field = "sleep_id" if resource == "recovery" else "id"
    return next(each for each in await sim.truth(resource) if each[field] == key)


async def all_hold(sim: Sim) -> None:
    """The invariants that edits must keep."""
    cycles = await sim.truth("cycle")
    for newer, older in pairwise(cycles):
        assert older["end"] == newer["start"]
    starts = {cycle["id"]: cycle["start"] for cycle in cycles}
    for sleep in await sim.truth("sleep"):
        start_ms, end_ms = span(sleep)
        assert end_ms is not None
        if sleep["score"]:
            assert sleep["score"]["stage_summary"]["total_in_bed_time_milli"] == end_ms - start_ms
        assert sleep["nap"] or starts.get(sleep["cycle_id"], sleep["start"]) == sleep["start"]
    for workout in await sim.truth("workout"):
        start_ms, end_ms = span(workout)
        assert end_ms is not None
        if workout["score"]:
            recorded = (end_ms - start_ms) * workout["score"]["percent_recorded"]
            assert abs(sum(workout["score"]["zone_durations"].values()) - recorded) <= 1
    for resource in ("cycle", "recovery", "sleep", "workout"):
        assert all(problems(resource.title(), record) == [] for record in await sim.truth(resource))


async def test_a_workout_ends_now_and_strains_the_day() -> None:
    sim = Sim()
    before = (await sim.truth("cycle"))[0]
    answer = await sim.event("workout", sport="running", minutes=40)
    made = (await sim.truth("workout"))[0]
    assert answer["changed"] == [{"resource": "workout", "id": made["id"]}, {"resource": "cycle", "id": before["id"]}]
    assert (made["sport_name"], made["sport_id"], parse_ms(made["end"])) == ("running", 0, sim.now_ms())
    after = (await sim.truth("cycle"))[0]
    assert after["score"]["strain"] > before["score"]["strain"]
    assert after["updated_at"] >= made["updated_at"]
    await all_hold(sim)


async def test_a_nap_belongs_to_the_running_cycle() -> None:
    sim = Sim()
    await sim.event("nap", minutes=25)
    made = (await sim.truth("sleep"))[0]
    assert (made["nap"], made["cycle_id"]) == (True, (await sim.truth("cycle"))[0]["id"])
    await all_hold(sim)


async def test_waking_ends_the_night_now() -> None:
    sim = Sim(now=BEFORE_DAWN)
    open_before = (await sim.truth("cycle"))[0]
    answer = await sim.event("wake")
    assert kinds(answer) == ["cycle", "cycle", "recovery", "sleep"]
    cycle, closed = (await sim.truth("cycle"))[:2]
    sleep, recovery = (await sim.truth("sleep"))[0], (await sim.truth("recovery"))[0]
    assert closed["id"] == open_before["id"]
    assert closed["end"] == cycle["start"] == sleep["start"]
    assert (parse_ms(sleep["end"]), cycle["end"]) == (sim.now_ms(), None)
    assert (recovery["cycle_id"], recovery["sleep_id"]) == (cycle["id"], sleep["id"])
    await all_hold(sim)
    count = len(await sim.truth("cycle"))
    await sim.advance(4 * 3600)
    assert len(await sim.truth("cycle")) == count, "the same night does not come twice"


async def test_a_recovery_may_lag_behind_its_night() -> None:
    sim = Sim(now=BEFORE_DAWN, recovery_delay_s=90)
    token = (await sim.connect())["access_token"]
    await sim.event("wake")
    path = f"/v2/cycle/{(await sim.truth('cycle'))[0]['id']}/recovery"
    assert (await sim.get(path, token)).status_code == 404
    await sim.advance(90)
    assert (await sim.get(path, token)).status_code == 200


async def test_waking_by_day_adds_a_cycle_and_the_next_night_comes_as_ever() -> None:
    sim = Sim(now="2026-11-21T20:00:00Z")
    count = len(await sim.truth("cycle"))
    await sim.event("wake")
    assert len(await sim.truth("cycle")) == count + 1
    await all_hold(sim)
    await sim.advance(86_400)
    assert len(await sim.truth("cycle")) == count + 2
    await all_hold(sim)


async def test_a_member_who_has_just_got_up_cannot_wake_again() -> None:
    sim = Sim(now=BEFORE_DAWN)
    await sim.event("wake")
    answer = await sim.http.post("/control/members/1/events", json={"event": "wake"}, headers=CONTROL)
    assert answer.status_code == 409
    await sim.advance(1900)
    await sim.event("wake")
    await all_hold(sim)


async def test_pending_first_scored_later() -> None:
    sim = Sim(now=BEFORE_DAWN)
    await sim.event("wake", pending=True)
    for resource in ("cycle", "sleep", "recovery"):
        record = (await sim.truth(resource))[0]
        assert (record["score_state"], record["score"]) == ("PENDING_SCORE", None)
    pending = (await sim.truth("sleep"))[0]
    answer = await sim.event("score")
    assert kinds(answer) == ["recovery", "sleep"]
    scored = (await sim.truth("sleep"))[0]
    assert (scored["id"], scored["score_state"], scored["created_at"]) == (pending["id"], "SCORED", pending["created_at"])
    assert scored["updated_at"] > pending["updated_at"]
    assert (await sim.truth("cycle"))[0]["score_state"] == "SCORED"
    await all_hold(sim)


@pytest.mark.parametrize("resource", ["recovery", "sleep", "workout", "cycle"])
async def test_rescoring_changes_values_under_the_same_id(resource: str) -> None:
    sim = Sim()
    field = "cycle_id" if resource == "recovery" else "id"
    newest = next(each for each in await sim.truth(resource) if each["score_state"] == "SCORED" and not each.get("nap"))
    await sim.event("rescore", resource=resource, record_id=str(newest.get("sleep_id", newest.get("id"))))
    after = next(each for each in await sim.truth(resource) if each[field] == newest[field])
    assert after["updated_at"] > newest["updated_at"] or resource == "cycle"
    assert after["score"] != newest["score"]
    assert after["created_at"] == newest["created_at"]
    await all_hold(sim)


async def test_a_late_correction_is_found_in_its_old_window_only() -> None:
    sim = Sim()
    token = (await sim.connect())["access_token"]
    old = (await sim.truth("recovery"))[30]
    night = await find(sim, "sleep", old["sleep_id"])
    await sim.event("rescore", resource="recovery", record_id=old["sleep_id"], webhooks=False)
    recent = (await sim.get("/v2/recovery", token, start="2026-11-18T00:00:00Z")).json()["records"]
    assert old["sleep_id"] not in [each["sleep_id"] for each in recent]
    there = (await sim.get("/v2/recovery", token, start=night["start"], end=night["end"])).json()["records"]
    assert there[0]["score"] != old["score"]


async def test_an_extended_night_keeps_its_id() -> None:
    sim = Sim()
    before, recovery = (await sim.truth("sleep"))[0], (await sim.truth("recovery"))[0]
    answer = await sim.event("extend", minutes=50)
    assert kinds(answer) == ["recovery", "sleep"]
    after = await find(sim, "sleep", before["id"])
    assert parse_ms(after["end"]) == parse_ms(before["end"]) + 50 * 60_000
    assert (after["start"], after["created_at"]) == (before["start"], before["created_at"])
    assert after["updated_at"] > before["updated_at"]
    assert (await find(sim, "recovery", before["id"]))["score"] != recovery["score"]
    await all_hold(sim)


async def test_extending_at_once_still_extends() -> None:
    sim = Sim(now=BEFORE_DAWN)
    await sim.event("wake")
    before = (await sim.truth("sleep"))[0]
    await sim.event("extend")
    after = (await sim.truth("sleep"))[0]
    assert (after["end"] > before["end"], after["updated_at"] > before["updated_at"]) == (True, True)


async def test_an_edited_night_moves_both_cycles() -> None:
    sim = Sim()
    sleep = (await sim.truth("sleep"))[1]
    await sim.event("edit", resource="sleep", record_id=sleep["id"], shift_s=-1200)
    after = await find(sim, "sleep", sleep["id"])
    assert parse_ms(after["start"]) == parse_ms(sleep["start"]) - 1_200_000
    assert (await find(sim, "cycle", sleep["cycle_id"]))["start"] == after["start"]
    await all_hold(sim)


async def test_an_edited_workout() -> None:
    sim = Sim()
    workout = (await sim.truth("workout"))[0]
    await sim.event("edit", resource="workout", shift_s=-600)
    after = await find(sim, "workout", workout["id"])
    assert (parse_ms(after["start"]), after["end"]) == (parse_ms(workout["start"]) - 600_000, workout["end"])
    await all_hold(sim)


async def test_deleting_a_sleep_deletes_its_recovery_and_leaves_the_cycle() -> None:
    sim = Sim()
    token = (await sim.connect())["access_token"]
    sleep = (await sim.truth("sleep"))[0]
    answer = await sim.event("delete", resource="sleep", record_id=sleep["id"])
    assert answer["changed"] == [{"resource": "sleep", "id": sleep["id"]}, {"resource": "recovery", "id": sleep["id"]}]
    statuses = {
        path: (await sim.get(path.format(sleep["cycle_id"]), token)).status_code
        for path in (f"/v2/activity/sleep/{sleep['id']}", "/v2/cycle/{}/recovery", "/v2/cycle/{}/sleep", "/v2/cycle/{}")
    }
    assert list(statuses.values()) == [404, 404, 404, 200]
    assert sleep["id"] not in [each["sleep_id"] for each in await sim.truth("recovery")]
    await sim.event("revive", resource="sleep")
    back = await find(sim, "sleep", sleep["id"])
    assert (back["score"], back["updated_at"] > sleep["updated_at"]) == (sleep["score"], True)
    assert await find(sim, "recovery", sleep["id"])
    await all_hold(sim)


@pytest.mark.parametrize("made_by_hand", [True, False])
async def test_deleting_and_reviving_a_workout(made_by_hand: bool) -> None:
    sim = Sim()
    if made_by_hand:
        await sim.event("workout")
    workout = (await sim.truth("workout"))[0]
    await sim.event("delete", resource="workout")
    assert workout["id"] not in [each["id"] for each in await sim.truth("workout")]
    await sim.event("revive", resource="workout")
    assert (await find(sim, "workout", workout["id"]))["updated_at"] > workout["updated_at"]
    await all_hold(sim)


async def test_deleting_and_reviving_a_nap() -> None:
    sim = Sim()
    nap = next(each for each in await sim.truth("sleep") if each["nap"])
    answer = await sim.event("delete", resource="sleep", record_id=nap["id"])
    assert answer["changed"] == [{"resource": "sleep", "id": nap["id"]}], "a nap has no recovery to delete"
    await sim.event("revive", resource="sleep", record_id=nap["id"])
    assert (await find(sim, "sleep", nap["id"]))["score"] == nap["score"]


async def test_a_deleted_cycle_merges_into_the_one_before() -> None:
    sim = Sim()
    third, second, first = (await sim.truth("cycle"))[1:4]
    night = next(each for each in await sim.truth("sleep") if each["cycle_id"] == second["id"] and not each["nap"])
    await sim.event("delete", resource="cycle", record_id=night["id"])
    cycles = {each["id"]: each for each in await sim.truth("cycle")}
    assert second["id"] not in cycles
    assert cycles[first["id"]]["end"] == third["start"]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"event": "dance"}, 400),
        ({}, 400),
        ({"event": "score"}, 409),
        ({"event": "revive"}, 409),
        ({"event": "extend", "record_id": "nonsense"}, 409),
        ({"event": "extend", "minutes": "many"}, 400),
        ({"event": "delete", "resource": "workout", "record_id": "bbf7915a-5093-4b88-94ab-c6a1d3aa0175"}, 409),
    ],
)
async def test_what_cannot_happen(body: dict[str, str], status: int) -> None:
    answer = await Sim().http.post("/control/members/1/events", json=body, headers=CONTROL)
    assert answer.status_code == status
    assert answer.json()["error"]


async def test_webhook_words() -> None:
    sim = Sim(webhook_url=("http://127.0.0.1:9/hook",), now=BEFORE_DAWN)
    await sim.connect()
    await sim.event("wake", wait=True)
    await sim.event("workout", wait=True)
    await sim.event("rescore", resource="cycle", wait=True)
    await sim.event("delete", resource="sleep", wait=True)
    shown = await sim.control("GET", "/deliveries")
    assert [each["type"] for each in shown] == [
        "sleep.updated",
        "recovery.updated",
        "workout.updated",
        "sleep.deleted",
        "recovery.deleted",
    ]
    assert {each["state"] for each in shown} == {"delivered"}
    assert {each["record_id"] for each in shown} == {shown[0]["record_id"], shown[2]["record_id"]}
