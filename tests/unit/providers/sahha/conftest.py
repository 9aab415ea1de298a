"""Sahha's example payloads, and a sender that answers from a table of paths."""

import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from wearbase.domain.provider import Request, Response, StoredRecord
from wearbase.domain.records import Record
from wearbase.providers.sahha import PROVIDER

FOLDER = Path(__file__).parents[3] / "fixtures" / "sahha"
NOW = datetime(2026, 11, 20, 12, 20, tzinfo=UTC)


@pytest.fixture(scope="session")
def examples() -> dict[str, Any]:
    return json.loads((FOLDER / "sahha-examples.json").read_text())


@pytest.fixture(scope="session")
def document() -> dict[str, Any]:
    return json.loads((FOLDER / "day-document.json").read_text())


@pytest.fixture
def now() -> datetime:
    return NOW


class Sahha:
    """Answers each path from its own list, the last answer for ever, and remembers what was asked."""

    def __init__(self) -> None:
        self.answers: dict[str, list[Any]] = {}
        self.requests: list[Request] = []

    def will(self, path: str, *answers: Any) -> None:
        self.answers[path] = list(answers)

    async def __call__(self, request: Request) -> Response:
        self.requests.append(request)
        told = self.answers.get(request.path, [404])
        answer = told.pop(0) if len(told) > 1 else told[0]
        status, body = (answer, b"") if isinstance(answer, int) else (200, json.dumps(answer).encode())
        return PROVIDER.rules.check(Response(status, {}, body), now=NOW)

    @property
    def paths(self) -> list[str]:
        return [request.path for request in self.requests]


@pytest.fixture
def sahha() -> Sahha:
    return Sahha()


def biomarker_of(**changed: Any) -> dict[str, Any]:
    """A night's sleep over the API, as it was captured in 2025; changed where said."""
    return {
        "id": "b00c4ed7-8d63-5f7e-9d9c-9c1f4a5f0001", "category": "sleep", "type": "sleep_duration", "periodicity": "daily",
        "aggregation": "total", "value": "437", "unit": "minute", "valueType": "integer",
        "startDateTime": "2026-11-17T18:00:00+13:00", "endDateTime": "2026-11-18T17:59:59+13:00", **changed,
    }  # fmt: skip


@pytest.fixture
def biomarker():
    return biomarker_of


def as_stored(record: Record) -> StoredRecord:
    """A mapped record as the store gives it back."""
    return StoredRecord(
        resource=record.resource, external_id=record.external_id, group_id=record.group_id, parent_id=record.parent_id,
        dating=record.dating, start_at=record.start_at, end_at=record.end_at, utc_offset_min=record.utc_offset_min,
        day=record.given_day or date(1970, 1, 1), revision_at=record.revision.at, score_state=record.score_state, values=record.values,
    )  # fmt: skip


@pytest.fixture
def stored():
    return as_stored
