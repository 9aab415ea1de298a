"""The Sahha stand-in: its contract, its fourteen surprises, its webhooks."""

import json
from pathlib import Path
from typing import Any

import httpx2
import pytest
from jsonschema import Draft202012Validator

from tests.unit.sim.harness import CONTROL, Sim
from wearbase_sim.sahha.cloud import SOURCES
from wearbase_sim.sahha.webhooks import sign

FIXTURES = Path(__file__).parents[2] / "fixtures" / "sahha"
OPENAPI = json.loads((FIXTURES / "sahha-openapi.json").read_text())
EXAMPLES = json.loads((FIXTURES / "sahha-examples.json").read_text())
ALL_TYPES = {"types": ["activity", "sleep", "readiness", "wellbeing", "mental_wellbeing"]}
ALL_CATEGORIES = {"categories": ["activity", "sleep", "vitals", "body", "characteristic"]}
LAST_WEEK = {"startDateTime": "2026-11-14", "endDateTime": "2026-11-21"}
HOOK = "http://127.0.0.1:9/sahha"


def wrong(component: str, value: Any) -> list[str]:
    schema = {"$ref": f"#/components/schemas/{component}", "components": OPENAPI["components"]}
    return [f"{error.json_path}: {error.message}" for error in Draft202012Validator(schema).iter_errors(value)]


class Sahha(Sim):
    """The simulator with a way to its Sahha side."""

    account = ""

    async def call(self, method: str, path: str, token: str = "", *, environment: str = "sandbox", **more: Any) -> httpx2.Response:
        headers = {"Authorization": token} if token else {}
        return await self.http.request(method, f"/sahha/{environment}/api/v1{path}", headers=headers, **more)

    async def log_in(self, environment: str = "sandbox") -> str:
        body = {"clientId": "sahha-client", "clientSecret": "sahha-client-secret"}
        answer = (await self.call("POST", "/oauth/account/token", json=body, environment=environment)).json()
        assert wrong("AccountTokenResponse", answer) == []
        return f"account {answer['accountToken']}"

    async def read(self, kind: str, external_id: str = "SampleProfile-1", /, **params: Any) -> list[dict[str, Any]]:
        self.account = self.account or await self.log_in()
        answer = await self.call("GET", f"/profile/{kind}/{external_id}", self.account, params=params)
        assert answer.status_code in (200, 204), answer.text
        return answer.json() if answer.content else []


async def profile(sim: Sahha, source: str, **more: Any) -> str:
    await sim.control("POST", "/sahha/profiles", external_id=f"u-{source}", source=source, **more)
    return f"u-{source}"


async def test_tokens_belong_to_one_environment_and_one_kind() -> None:
    sim = Sahha()
    account = await sim.log_in()
    registered = await sim.call("POST", "/oauth/profile/register", account, json={"externalId": "ann"})
    assert registered.status_code == 201
    assert wrong("ProfileTokenResponse", registered.json()) == []
    assert (await sim.call("POST", "/oauth/profile/register", account, json={"externalId": "ann"})).status_code == 400
    assert (await sim.call("POST", "/oauth/profile/token", account, json={"externalId": "bob"})).status_code == 400
    refreshed = await sim.call("POST", "/oauth/profile/refreshToken", json={"refreshToken": registered.json()["refreshToken"]})
    own = f"Profile {refreshed.json()['profileToken']}"
    statuses = [
        (await sim.call("GET", "/profile/score/ann", params=ALL_TYPES)).status_code,
        (await sim.call("GET", "/profile/score/ann", account, params=ALL_TYPES, environment="production")).status_code,
        (await sim.call("GET", "/profile/score/ann", own, params=ALL_TYPES)).status_code,
        (await sim.call("GET", "/profile/score", account, params=ALL_TYPES)).status_code,
        (await sim.call("GET", "/profile/score", own, params=ALL_TYPES)).status_code,
        (await sim.call("GET", "/profile/score/ann", account.replace("account", "ACCOUNT"), params=ALL_TYPES)).status_code,
        (await sim.call("GET", "/profile/score/nobody", account, params=ALL_TYPES)).status_code,
        (await sim.call("GET", "/nothing", account)).status_code,
        (await sim.call("GET", "/profile/archetype/ann", account)).status_code,
        (await sim.call("POST", "/oauth/account/token", json={"clientId": "sahha-client"})).status_code,
    ]
    assert statuses == [401, 401, 401, 401, 200, 200, 404, 404, 404, 401]
    await sim.advance(86_400)
    assert (await sim.call("GET", "/profile/score/ann", account, params=ALL_TYPES)).status_code == 401


