"""WHOOP's example payloads, and a sender that answers from a table of paths."""

import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from wearbase.domain.provider import Request, Resource, Response, StoredRecord
from wearbase.domain.records import Record
from wearbase.providers.whoop import PROVIDER

FOLDER = Path(__file__).parents[3] / "fixtures" / "whoop"
NOW = datetime(2026, 11, 4, 12, 20, tzinfo=UTC)


@pytest.fixture(scope="session")
def examples() -> dict[str, Any]:
    return json.loads((FOLDER / "whoop-examples.json").read_text())


@pytest.fixture(scope="session")
def document() -> dict[str, Any]:
    return json.loads((FOLDER / "day-document.json").read_text())


@pytest.fixture
def now() -> datetime:
    return NOW


def declared(name: str) -> Resource:
    """One of WHOOP's resources."""
    resource = PROVIDER.resource(name)
    assert resource
    return resource


@pytest.fixture
def resource_of():
    return declared


class Whoop:
    """Answers by path and remembers what was asked."""

    def __init__(self, **answers: Any) -> None:
        self.answers: dict[str, Any] = dict(answers)
        self.requests: list[Request] = []

    async def __call__(self, request: Request) -> Response:
        self.requests.append(request)
        answer = self.answers.get(request.path, 404)
        status, body = (answer, b"") if isinstance(answer, int) else (200, json.dumps(answer).encode())
        return PROVIDER.oauth.check(Response(status, {}, body), now=NOW)

    @property
    def paths(self) -> list[str]:
        return [request.path for request in self.requests]


@pytest.fixture
def whoop() -> Whoop:
    return Whoop()


def as_stored(record: Record, day: date = date(2026, 5, 14)) -> StoredRecord:
    """A mapped record as the store gives it back."""
    return StoredRecord(
        resource=record.resource, external_id=record.external_id, group_id=record.group_id, parent_id=record.parent_id,
        dating=record.dating, start_at=record.start_at, end_at=record.end_at, utc_offset_min=record.utc_offset_min, day=day,
        revision_at=record.revision.at, score_state=record.score_state, values=record.values,
    )  # fmt: skip


@pytest.fixture
def stored():
    return as_stored
