"""A provider's part of a day document: one shape, whatever the day holds."""

import json
import random

import pytest


def expected(samples):
    """The keys of the day document that are the provider's."""
    told = samples.contract["day"]
    document = json.loads((samples.folder / told["document"]).read_text())
    part = {name: value for name, value in document.items() if name not in told["not_the_providers"]}
    return part, {*part, *told["beside_the_document"]}


async def test_a_full_day_has_exactly_the_documents_keys(samples, provider):
    part, keys = expected(samples)
    day, records = await samples.day()
    assert {r.day for r in records} == {day}
    made = provider.assemble_day(records)
    assert made.keys() == keys
    for name, example in part.items():
        if example and isinstance(example, dict):
            assert list(made[name]) == list(example), name
        for item in made[name] if example and isinstance(example, list) else []:
            assert list(item) == list(example[0]), name
            assert {k: set(v) for k, v in item.items() if isinstance(v, dict)} == {
                k: set(v) for k, v in example[0].items() if isinstance(v, dict)
            }
    assert json.loads(json.dumps(made)) == made


async def test_any_part_of_a_day_has_the_same_keys(samples, provider):
    _, keys = expected(samples)
    _, records = await samples.day()
    assert provider.assemble_day([]) == provider.empty_day()
    assert provider.empty_day().keys() == keys
    for i in range(len(records)):
        assert provider.assemble_day(records[:i]).keys() == keys
        assert provider.assemble_day(records[i : i + 1]).keys() == keys


async def test_each_record_of_a_day_is_shown_alone(samples, provider):
    _, records = await samples.day()
    named = samples.contract["day"].get("named", [])
    for record in records:
        told = {record.values["name"]: record.values["value"]} if record.resource in named else record.values
        assert json.dumps(told).strip("{}") in json.dumps(provider.assemble_day([record]))


@pytest.mark.parametrize("seed", range(20))
async def test_order_of_records_does_not_matter(samples, provider, seed):
    _, records = await samples.day()
    shuffled = random.Random(seed).sample(records, len(records))
    assert provider.assemble_day(shuffled) == provider.assemble_day(records)


async def test_assembling_changes_no_record(samples, provider):
    _, records = await samples.day()
    before = json.dumps([r.values for r in records])
    provider.assemble_day(records)
    assert json.dumps([r.values for r in records]) == before


def test_empty_days_do_not_share_their_lists(provider):
    one = provider.empty_day()
    for value in one.values():
        if isinstance(value, list):
            value.append("x")
        elif isinstance(value, dict):
            value["x"] = "x"
    assert provider.empty_day() != one


async def test_metrics_are_numbers_whose_names_carry_units(samples, provider):
    _, records = await samples.day()
    metrics = provider.day_metrics(provider.assemble_day(records))
    assert len(metrics) > 5
    assert all(type(value) is float for value in metrics.values())
    free = set(samples.contract["without_unit"])
    for name in metrics:
        assert name in free or name.endswith(("_percent", "_ms", "_s", "_bpm", "_c", "_kj", "_kcal", "_per_min", "_count")), name


def test_a_day_without_records_has_no_metrics(provider):
    assert provider.day_metrics(provider.empty_day()) == {}
