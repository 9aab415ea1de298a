"""Oura's example documents, all synthetic, and a sender that answers from a list."""

import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from wearbase.domain.provider import Request, Response, StoredRecord
from wearbase.domain.records import Record
from wearbase.providers.oura import PROVIDER

FOLDER = Path(__file__).parents[3] / "fixtures" / "oura"
NOW = datetime(2026, 5, 14, 7, 0, tzinfo=UTC)


@pytest.fixture(scope="session")
def examples() -> dict[str, Any]:
    return json.loads((FOLDER / "oura-examples.json").read_text())


@pytest.fixture(scope="session")
def document() -> dict[str, Any]:
    return json.loads((FOLDER / "day-document.json").read_text())


@pytest.fixture
def now() -> datetime:
    return NOW


class Oura:
    """Gives its answers one after the other, and remembers what was asked."""

    def __init__(self) -> None:
        self.answers: list[Any] = []
        self.requests: list[Request] = []

    async def __call__(self, request: Request) -> Response:
        self.requests.append(request)
        answer = self.answers.pop(0)
        status, body = (answer, b"") if isinstance(answer, int) else (200, json.dumps(answer).encode())
        return PROVIDER.rules.check(Response(status, {}, body), now=NOW)


@pytest.fixture
def oura() -> Oura:
    return Oura()


def as_stored(record: Record, *, revision_at: datetime = NOW) -> StoredRecord:
    """A mapped record as the store gives it back."""
    return StoredRecord(
        resource=record.resource, external_id=record.external_id, group_id=record.group_id, parent_id=record.parent_id,
        dating=record.dating, start_at=record.start_at, end_at=record.end_at, utc_offset_min=record.utc_offset_min,
        day=record.given_day or date(1970, 1, 1), revision_at=revision_at, score_state=record.score_state, values=record.values,
    )  # fmt: skip


@pytest.fixture
def stored():
    return as_stored
