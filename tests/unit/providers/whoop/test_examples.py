"""Every payload of the examples is used: as a record, a page, an answer, a delivery, or a step of a scenario."""

import json
import re
from datetime import UTC, datetime, timedelta

import pytest

from wearbase.domain.days import Dated, group_days, lone_day
from wearbase.domain.errors import ResourceGone, WearbaseError
from wearbase.domain.provider import Lookup, Response
from wearbase.domain.windows import Window
from wearbase.providers.whoop import PROVIDER
from wearbase.providers.whoop.mapping import map_cycle, map_recovery, map_sleep, map_workout

MAPS = {"Recovery": map_recovery, "Sleep": map_sleep, "Workout": map_workout, "Cycle": map_cycle}
RESOURCES = {"RecoveryPage": "recovery", "SleepPage": "sleep", "WorkoutPage": "workout", "CyclePage": "cycle"}
NOT_READ = {"UserBodyMeasurement", "ActivityIdMapping"}  # wearbase asks for neither
WINDOW = Window(datetime(2026, 10, 30, tzinfo=UTC), datetime(2026, 11, 4, tzinfo=UTC))

LOCAL_DAYS = {
    "bb59b2a3-7e30-423d-880d-8fd9e7d05087": "2026-10-30",
    "33e70ecd-129e-459e-8e7e-def23cc206b1": "2026-11-01",
    "6279bc20-65af-4c08-a691-b1dccbdeff2e": "2026-11-01",
    "00769900-0b91-411a-9efd-469b36be7ae5": "2026-11-02",
    "0db61be5-ce2e-41be-824e-444b1d81a6c7": "2026-08-02",
    "2f8ee67a-c461-4362-bce9-72b04fa8909a": "2026-08-03",
    "28cc962e-2f7b-494b-a8da-f1794ce4940b": "2026-10-16",
    "1702b1d8-d429-4c64-b9a4-d261770d581e": "2026-11-01",
    "72fb9b32-a62c-4b9d-930f-27f4ed9ec9a5": "2026-10-30",
    "2a943f71-8cc5-4a11-be4a-22ab9c377b1b": "2026-10-31",
    "1838200105": "2026-11-03",
    "1830000001": "2026-08-01",
    "1838210001": "2026-11-05",
    "1838210002": "2026-11-06",
}


def payloads(node):
    """Every (schema, payload) of the examples."""
    if isinstance(node, dict):
        if "schema" in node and "payload" in node:
            yield node["schema"], node["payload"]
        for value in node.values():
            yield from payloads(value)
    elif isinstance(node, list):
        for value in node:
            yield from payloads(value)


def as_dated(record):
    return Dated(
        resource=record.resource, external_id=record.external_id, dating=record.dating, start_at=record.start_at, end_at=record.end_at,
        utc_offset_min=record.utc_offset_min, parent_id=record.parent_id,
    )  # fmt: skip


async def test_every_payload_has_a_reader(examples, whoop, resource_of):
    seen = set()
    for schema, payload in payloads(examples):
        seen.add(schema)
        body = Response(200, {}, json.dumps(payload).encode())
        if schema in MAPS:
            assert MAPS[schema](payload).raw == payload
        elif schema in RESOURCES:
            for path in ("/v2/recovery", "/v2/activity/sleep", "/v2/activity/workout", "/v2/cycle"):
                whoop.answers[path] = payload
            page = await resource_of(RESOURCES[schema]).read_page(whoop, WINDOW, None)
            assert len(page.records) == len(payload["records"])
            assert page.unmappable == []
            assert page.next_token == (payload.get("next_token") or None)
        elif schema == "WebhookEvent":
            assert PROVIDER.webhook.parse(body.body)[0].external_id == payload["id"]
        elif schema == "TokenResponse":
            assert PROVIDER.oauth.grant(body).scopes == tuple(payload["scope"].split())
        elif schema == "UserBasicProfile":
            assert PROVIDER.oauth.identity(body).external_user_id == str(payload["user_id"])
        elif schema == "OAuthError":
            with pytest.raises(WearbaseError):
                PROVIDER.oauth.grant(Response(400, {}, body.body))
        else:
            assert schema in NOT_READ
    assert seen >= {*MAPS, *RESOURCES, *NOT_READ, "WebhookEvent", "TokenResponse", "UserBasicProfile", "OAuthError"}


def test_records_fall_on_the_members_local_day(examples):
    records = [MAPS[schema](payload) for schema, payload in payloads(examples) if schema in MAPS]
    found = {record.external_id: str(lone_day(as_dated(record))) for record in records if record.external_id in LOCAL_DAYS}
    assert found == LOCAL_DAYS


def test_each_night_of_the_collections_shares_its_day_with_its_cycle_and_recovery(examples):
    told = examples["collections"]
    records = [map_cycle(raw) for page in told["multi_page"]["pages"] for raw in page["payload"]["records"]]
    records += [map_sleep(raw) for raw in told["sleep_page"]["payload"]["records"]]
    records += [map_recovery(raw) for raw in told["recovery_page"]["payload"]["records"]]
    days = {}
    for group in {r.group_id for r in records if r.group_id}:
        of_group = group_days(as_dated(r) for r in records if r.group_id == group)
        assert len(of_group) == 3
        [days[group]] = set(of_group.values())
    assert {group: str(day) for group, day in days.items()} == {
        "1838200101": "2026-10-30", "1838200102": "2026-10-31", "1838200103": "2026-11-01", "1838200104": "2026-11-02",
        "1838200105": "2026-11-03",
    }  # fmt: skip


def test_every_delivery_of_the_scenarios_verifies_at_its_time(examples):
    secret, count = examples["webhooks"]["signing_secret"], 0
    for scenario in examples["scenarios"]:
        for step in scenario.get("steps", []):
            if hook := step.get("webhook"):
                headers = {name.lower(): value for name, value in hook["headers"].items()}
                signed_at = datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=int(headers["x-whoop-signature-timestamp"]))
                assert PROVIDER.webhook.verify(headers, hook["raw_body"].encode(), secret, signed_at) == signed_at
                count += 1
    assert count == 13


async def test_every_read_of_the_scenarios_that_finds_nothing_is_gone(examples, whoop, resource_of):
    count = 0
    for scenario in examples["scenarios"]:
        for step in scenario.get("steps", []):
            if step.get("status") != 404:
                continue
            path = step["request"].removeprefix("GET ")
            [(kind, external_id)] = re.findall(r"(sleep|cycle)/([^/]+)", path)
            resource = "recovery" if path.endswith("/recovery") else kind
            with pytest.raises(ResourceGone):
                await resource_of(resource).read_one(whoop, Lookup(external_id=external_id))
            assert whoop.paths[-1] == path
            count += 1
    assert count == 3


def test_a_duplicate_delivery_says_the_same_thing(examples):
    steps = next(s for s in examples["scenarios"] if s["name"] == "duplicate_delivery")["steps"]
    first, second = (PROVIDER.webhook.parse(step["webhook"]["raw_body"].encode()) for step in steps)
    assert first == second


def test_a_late_correction_is_a_newer_revision_of_the_same_record(examples):
    step = next(s for s in examples["scenarios"] if s["name"] == "late_correction")["steps"][0]
    old, new = map_recovery(examples["recoveries"]["scored"]["payload"]), map_recovery(step["state"]["recovery"])
    assert old.external_id == new.external_id
    assert new.revision.is_newer_than(old.revision)
    assert not old.revision.is_newer_than(new.revision)
