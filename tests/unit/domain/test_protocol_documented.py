"""The guide to adding a provider explains every field that one declares, and every section of its samples."""

import re
from dataclasses import fields
from pathlib import Path

import pytest

from tests.contract.test_declaration import SECTIONS
from wearbase.domain.provider import Provider, Resource
from wearbase.domain.quantities import Quantity
from wearbase.domain.records import Dating, Record
from wearbase.settings import SourceSettings

GUIDE = (Path(__file__).parents[3] / "docs" / "adding-a-provider.md").read_text()
NAMED = set(re.findall(r"`([^`\s]+)`", GUIDE))


@pytest.mark.parametrize("kind", [Provider, Resource, Record, Quantity])
def test_every_field_is_explained(kind):
    assert [field.name for field in fields(kind) if field.name not in NAMED] == []


def test_every_rule_of_a_day_every_section_of_samples_and_every_setting_is_explained():
    assert [rule.name for rule in Dating if rule.name not in NAMED and f"Dating.{rule.name}" not in NAMED] == []
    assert sorted(SECTIONS - NAMED) == []
    assert [name for name in SourceSettings.model_fields if f"<NAME>_{name.upper()}" not in NAMED] == []


def test_what_is_explained_exists():
    declared = {field.name for kind in (Provider, Resource, Record) for field in fields(kind)}
    tables = re.findall(r"^\| `(?:Provider|Resource|Record)` field \|.*?(?=\n\n)", GUIDE, re.MULTILINE | re.DOTALL)
    assert len(tables) == 3
    rows = [row.split("|")[1] for table in tables for row in table.splitlines()[2:]]
    assert [name for row in rows for name in re.findall(r"`([^`]+)`", row) if name not in declared] == []
