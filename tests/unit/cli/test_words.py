"""What people type, and what they are told when it cannot be."""

from datetime import UTC, date, datetime, timedelta

import pytest

from wearbase.cli import words
from wearbase.cli.exits import Code, Stop

NOW = datetime(2026, 5, 14, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("7d", NOW - timedelta(days=7)),
        ("12h", NOW - timedelta(hours=12)),
        ("2w", NOW - timedelta(days=14)),
        ("1y", NOW - timedelta(days=365)),
        ("2026-01-01", datetime(2026, 1, 1, tzinfo=UTC)),
    ],
)
def test_since(text: str, at: datetime) -> None:
    assert words.since(text, now=NOW) == at


@pytest.mark.parametrize("text", ["", "7", "d", "7 days", "-7d", "2026-02-30", "2026-1-1", "20260101", "0d", "2026-05-15"])
def test_what_since_cannot_be(text: str) -> None:
    with pytest.raises(Stop) as stopped:
        words.since(text, now=NOW)
    assert stopped.value.code == Code.USAGE


def test_day_and_length() -> None:
    assert words.day("2026-05-14") == date(2026, 5, 14)
    assert words.length("90d") == timedelta(days=90)
    with pytest.raises(Stop):
        words.length("2026-05-14")


@pytest.mark.parametrize("text", ["ann", "a@b.example", "x" * 128, "a|b:c+d-e~f_g.h"])
def test_user_ids(text: str) -> None:
    assert words.user(text) == text


@pytest.mark.parametrize("text", ["", "x" * 129, "a b", "a/b", "ä", "a\n"])
def test_what_a_user_id_cannot_be(text: str) -> None:
    with pytest.raises(Stop) as stopped:
        words.user(text)
    assert stopped.value.code == Code.USAGE
