"""docs/settings.md: every setting that there is and no other, with its true default and bounds."""

import re
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

import pytest
from pydantic import TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from wearbase.settings import Settings, SourceSettings
from wearbase.settings.advice import BESIDE

DOCS = Path(__file__).parents[2] / "docs"
FIELDS = {
    **{name.upper(): field for name, field in Settings.model_fields.items() if name != "other_sources"},
    **{f"<NAME>_{name.upper()}": field for name, field in SourceSettings.model_fields.items()},
}
ROWS = {
    row[1]: (row[2].strip(), row[3].strip())
    for row in re.finditer(r"^\| `([A-Z_<>]+)` \|.*\|([^|]*)\|([^|]*)\|$", (DOCS / "settings.md").read_text(), re.MULTILINE)
}
BOUNDED = {name: bounds for name, (_, bounds) in ROWS.items() if bounds}


def taken(field: FieldInfo, text: str) -> Any:
    return TypeAdapter(Annotated[field.annotation, "setting", *field.metadata]).validate_python(text)  # type: ignore[name-defined]


def beyond(bound: str, by: int) -> str:
    """The nearest value on the other side."""
    number, unit = re.fullmatch(r"(\d+)([a-z]*)", bound).groups()  # type: ignore[union-attr]
    return f"{int(number) + by}{unit}"


def test_the_page_names_every_setting_and_no_other() -> None:
    assert set(ROWS) == set(FIELDS) | BESIDE


@pytest.mark.parametrize("name", FIELDS)
def test_its_default_is_the_true_one(name: str) -> None:
    told, _ = ROWS[name]
    default = FIELDS[name].default
    assert default in (None, (), "") if told == "none" else taken(FIELDS[name], told.strip("`")) == default


@pytest.mark.parametrize("name", BOUNDED)
def test_its_bounds_are_the_true_ones(name: str) -> None:
    least, most = BOUNDED[name].split(" to ")
    for within in (least, most):
        assert isinstance(taken(FIELDS[name], within), int | timedelta)
    for without in (beyond(least, -1), beyond(most, 1)):
        with pytest.raises(ValidationError):
            taken(FIELDS[name], without)


def test_what_has_bounds_says_so() -> None:
    made = {name for name, field in FIELDS.items() if re.search(r"^(?!.*tuple).*\b(int|timedelta)\b", str(field.annotation))}
    assert made == set(BOUNDED)


def test_the_other_pages_that_it_points_to_have_those_places() -> None:
    for page, place in re.findall(r"\]\(([a-z-]+\.md)#([a-z-]+)\)", (DOCS / "settings.md").read_text()):
        heads = re.findall(r"^#+ (.+)$", (DOCS / page).read_text(), re.MULTILINE)
        assert place in {re.sub(r"[^a-z0-9 -]", "", head.lower()).replace(" ", "-") for head in heads}, (page, place)
