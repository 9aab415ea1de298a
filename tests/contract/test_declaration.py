"""What a provider declares: complete, sane and backed by samples."""

import re
from datetime import timedelta

import pytest

from wearbase.domain.errors import NotFound
from wearbase.providers.registry import PROVIDERS
from wearbase.providers.registry import provider as find

SECTIONS = {
    "examples", "page", "records", "alike", "kept_unscored", "without_unit", "parked", "paging", "by_id", "answers", "grants",
    "quota", "no_quota", "webhooks", "day",
}  # fmt: skip


def test_registry_finds_each_provider_by_its_name():
    assert PROVIDERS
    assert all(find(name) is provider and provider.name == name for name, provider in PROVIDERS.items())


@pytest.mark.parametrize("name", ["", "WHOOP", "nobody", "../whoop"])
def test_unknown_provider_is_not_found(name):
    with pytest.raises(NotFound):
        find(name)


def test_samples_cover_every_part_of_the_contract(samples, provider):
    assert samples.contract.keys() >= SECTIONS
    assert len({"ids", "natural_keys"} & samples.contract.keys()) == 1
    assert ("identity" in samples.contract) == (provider.joined_by == "oauth")
    names = {r.name for r in provider.resources}
    assert samples.contract["records"].keys() == samples.contract["by_id"].keys() == samples.contract["kept_unscored"].keys() == names


def test_names_are_plain_words(provider):
    assert re.fullmatch(r"[a-z][a-z0-9_]*", provider.name)
    assert provider.title
    names = [r.name for r in provider.resources]
    assert len(set(names)) == len(names) > 0
    assert all(re.fullmatch(r"[a-z][a-z0-9_]*", name) for name in names)


def test_resources_are_found_by_name(provider):
    assert all(provider.resource(r.name) is r for r in provider.resources)
    assert provider.resource("nothing") is None


def test_companions_are_other_resources(provider):
    for resource in provider.resources:
        assert resource.name not in resource.companions
        assert all(provider.resource(name) for name in resource.companions)


def test_slots_are_local_hours_in_order(provider):
    for resource in provider.resources:
        assert list(resource.slots) == sorted(set(resource.slots))
        assert all(0 <= hour < 24 for hour in resource.slots)


def test_each_resource_is_due_at_least_once_a_day_where_notices_do_not_carry_it(provider):
    if provider.delivers == "notice":
        assert all(resource.slots for resource in provider.resources)


def test_scopes_name_each_need_once(provider):
    assert len(set(provider.scopes)) == len(provider.scopes)
    assert {r.scope for r in provider.resources if r.scope} <= set(provider.scopes)
    assert all(bool(r.scope) == (provider.joined_by == "oauth") for r in provider.resources)
    assert set(provider.extra_scopes) <= set(provider.scopes)


def test_numbers_are_sane(provider):
    assert timedelta(days=1) <= provider.overlap <= timedelta(days=30)
    assert timedelta(0) < provider.refresh_early <= timedelta(hours=1)
    assert 200 <= provider.webhook_success_status < 300
    assert 1024 <= provider.webhook_body_limit_bytes <= 1024 * 1024
    assert 0 < provider.page_size <= 1000
    assert 0 < provider.quota_per_minute <= provider.quota_per_day
