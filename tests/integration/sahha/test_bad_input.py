"""What Sahha may send that cannot be right: kept as sent, shown as such, and in no sum, comparison or trend."""

from datetime import date, timedelta
from typing import Any

import httpx2
import orjson
import pytest
from structlog.testing import capture_logs

from tests.integration.sahha.conftest import ANN, Sahha
from tests.integration.sahha.test_deliveries import steps
from wearbase.cli import examining
from wearbase.read.health import HealthReader
from wearbase.store import survey
from wearbase.store.survey import MixedScale
from wearbase.sync import ask, retry
from wearbase.sync.chores import plan_chores

DAY = date(2026, 11, 16)
OXYGEN = {"category": "vitals", "type": "oxygen_saturation_sleep", "unit": "percentage", "valueType": "double", "aggregation": "average"}
LOG = {"externalId": ANN, "id": "l-1", "logType": "heart", "dataType": "heart_rate", "dataLogs": []}


def biomarker(day: str = "2026-11-16", **changed: Any) -> dict[str, Any]:
    return {**steps(1, day=day), **changed}


def score(number: object) -> dict[str, Any]:
    return {
        "id": "s-1", "externalId": ANN, "type": "readiness", "state": "high", "score": number, "factors": [], "dataSources": ["sleep"],
        "scoreDateTime": "2026-11-16T00:00:00+00:00", "createdAtUtc": "2026-11-16T09:00:00Z", "version": 1,
    }  # fmt: skip


async def told(sahha: Sahha, *bodies: dict[str, Any]) -> dict[str, Any]:
    """The health document's day after these deliveries."""
    await sahha.settled(is_empty=True)
    for body in bodies:
        await sahha.tell(body)
    await sahha.world.work()
    engine = sahha.world.engine
    answer = await HealthReader(engine.db, engine.clock, engine.combining).day("ann", DAY)
    return orjson.loads(answer.body)


async def metrics(sahha: Sahha) -> set[str]:
    found = await sahha.world.rows("select distinct metric from wearbase.metric where provider = 'sahha'")
    return {f["metric"] for f in found}


@pytest.mark.parametrize("unit", ["furlong", "bps", None])
async def test_a_value_in_a_unit_that_nobody_knows_is_shown_as_sent_and_counted_nowhere(sahha: Sahha, unit: str | None) -> None:
    day = await told(sahha, biomarker(unit=unit, value="437"), biomarker(type="floors_climbed", value="3"))
    part = day["sources"]["sahha"]["data"]
    [other] = part["other"]
    assert (other["value_as_sent"], other["unit_as_sent"], other["value"], other["name"]) == ("437", unit, None, None)
    assert part["activity"]["floors_climbed_count"] == 3
    assert "steps_count" not in part["activity"]
    assert set(day["combined"]) == {"floors_climbed_count"}
    assert await metrics(sahha) == {"floors_climbed_count"}


@pytest.mark.parametrize("number", [72.5, 1.01, -0.2, "72.5"])
async def test_a_score_of_72_5_where_a_fraction_is_promised_is_kept_and_not_guessed_at(sahha: Sahha, number: object) -> None:
    day = await told(sahha, score(number))
    found = day["sources"]["sahha"]["data"]["scores"]["readiness"]
    assert (found["score"], found["score_as_sent"], found["state"]) == (None, float(number), "high")  # type: ignore[arg-type]
    assert "sahha_readiness_score" not in day["combined"]
    assert "sahha_readiness_score" not in await metrics(sahha)


@pytest.mark.parametrize("value", ["7250", "-0.5", "100.01"])
async def test_a_percentage_on_no_scale_at_all_is_kept_and_not_guessed_at(sahha: Sahha, value: str) -> None:
    day = await told(sahha, biomarker(**OXYGEN, value=value))
    [other] = day["sources"]["sahha"]["data"]["other"]
    assert (other["value"], other["value_as_sent"], other["scale"]) == (None, value, None)
    assert day["combined"] == {}
    assert await metrics(sahha) == set()


