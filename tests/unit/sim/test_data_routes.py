"""The data routes: what is refused, in which order, and every answer against the contract."""

import pytest

from tests.unit.sim.harness import ALL_SCOPES, EXAMPLES, PATHS, Sim, problems

BASE = "/developer"
SCOPES = {
    "/v2/user/profile/basic": "read:profile",
    "/v2/user/measurement/body": "read:body_measurement",
    "/v2/cycle": "read:cycles",
    "/v2/recovery": "read:recovery",
    "/v2/activity/sleep": "read:sleep",
    "/v2/activity/workout": "read:workout",
}


@pytest.mark.parametrize("path", ["/v2/nothing", "/v2/recovery/1838200101", "/v2/cycle/", "/v1/recovery", "/v1/cycle", "/"])
async def test_unknown_paths_are_404_before_authorization(path: str) -> None:
    answer = await Sim().http.get(BASE + path)
    expected = EXAMPLES["errors"]["unknown_path"]
    assert (answer.status_code, answer.text, answer.headers["content-type"]) == (404, expected["body"], "text/plain")


@pytest.mark.parametrize("authorization", ["", "Bearer", "Bearer nonsense", "Basic abc"])
async def test_without_a_live_token_401(authorization: str) -> None:
    answer = await Sim().http.get(f"{BASE}/v2/cycle", headers={"Authorization": authorization})
    expected = EXAMPLES["errors"]["expired_access_token"]
    assert (answer.status_code, answer.text, answer.headers["content-type"]) == (401, expected["body"], "text/plain")


@pytest.mark.parametrize(("path", "scope"), SCOPES.items())
async def test_each_route_needs_its_scope(path: str, scope: str) -> None:
    sim = Sim()
    others = " ".join(each for each in ALL_SCOPES.split() if each != scope)
    without, only = await sim.connect(scope=others), await sim.connect(scope=scope)
    assert (await sim.get(path, without["access_token"])).status_code == 401
    assert (await sim.get(path, only["access_token"])).status_code == 200
    await sim.control("POST", "/options", scope_missing="403")
    refused = await sim.get(path, without["access_token"])
    assert (refused.status_code, refused.json()) == (403, {"error": "deactivated_user"})


async def test_profile_and_body() -> None:
    sim = Sim(members=12)
    token = (await sim.connect())["access_token"]
    assert problems("UserBasicProfile", (await sim.get("/v2/user/profile/basic", token)).json()) == []
    assert problems("UserBodyMeasurement", (await sim.get("/v2/user/measurement/body", token)).json()) == []
    empty = (await sim.connect(5))["access_token"]
    assert (await sim.get("/v2/user/measurement/body", empty)).status_code == 404, "this member never entered any"


async def test_reads_by_id() -> None:
    sim = Sim()
    token = (await sim.connect())["access_token"]
    cycle = (await sim.truth("cycle"))[2]
    recovery = next(each for each in await sim.truth("recovery") if each["cycle_id"] == cycle["id"])
    sleep = next(each for each in await sim.truth("sleep") if each["id"] == recovery["sleep_id"])
    workout = (await sim.truth("workout"))[0]
    expected = {
        f"/v2/cycle/{cycle['id']}": cycle,
        f"/v2/cycle/{cycle['id']}/recovery": recovery,
        f"/v2/cycle/{cycle['id']}/sleep": sleep,
        f"/v2/activity/sleep/{sleep['id']}": sleep,
        f"/v2/activity/workout/{workout['id']}": workout,
    }
    for path, record in expected.items():
        assert (await sim.get(path, token)).json() == record, path


async def test_nobody_reads_another_member_s_records() -> None:
    sim = Sim()
    token = (await sim.connect(1))["access_token"]
    cycle, sleep, workout = [(await sim.truth(resource, member=2))[0] for resource in ("cycle", "sleep", "workout")]
    other = f"/v2/cycle/{cycle['id']}", f"/v2/activity/sleep/{sleep['id']}", f"/v2/activity/workout/{workout['id']}"
    for path in (*other, f"/v2/cycle/{cycle['id']}/recovery", f"/v2/cycle/{cycle['id']}/sleep"):
        assert (await sim.get(path, token)).status_code == 404, path


@pytest.mark.parametrize("key", ["1", "nonsense", "9" * 30, "bbf7915a-5093-4b88-94ab-c6a1d3aa0175"])
@pytest.mark.parametrize("path", ["/v2/cycle/{}", "/v2/cycle/{}/sleep", "/v2/cycle/{}/recovery", "/v2/activity/sleep/{}"])
async def test_ids_that_nobody_has(path: str, key: str) -> None:
    sim = Sim()
    answer = await sim.get(path.format(key), (await sim.connect())["access_token"])
    assert (answer.status_code, answer.text) == (404, "HTTP 404 Not Found")