async def test_bearer_searches_and_then_fails() -> None:
    sim = Sahha()
    bearer = (await sim.log_in()).replace("account ", "Bearer ")
    assert (await sim.call("GET", "/account/profile/search", bearer)).status_code == 200
    answer = await sim.call("GET", "/profile/score/SampleProfile-1", bearer, params=ALL_TYPES)
    assert (answer.status_code, answer.json()) == (500, EXAMPLES["errors"]["500_bearer"])


async def test_profiles_are_found_page_by_page() -> None:
    sim = Sahha()
    account = await sim.log_in()
    for nth in range(5):
        await sim.call("POST", "/oauth/profile/register", account, json={"externalId": f"u-{nth}"})
    page = (await sim.call("GET", "/account/profile/search", account, params={"pageSize": 3, "currentPage": 3})).json()
    assert wrong("ProfilePage", page) == []
    assert (len(page["items"]), page["totalPages"], page["totalCount"]) == (1, 3, 7)
    one = (await sim.call("GET", "/account/profile/u-1", account)).json()
    assert wrong("Profile", one) == []
    assert (await sim.call("GET", "/profile/integration/u-2", account)).status_code in (200, 204)


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("style", ["2024", "2025", "2026"])
async def test_everything_is_within_the_contract(source: str, style: str) -> None:
    sim = Sahha(sahha_style=style, members=6)
    external_id = await profile(sim, source, user_id=6)
    for kind, component, params in (
        ("score", "Score", ALL_TYPES),
        ("biomarker", "Biomarker", ALL_CATEGORIES),
        ("archetypes", "Archetype", {}),
        ("insight/trend", "Trend", {}),
        ("insight/comparison", "Comparison", {}),
    ):
        found = await sim.read(kind, external_id, **params, **LAST_WEEK)
        assert found, kind
        for value in found:
            assert wrong(component, value) == []


async def test_lists_are_asked_for_by_name_newest_first() -> None:
    sim = Sahha()
    account = await sim.log_in()
    for kind in ("score", "biomarker"):
        answer = await sim.call("GET", f"/profile/{kind}/SampleProfile-1", account)
        assert (answer.status_code, wrong("Error", answer.json())) == (400, [])
    assert await sim.read("score", types=["happiness"]) == []
    assert await sim.read("biomarker", categories=["mood"]) == []
    scores = await sim.read("score", **ALL_TYPES, **LAST_WEEK)
    days = [each["scoreDateTime"] for each in scores]
    assert days == sorted(days, reverse=True)
    assert len({(each["type"], each["scoreDateTime"]) for each in scores}) == len(scores)
    assert len(await sim.read("score", types=["sleep"])) == 13


async def test_values_are_text_and_the_newest_day_is_not_over() -> None:
    sim = Sahha()
    found = await sim.read("biomarker", **ALL_CATEGORIES, **LAST_WEEK)
    assert all(isinstance(each["value"], str) for each in found)
    open_days = {each["endDateTime"][:10] for each in found if each["periodicity"] == "intraday"}
    assert open_days == {"2026-11-21"}
    night = next(each for each in found if each["type"] == "sleep_duration")
    assert (night["startDateTime"], night["endDateTime"]) == ("2026-11-20T18:00:00-05:00", "2026-11-21T17:59:59-05:00")


@pytest.mark.parametrize("source", ["whoop", "iphone", "android"])
async def test_stages_add_up_and_each_source_has_its_own_hrv(source: str) -> None:
    sim = Sahha()
    found = await sim.read("biomarker", await profile(sim, source), **ALL_CATEGORIES, startDateTime="2026-11-20", endDateTime="2026-11-20")
    value = {each["type"]: each["value"] for each in found}
    minutes = {name: int(value[f"sleep_{name}_duration"]) for name in ("light", "deep", "rem", "awake", "in_bed")}
    assert minutes["light"] + minutes["deep"] + minutes["rem"] == int(value["sleep_duration"])
    assert int(value["sleep_duration"]) + minutes["awake"] == minutes["in_bed"]
    assert ("heart_rate_variability_sdnn" in value, "heart_rate_variability_rmssd" in value) == (source == "iphone", source != "iphone")


async def test_a_phone_alone_measures_no_heart() -> None:
    sim = Sahha()
    external_id = await profile(sim, "phone")
    found = await sim.read("biomarker", external_id, **ALL_CATEGORIES, **LAST_WEEK)
    assert not [each for each in found if each["category"] == "vitals"]
    readiness = (await sim.read("score", external_id, types=["readiness"], **LAST_WEEK))[0]
    assert {each["name"] for each in readiness["factors"] if each["value"] is None} >= {"resting_heart_rate", "heart_rate_variability"}


