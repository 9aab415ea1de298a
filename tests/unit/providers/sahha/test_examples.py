"""Every payload of the examples is used: as a record, an answer or a delivery; or it is of a kind that wearbase does not read."""

import json

import pytest

from wearbase.domain.errors import BadSignature, WearbaseError
from wearbase.domain.provider import Response
from wearbase.providers.sahha import PROVIDER
from wearbase.providers.sahha.mapping import map_archetype, map_biomarker, map_score

USED = {
    "webhookKey", "accountToken", "registerProfile", "profileToken", "profile", "scores", "biomarkers", "biomarkerOddities", "archetypes",
    "errors", "noResults", "webhooks", "whoopConversionVector",
}  # fmt: skip
NOT_READ = {"note", "profilePage", "trends", "comparisons", "integrations", "dataLogInput"}

RECORDS = {
    "sleep/2026-11-18": 91, "activity/2026-11-18": 89, "readiness/2026-11-18": 86, "wellbeing/2026-11-18": 90,
    "mental_wellbeing/2026-11-18": 84,
    "sleep/sleep_start_time/day/2026-11-18": "2026-11-17T09:48:00.000Z", "sleep/sleep_end_time/day/2026-11-18": "2026-11-17T17:36:00.000Z",
    "sleep/sleep_mid_time/day/2026-11-18": "2026-11-17T13:42:00.000Z", "sleep/sleep_in_bed_duration/day/2026-11-18": 28_080,
    "sleep/sleep_duration/day/2026-11-18": 26_220, "sleep/sleep_awake_duration/day/2026-11-18": 1860,
    "sleep/sleep_light_duration/day/2026-11-18": 14_100, "sleep/sleep_deep_duration/day/2026-11-18": 5640,
    "sleep/sleep_rem_duration/day/2026-11-18": 6480, "sleep/sleep_interruptions/day/2026-11-18": 9,
    "sleep/sleep_efficiency/day/2026-11-18": 93.4, "sleep/sleep_regularity/weekly/2026-11-18": 92.1,
    "sleep/sleep_debt/weekly/2026-11-18": 2926.8, "vitals/heart_rate_resting/day/2026-11-18": 52,
    "vitals/heart_rate_sleep/day/2026-11-18": 54.6, "vitals/heart_rate_variability_rmssd/day/2026-11-18": 64.2,
    "vitals/respiratory_rate_sleep/day/2026-11-18": 14.9, "vitals/oxygen_saturation_sleep/day/2026-11-18": 96.4,
    "vitals/skin_temperature_sleep/day/2026-11-18": 33.9, "activity/steps/day/2026-11-18": 8421,
    "activity/active_energy_burned/day/2026-11-18": 612, "activity/total_energy_burned/day/2026-11-18": 2487,
    "activity/steps/day/2026-11-19": 1204, "sleep/sleep_debt/weekly/2026-11-17": 0,
    "activity_level/weekly/2026-11-09": "moderately_active", "sleep_pattern/weekly/2026-11-09": "consistent_early_sleeper",
}  # fmt: skip


def test_every_part_of_the_examples_is_accounted_for(examples):
    assert examples.keys() == USED | NOT_READ


def test_every_record_of_the_examples_has_its_key_and_value(examples):
    records = [map_score(raw) for raw in examples["scores"]]
    records += [map_biomarker(raw) for raw in (*examples["biomarkers"], *examples["biomarkerOddities"].values())]
    records += [map_archetype(raw) for raw in examples["archetypes"]]
    assert {r.external_id: r.values["score" if r.resource == "score" else "value"] for r in records} == RECORDS
    assert all(r.external_id.endswith(str(r.given_day)) for r in records if r.resource != "archetype")
    assert [r.external_id for r in records if r.revision.rank == 0] == ["activity/steps/day/2026-11-19"]
    assert {r.resource for r in records if r.is_dated_by_read} == {"biomarker", "archetype"}


def test_every_delivery_of_the_examples_does_what_its_name_says(examples, now):
    for name, hook in examples["webhooks"].items():
        headers, body = {k.lower(): v for k, v in hook["headers"].items()}, hook["rawBody"].encode()
        assert json.loads(body) == hook["body"]
        if name.startswith("reject"):
            with pytest.raises(BadSignature):
                PROVIDER.webhook.verify(headers, body, examples["webhookKey"], now)
            continue
        assert PROVIDER.webhook.verify(headers, body, examples["webhookKey"], now) <= now
        [notice] = PROVIDER.webhook.parse(body, headers)
        assert bool(notice.records) == (name not in ("dataLog", "accept_and_park_unknown_event"))


def test_every_error_of_the_examples_is_an_error(examples, now):
    for name, body in examples["errors"].items():
        with pytest.raises(WearbaseError):
            PROVIDER.rules.check(Response(int(name[:3]), {}, json.dumps(body).encode()), now=now)