async def test_a_percentage_says_in_which_scale_it_came(sahha: Sahha) -> None:
    await told(sahha, biomarker(**OXYGEN, value="0.971"), biomarker("2026-11-15", **OXYGEN, value="97.1"))
    found = (await sahha.values("biomarker")).values()
    assert sorted((v["value"], v["scale"]) for v in found) == [(97.1, "fraction"), (97.1, "percent")]


async def test_a_percentage_that_changes_its_scale_is_an_alarm_in_the_log_and_for_the_doctor(sahha: Sahha) -> None:
    """Of the days that one read brings; the doctor looks at what is stored."""
    await sahha.settled()
    tampered: list[str] = []

    async def meddle(request: httpx2.Request, cloud: Any) -> httpx2.Response:
        answer = await cloud(request)
        await answer.aread()
        if "/profile/biomarker/" not in request.url.path or not answer.content:
            return answer
        body = orjson.loads(answer.content)
        for raw in body:
            if raw["type"] == "sleep_efficiency" and not tampered:
                raw["value"] = str(float(raw["value"]) * 100)
                tampered.append(raw["endDateTime"])
        return httpx2.Response(200, json=body)

    sahha.world.wire.meddle = meddle
    await sahha.world.step(hours=1, webhooks=False)
    with capture_logs() as logs:
        assert await ask.sync(sahha.world.engine, "ann", "sahha") is not None
        await sahha.world.work()
    assert tampered
    doubts = [entry for entry in logs if entry["event"] == "a value is in doubt"]
    assert {entry["doubt"] for entry in doubts} == {"sleep_efficiency_percent came both as a fraction and as percent"}
    assert {entry["log_level"] for entry in doubts} == {"warning"}
    async with sahha.world.engine.db.connection() as tx:
        since = sahha.world.clock.now().date() - timedelta(days=30)
        assert await survey.mixed_scales(tx, ["sahha"], since=since) == [
            MixedScale(provider="sahha", name="sleep_efficiency_percent", members=1)
        ]
        assert await survey.mixed_scales(tx, ["whoop"], since=since) == []
    [finding] = await examining._scales(sahha.world.engine)
    assert (finding.level, finding.name) == ("warn", "sahha")
    assert finding.text == "sleep_efficiency_percent came both as a fraction and as percent, for 1 member(s)"


async def test_where_every_value_has_one_scale_nobody_is_alarmed(sahha: Sahha) -> None:
    with capture_logs() as logs:
        await told(sahha, biomarker(**OXYGEN, value="0.971"), biomarker("2026-11-15", **OXYGEN, value="0"))
    assert [entry for entry in logs if entry["event"] == "a value is in doubt"] == []
    async with sahha.world.engine.db.connection() as tx:
        assert await survey.mixed_scales(tx, ["sahha"], since=DAY - timedelta(days=30)) == []


async def test_a_read_that_brings_another_members_record_stores_none_of_it(sahha: Sahha) -> None:
    await sahha.settled()
    before = await sahha.values("score")

    async def meddle(request: httpx2.Request, cloud: Any) -> httpx2.Response:
        answer = await cloud(request)
        await answer.aread()
        if "/profile/score/" not in request.url.path or not answer.content:
            return answer
        return httpx2.Response(200, json=[{**raw, "externalId": "u-ben", "score": 0.01} for raw in orjson.loads(answer.content)])

    sahha.world.wire.meddle = meddle
    await sahha.world.step(hours=1, webhooks=False)
    await ask.sync(sahha.world.engine, "ann", "sahha")
    await sahha.world.work()
    assert await sahha.values("score") == before
    parked = await sahha.world.rows("select reason, raw from wearbase.parked_record where resource = 'score'")
    assert parked
    assert {(p["reason"], p["raw"]) for p in parked} == {("another member's record", None)}


async def test_kinds_that_nobody_reads_are_forgotten_with_what_is_settled_and_others_wait_for_a_person(sahha: Sahha) -> None:
    await sahha.settled(is_empty=True)
    await sahha.tell(LOG, x_event_type="DataLogReceivedIntegrationEvent")
    await sahha.tell(steps("many"))
    await sahha.world.work()
    assert await sahha.inbox() == {("parked", "unknown_type"): 1, ("parked", await only_reason(sahha)): 1}
    for days, left in ((2, 2), (2, 1), (27, 0)):
        await sahha.world.step(days=days, webhooks=False)
        async with sahha.world.engine.db.transaction() as tx:
            await tx.execute("update wearbase.chore set due_at = %s where kind = 'prune'", (sahha.world.clock.now(),))
        await plan_chores(sahha.world.engine)
        await sahha.world.work()
        assert sum((await sahha.inbox()).values()) == left, days