@pytest.mark.parametrize(("switch", "is_same"), [("kept", True), ("changed", False)])
async def test_ids_when_a_day_is_over(switch: str, is_same: bool) -> None:
    sim = Sahha(sahha_ids=switch)
    params: dict[str, Any] = {**ALL_CATEGORIES, "startDateTime": "2026-11-21", "endDateTime": "2026-11-21"}
    before = {each["type"]: each for each in await sim.read("biomarker", **params)}
    await sim.advance(86_400 - 600)
    sim.account = ""
    after = {each["type"]: each for each in await sim.read("biomarker", **params)}
    assert (before["steps"]["periodicity"], after["steps"]["periodicity"]) == ("intraday", "daily")
    assert (before["steps"]["id"] == after["steps"]["id"]) is is_same
    assert int(after["steps"]["value"]) > int(before["steps"]["value"])


@pytest.mark.parametrize(("switch", "status"), [("204", 204), ("empty", 200)])
async def test_how_nothing_looks(switch: str, status: int) -> None:
    sim = Sahha(sahha_no_results=switch)
    external_id = await profile(sim, "whoop", is_empty=True)
    answer = await sim.call("GET", f"/profile/score/{external_id}", await sim.log_in(), params=ALL_TYPES)
    assert (answer.status_code, answer.content) == (status, b"" if status == 204 else b"[]")


async def test_styles_of_other_years() -> None:
    old, new = Sahha(sahha_style="2024"), Sahha(sahha_style="2026")
    then = {each["type"]: each for each in await old.read("biomarker", **ALL_CATEGORIES, **LAST_WEEK)}
    assert then["sleep_duration"]["endDateTime"].endswith("T18:00:00-05:00")
    assert (then["steps"]["valueType"], then["sleep_regularity"]["unit"], then["sleep_debt"]["aggregation"]) == ("long", "index", "average")
    assert "createdAt" in (await old.read("score", **ALL_TYPES))[0]
    now = await new.read("biomarker", **ALL_CATEGORIES, **LAST_WEEK)
    assert all(isinstance(each["value"], int | float) for each in now if each["valueType"] != "datetime")


@pytest.mark.parametrize(("name", "status"), [("sahha-429", 429), ("sahha-500", 500), ("sahha-410", 410), ("sahha-html", 502)])
async def test_faults(name: str, status: int) -> None:
    sim = Sahha()
    account = await sim.log_in()
    await sim.control("POST", "/faults", name=name, count=1)
    answers = [await sim.call("GET", "/account/profile/search", account) for _ in range(2)]
    assert [each.status_code for each in answers] == [status, 200]


class Receiver:
    """An app's endpoint for Sahha's webhooks."""

    def __init__(self, status: int = 200) -> None:
        self.requests: list[httpx2.Request] = []
        self._status = status

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.requests.append(request)
        return httpx2.Response(self._status)


async def pushed(receiver: Receiver, **values: Any) -> Sahha:
    sim = Sahha(transport=httpx2.MockTransport(receiver), sahha_webhook_url=(HOOK,), **values)
    await sim.call("POST", "/oauth/profile/register", await sim.log_in(), json={"externalId": "ann"})
    await sim.world.sender.settle()
    return sim


EVENTS = {
    "ScoreCreatedIntegrationEvent": "ScoreEvent", "BiomarkerCreatedIntegrationEvent": "BiomarkerEvent",
    "ArchetypeCreatedIntegrationEvent": "ArchetypeEvent", "DataLogReceivedIntegrationEvent": "DataLogEvent",
}  # fmt: skip


async def test_a_new_profile_brings_two_weeks_of_scores() -> None:
    receiver = Receiver()
    await pushed(receiver)
    scores = [each for each in receiver.requests if each.headers["x-event-type"] == "ScoreCreatedIntegrationEvent"]
    assert len({json.loads(each.content)["scoreDateTime"] for each in scores}) == 14
    for request in receiver.requests:
        body = json.loads(request.content)
        assert request.headers["x-signature"] == sign("sahha-webhook-secret", request.content)
        assert request.headers["x-external-id"] == body["externalId"] == "ann"
        assert wrong(EVENTS[request.headers["x-event-type"]], body) == []


async def test_a_push_tells_of_the_last_week_and_of_what_was_logged_too() -> None:
    receiver = Receiver()
    sim = await pushed(receiver)
    count = len(receiver.requests)
    await sim.control("POST", "/sahha/push", external_id="ann")
    fresh = receiver.requests[count:]
    assert {each.headers["x-event-type"] for each in fresh} == EVENTS.keys()
    for request in fresh:
        assert wrong(EVENTS[request.headers["x-event-type"]], json.loads(request.content)) == []