async def test_a_nap_has_no_recovery_and_does_not_pose_as_the_night() -> None:
    sim = Sim()
    token = (await sim.connect())["access_token"]
    nap = next(each for each in await sim.truth("sleep") if each["nap"])
    assert nap["id"] not in {each["sleep_id"] for each in await sim.truth("recovery")}
    night = (await sim.get(f"/v2/cycle/{nap['cycle_id']}/sleep", token)).json()
    assert night["nap"] is False


async def test_ending_access() -> None:
    sim = Sim(webhook_url=("http://127.0.0.1:9/hook",))
    tokens, other = await sim.connect(1), await sim.connect(2)
    ended = await sim.http.delete(f"{BASE}/v2/user/access", headers={"Authorization": f"Bearer {tokens['access_token']}"})
    assert (ended.status_code, ended.content) == (204, b"")
    assert (await sim.get("/v2/cycle", tokens["access_token"])).status_code == 401
    assert (await sim.refresh(tokens["refresh_token"])).json()["error"] == "invalid_grant"
    assert (await sim.event("workout"))["deliveries"] == []
    assert (await sim.get("/v2/cycle", other["access_token"])).status_code == 200


async def test_former_ids_lead_to_the_new_ones() -> None:
    sim = Sim(v1_id="present")
    token = (await sim.connect())["access_token"]
    for resource in ("sleep", "workout"):
        record = (await sim.truth(resource))[3]
        answer = await sim.get(f"/v1/activity-mapping/{record['v1_id']}", token)
        assert answer.json() == {"v2_activity_id": record["id"]}
        assert problems("ActivityIdMapping", answer.json()) == []
    for missing in ("1", "nonsense", "2207771", "9" * 25):
        assert (await sim.get(f"/v1/activity-mapping/{missing}", token)).status_code == 404


async def test_v1_routes_can_be_switched_on() -> None:
    sim = Sim(v1_routes="200")
    token = (await sim.connect())["access_token"]
    assert (await sim.get("/v1/cycle", token)).json() == (await sim.get("/v2/cycle", token)).json()
    assert (await sim.get("/v1/recovery", token)).status_code == 404


@pytest.mark.parametrize(
    "switches",
    [
        {"nulls": "absent"},
        {"percent_recorded": "percent"},
        {"sport_id": "null", "v1_id": "present", "step_count": "null"},
        {"sport_id": "absent", "v1_id": "absent", "step_count": "absent"},
        {"member_order": "shuffled"},
    ],
)
async def test_every_switch_keeps_the_contract(switches: dict[str, str]) -> None:
    sim = Sim(members=8, **switches)
    for member in (1, 7):
        await sim.event("wake", member=member, pending=True) if member == 1 else None
        for resource in PATHS:
            for record in await sim.truth(resource, member=member):
                assert problems(resource.title(), record) == []


async def test_switches_change_the_shape() -> None:
    sim = Sim()
    open_cycle, workout = (await sim.truth("cycle"))[0], (await sim.truth("workout"))[0]
    assert (open_cycle["end"], workout["v1_id"]) == (None, None)
    assert 0 <= workout["score"]["percent_recorded"] <= 1
    await sim.control("POST", "/options", nulls="absent", percent_recorded="percent", sport_id="absent")
    open_cycle, workout = (await sim.truth("cycle"))[0], (await sim.truth("workout"))[0]
    assert "end" not in open_cycle
    assert "v1_id" not in workout
    assert "sport_id" not in workout
    assert workout["score"]["percent_recorded"] > 1


async def test_headers_describe_the_body() -> None:
    sim = Sim(quota_minute=2)
    token = (await sim.connect())["access_token"]
    for status in (200, 404, 429):
        answer = await sim.get("/v2/cycle" if status == 200 else "/v2/cycle/1", token)
        assert (answer.status_code, answer.headers.get_list("content-length")) == (status, [str(len(answer.content))])


async def test_floats_keep_their_decimal_part() -> None:
    sim = Sim()
    answer = await sim.get("/v2/recovery", (await sim.connect())["access_token"])
    assert '"recovery_score":' in answer.text
    for record in answer.json()["records"]:
        if record["score"]:
            assert isinstance(record["score"]["recovery_score"], float)
            assert isinstance(record["score"]["resting_heart_rate"], float)
