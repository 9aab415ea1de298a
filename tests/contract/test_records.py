"""Wire records: each is mapped whole or parked with the reason; never half, never with a number that is not the provider's."""

import copy
import re
from datetime import UTC

import pytest

from wearbase.domain.records import ScoreState

UNITS = re.compile(r"(_percent|_ms|_s|_min|_bpm|_c|_kj|_kcal|_m|_fraction|_per_min|_count|_at)$|^(is|has)_")
IDENTITY = {"id", "cycle_id", "score_state", "revision"}


def without_nulls(part):
    """The wire record as a sender would write it that leaves out what it does not have."""
    if isinstance(part, dict):
        return {name: without_nulls(value) for name, value in part.items() if value is not None}
    return part


def reordered(part):
    return {name: reordered(value) for name, value in reversed(part.items())} if isinstance(part, dict) else part


def leaves(values):
    for name, value in values.items():
        if isinstance(value, dict):
            assert UNITS.search(name), f"{name} has no unit for its parts"
            yield from leaves(value)
        else:
            yield name


async def only(samples, resource, raw):
    page = await samples.map(resource, raw)
    assert page.unmappable == []
    [record] = page.records
    return record


async def test_each_sample_is_mapped_and_keeps_its_raw_form(samples, record_sample):
    raw = copy.deepcopy(record_sample.value)
    record = await only(samples, record_sample.resource, record_sample.value)
    assert record.resource == record_sample.resource
    assert record.raw == raw == record_sample.value
    assert record.revision.at.tzinfo is UTC
    for instant in (record.start_at, record.end_at):
        assert instant is None or instant.tzinfo is UTC


async def test_id_is_the_providers_own_or_a_natural_key(samples, record_sample):
    record = await only(samples, record_sample.resource, record_sample.value)
    if "ids" not in samples.contract:
        renamed = await only(samples, record_sample.resource, {**record_sample.value, "id": "another"})
        assert renamed.external_id == record.external_id
        others = samples.contract["natural_keys"][record_sample.resource]
        changed = [await only(samples, record_sample.resource, {**record_sample.value, name: other}) for name, other in others.items()]
        assert len({record.external_id, *(c.external_id for c in changed)}) == 1 + len(others)
        return
    assert record.external_id == str(record_sample.value[samples.contract["ids"][record_sample.resource]]).lower()


async def test_mapping_the_same_record_twice_gives_the_same(samples, record_sample):
    first = await only(samples, record_sample.resource, record_sample.value)
    assert await only(samples, record_sample.resource, record_sample.value) == first


async def test_order_of_members_and_unknown_members_change_nothing(samples, record_sample):
    first = await only(samples, record_sample.resource, record_sample.value)
    raw = {"a_member_of_tomorrow": {"deep": [1]}, **reordered(record_sample.value)}
    again = await only(samples, record_sample.resource, raw)
    assert (again.values, again.external_id, again.revision, again.group_id) == (
        first.values, first.external_id, first.revision, first.group_id,
    )  # fmt: skip


async def test_null_and_absent_mean_the_same(samples, record_sample):
    first = await only(samples, record_sample.resource, record_sample.value)
    sparse = await only(samples, record_sample.resource, without_nulls(record_sample.value))
    assert sparse.values == first.values


async def test_pairs_written_both_ways_are_equal(samples, alike_sample):
    one, other = [await only(samples, alike_sample.resource, raw) for raw in alike_sample.value]
    assert one.values == other.values
    assert (one.start_at, one.end_at, one.score_state) == (other.start_at, other.end_at, other.score_state)


async def test_values_have_one_shape_per_resource(samples, record_sample):
    paths = samples.contract["records"][record_sample.resource]
    first = await only(samples, record_sample.resource, next(iter(samples.pick(*paths)))[1])
    assert list((await only(samples, record_sample.resource, record_sample.value)).values) == list(first.values)


async def test_each_values_name_carries_its_unit(samples, record_sample):
    record = await only(samples, record_sample.resource, record_sample.value)
    free = IDENTITY | set(samples.contract["without_unit"])
    assert [name for name in leaves(record.values) if name not in free and not UNITS.search(name)] == []


async def test_unscored_records_have_no_values_at_all(samples, record_sample):
    record = await only(samples, record_sample.resource, record_sample.value)
    kept = samples.contract["kept_unscored"][record.resource]
    numbers = {name: value for name, value in record.values.items() if name not in kept}
    if record.score_state == ScoreState.SCORED:
        assert any(value is not None for value in numbers.values())
    else:
        assert set(numbers.values()) == {None}


async def test_a_score_is_not_believed_unless_the_state_vouches_for_it(samples, stated_sample):
    record_sample = stated_sample
    record = await only(samples, record_sample.resource, {**record_sample.value, "score_state": "A_WORD_OF_TOMORROW"})
    assert record.score_state == "A_WORD_OF_TOMORROW"
    assert record.is_unsettled
    kept = {*samples.contract["kept_unscored"][record.resource], "steps"}
    assert all(value is None for name, value in record.values.items() if name not in kept)


async def test_samples_hold_every_score_state(samples, provider):
    for resource in provider.resources:
        raws = [sample.value for sample in samples.records() if sample.resource == resource.name]
        states = {record.score_state for record in (await samples.map(resource.name, *raws)).records}
        assert states == set(samples.contract.get("score_states", ScoreState)), resource.name


async def test_a_spoilt_record_is_parked_and_the_rest_kept(samples, parked_sample):
    raw, path = parked_sample.value
    others = [s.value for s in samples.records() if s.resource == parked_sample.resource][:3]
    page = await samples.map(parked_sample.resource, others[0], raw, *others[1:])
    assert [r.raw for r in page.records] == others
    [parked] = page.unmappable
    assert parked.raw == raw
    assert parked.resource == parked_sample.resource
    assert path in parked.reason
    assert parked.external_id


@pytest.mark.parametrize("raw", [None, 7, "text", [], {}], ids=repr)
async def test_what_is_no_record_is_parked(samples, provider, raw):
    for resource in provider.resources:
        page = await samples.map(resource.name, raw)
        assert page.records == []
        assert len(page.unmappable) == 1


async def test_two_parked_records_without_an_id_do_not_hide_each_other(samples, provider):
    for resource in provider.resources:
        one, other, again = (await samples.map(resource.name, {"a": 1}, {"a": 2}, {"a": 1})).unmappable
        assert one.external_id != other.external_id
        assert one.external_id == again.external_id


async def test_a_kept_record_is_mapped_again_as_it_was_read(samples, record_sample):
    read = await only(samples, record_sample.resource, record_sample.value)
    again = record_sample.provider.map_again(record_sample.resource, copy.deepcopy(record_sample.value))
    assert (again.records, again.unmappable) == ([read], [])


def test_what_is_mapped_again_and_still_not_understood_is_set_aside(provider):
    for resource in provider.resources:
        for raw in ({"nonsense": 1}, None, []):
            page = provider.map_again(resource.name, raw)
            assert page.records == []
            [set_aside] = page.unmappable
            assert (set_aside.resource, set_aside.raw) == (resource.name, raw)