async def test_archetypes_are_of_weeks_and_of_months() -> None:
    sim = Sahha()
    weekly = await sim.read("archetypes", periodicity="weekly")
    monthly = await sim.read("archetypes", periodicity="monthly")
    assert [{each["periodicity"] for each in found} for found in (weekly, monthly)] == [{"weekly"}, {"monthly"}]
    assert {each["startDateTime"][:10] for each in monthly} == {"2026-10-01"}
    assert {each["endDateTime"][:10] for each in monthly} == {"2026-10-31"}
    assert len(await sim.read("archetypes")) == len(weekly) + len(monthly)
    assert wrong("Archetype", monthly[0]) == []


async def test_each_morning_is_told() -> None:
    receiver = Receiver()
    sim = await pushed(receiver)
    count = len(receiver.requests)
    await sim.control("POST", "/step", to="+1d 00:00")
    fresh = [json.loads(each.content) for each in receiver.requests[count:]]
    assert any(each["type"] == "readiness" for each in fresh)
    assert {each["type"] for each in fresh} >= {"sleep_duration", "steps"}


def test_signatures_are_those_of_the_examples() -> None:
    for name, value in EXAMPLES["webhooks"].items():
        if "headers" in value and not name.startswith(("reject", "accept")):
            assert sign(EXAMPLES["webhookKey"], value["rawBody"].encode()) == value["headers"]["X-Signature"]


@pytest.mark.parametrize(
    ("name", "check"),
    [
        ("sahha-wrong-signatures", lambda request: request.headers["x-signature"] != sign("sahha-webhook-secret", request.content)),
        ("sahha-upper-signatures", lambda request: request.headers["x-signature"].isupper()),
        ("sahha-mismatch", lambda request: request.headers["x-external-id"] != json.loads(request.content)["externalId"]),
        ("sahha-unknown-events", lambda request: request.headers["x-event-type"] not in EVENTS),
        ("sahha-array-bodies", lambda request: isinstance(json.loads(request.content), list)),
    ],
)
async def test_strange_webhooks(name: str, check: Any) -> None:
    receiver = Receiver()
    sim = await pushed(receiver)
    await sim.control("POST", "/faults", name=name, count=1)
    count = len(receiver.requests)
    pushed_now = await sim.control("POST", "/sahha/push", external_id="ann")
    fresh = receiver.requests[count:]
    assert len(fresh) == pushed_now["events"] > 5
    assert [bool(check(each)) for each in fresh].count(True) == 1


async def test_lost_and_doubled_and_retried() -> None:
    receiver = Receiver(503)
    sim = await pushed(receiver, sahha_retry_minutes=(1, 5))
    count = len(receiver.requests)
    await sim.control("POST", "/step", to="+00:10")
    assert len(receiver.requests) == 3 * count
    notes = await sim.control("GET", "/sahha/webhooks")
    assert {tuple(each["statuses"]) for each in notes} == {(503, 503, 503)}
    for name, change in (("sahha-lose-webhooks", -1), ("sahha-double-webhooks", 1)):
        await sim.control("POST", "/faults", name=name, count=1)
        before = len(receiver.requests)
        events = (await sim.control("POST", "/sahha/push", external_id="ann"))["events"]
        assert len(receiver.requests) - before == events + change


async def test_an_interval_holds_back_all_but_the_last_value() -> None:
    receiver = Receiver()
    sim = await pushed(receiver, sahha_interval_min=15)
    assert receiver.requests == []
    events = 0
    for _ in range(3):
        events = (await sim.control("POST", "/sahha/push", external_id="ann"))["events"]
    at_once = [each.headers["x-event-type"] for each in receiver.requests]
    assert set(at_once) == {"DataLogReceivedIntegrationEvent", "ArchetypeCreatedIntegrationEvent"}
    await sim.control("POST", "/step", to="+00:15")
    assert len(receiver.requests) - len(at_once) == events - len(at_once) // 3


async def test_the_control_api_says_what_is_wrong() -> None:
    sim = Sahha()
    assert [each["external_id"] for each in await sim.control("GET", "/sahha/profiles")] == ["SampleProfile-1", "SampleProfile-2"]
    for body in ({"external_id": ""}, {"external_id": "a", "source": "ring"}, {"external_id": "a", "environment": "moon"}):
        answer = await sim.http.post("/control/sahha/profiles", json=body, headers=CONTROL)
        assert answer.status_code in (400, 404)
    assert (await sim.http.post("/control/sahha/push", json={}, headers=CONTROL)).status_code == 404