async def only_reason(sahha: Sahha) -> str:
    [found] = await sahha.world.rows("select reason from wearbase.delivery where reason <> 'unknown_type'")
    return found["reason"]


async def test_a_profile_is_found_by_its_id_however_many_there_are_and_the_list_is_never_asked_for(sahha: Sahha) -> None:
    for n in range(120):
        await sahha.profile(f"u-{n:03}", is_empty=True)
    sahha.watch()
    joined = await sahha.join("ann", "u-117")
    assert joined.external_user_id == "u-117"
    assert sahha.asked == ["POST /oauth/account/token", "POST /oauth/profile/register", "POST /oauth/profile/token"]


@pytest.mark.parametrize("changed", [
    {"value": "-3"}, {"category": "vitals", "type": "heart_rate_resting", "unit": "bpm", "value": "420"},
    {"category": "vitals", "type": "heart_rate_resting", "unit": "bpm", "value": "0"},
    {"category": "sleep", "type": "sleep_duration", "unit": "minute", "value": "-12"},
    {"category": "sleep", "type": "sleep_duration", "unit": "hour", "value": "26"}, {**OXYGEN, "value": "0"},
])  # fmt: skip
async def test_a_value_that_nobody_living_can_have_is_kept_and_counted_nowhere(sahha: Sahha, changed: dict[str, Any]) -> None:
    day = await told(sahha, biomarker(**changed))
    [other] = day["sources"]["sahha"]["data"]["other"]
    assert (other["value"], other["value_as_sent"]) == (None, changed["value"])
    assert day["combined"] == {}
    assert await metrics(sahha) == set()


EARLY = "its day has not begun anywhere on earth"
MADE_LATER = "it says that it was made at a time to come"


@pytest.mark.parametrize(("body", "reason"), [
    (biomarker("2026-11-21"), EARLY), (biomarker("2199-01-01"), EARLY),
    ({**score(0.7), "scoreDateTime": "2031-11-16T00:00:00+00:00"}, EARLY),
    (biomarker("2199-01-01", startDateTime="2026-11-16T00:00:00+00:00"), EARLY),
    (biomarker(createdAtUtc="2026-11-20T22:00:00Z"), MADE_LATER), (biomarker(createdAtUtc="2199-01-01T00:00:00Z"), MADE_LATER),
])  # fmt: skip
async def test_what_cannot_be_yet_is_parked_with_its_payload(sahha: Sahha, body: dict[str, Any], reason: str) -> None:
    """Stored, it would stand above whatever is said after it."""
    day = await told(sahha, body, biomarker(type="floors_climbed", value="3"))
    assert set(day["combined"]) == {"floors_climbed_count"}
    [parked] = await sahha.world.rows("select id, reason, raw from wearbase.parked_record where provider = 'sahha'")
    assert (parked["reason"], parked["raw"]) == (reason, body)
    retried = await retry.retry_parked(sahha.world.engine, [parked["id"]])
    assert [(r.result, r.reason) for r in retried] == [("parked", reason)]
    assert len(await sahha.world.rows("select 1 from wearbase.parked_record")) == 1


async def test_a_day_that_has_begun_somewhere_and_a_night_that_has_begun_here_are_stored(sahha: Sahha) -> None:
    tomorrow, clock = "2026-11-19", sahha.world.clock
    await told(
        sahha,
        biomarker(tomorrow, createdAtUtc="2026-11-18T15:00:00Z"),
        biomarker("2026-11-20", type="sleep_duration", category="sleep", unit="minute", startDateTime="2026-11-19T18:00:00+14:00"),
    )
    assert clock.now().date().isoformat() == "2026-11-18"
    assert {key[-10:] for key in await sahha.values("biomarker")} == {tomorrow, "2026-11-20"}
