"""Nothing is left to do: what a skeleton leaves open is named here, one failing test for each."""

import inspect
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.conftest import ALL, Samples

NEVER_EMPTY = ("records", "parked", "by_id", "answers", "grants", "no_quota")
OF_DELIVERIES = ("accepted", "rejected", "malformed", "unknown")


def left_to_do(samples: Samples) -> Iterator[tuple[str, str]]:
    """What and where: what the samples say of themselves, and every TODO of the provider's files and samples."""
    yield from ((f"{samples.folder.name}/contract.json: {section}", text) for section, text in samples.contract.get("todo", {}).items())
    package = Path(inspect.getfile(type(samples.provider.webhook))).parent
    for path in (*sorted(package.glob("*.py")), *sorted(samples.folder.glob("*.json"))):
        for number, line in enumerate(path.read_text().splitlines(), start=1):
            if "TODO" in line:
                yield f"{path.parent.name}/{path.name} line {number}", line.partition("TODO")[2].strip(' "(),')


OPEN = [(samples, what) for samples in ALL for what in (list(left_to_do(samples)) or [None])]
NAMES = [f"{samples.provider.name}-{what[0] if what else 'complete'}" for samples, what in OPEN]


@pytest.mark.parametrize("what", [what for _, what in OPEN], ids=NAMES)
def test_nothing_is_left_to_do(what):
    assert what is None, f"{what[0]}: {what[1]}"


@pytest.mark.parametrize("section", NEVER_EMPTY)
def test_no_kind_of_sample_is_missing(samples, section):
    assert samples.contract[section], f"{samples.provider.name}: contract.json has no {section}"


@pytest.mark.parametrize("kind", OF_DELIVERIES)
def test_no_kind_of_delivery_is_missing(samples, kind):
    assert samples.contract["webhooks"][kind], f"{samples.provider.name}: contract.json has no {kind} deliveries"


def test_a_walk_has_pages_every_end_and_half_an_answer(samples):
    paging = samples.contract["paging"]
    assert paging["broken"], f"{samples.provider.name}: no broken pages"
    if "token_parameter" in paging:
        assert len(list(samples.pick(paging["pages"]))) > 1, f"{samples.provider.name}: a walk of one page shows no paging"
        assert paging["last"], f"{samples.provider.name}: no end of a walk"
