"""What `wear pull` says of a history that is held up."""

from datetime import UTC, datetime
from typing import Any

import pytest

from wearbase.cli.pull import _history_held_up, _note
from wearbase.read.status import SourceStatus
from wearbase.sync.ask import Outcome

NOW = datetime(2026, 11, 18, 12, 0, tzinfo=UTC)
SOON, LATER = "2026-11-18T12:01:00.000Z", "2026-11-18T13:00:00.000Z"


def outcome(**more: Any) -> Outcome:
    return Outcome(**{"is_done": True, "has_worker": True, "synced": {"sleep": 1}, "api_calls": 1, "errors": {}, **more})


def status(error: str | None = None, failures: int = 0, next_due_at: str | None = SOON) -> SourceStatus:
    history = {"is_running": True, "error": error, "failures": failures, "next_due_at": next_due_at}
    return SourceStatus(
        state="ok", connection=None, resources={"sleep": {"backfill": history}}, open_deliveries=0, parked_deliveries=0,
        parked_records=[], days_stored=0, not_granted=[],
    )  # fmt: skip


@pytest.mark.parametrize(
    ("before", "after", "held_up"),
    [
        (status(), status(), {}),
        (status(), status("waiting_for_calls"), {}),
        (status(), status("waiting_for_calls", next_due_at=LATER), {"sleep": "waiting_for_calls"}),
        (status(), status("provider_unavailable", 1), {"sleep": "provider_unavailable"}),
        (status("provider_unavailable", 3), status("provider_unavailable", 3), {}),
        (status("provider_unavailable", 3), status("provider_unavailable", 3, LATER), {"sleep": "provider_unavailable"}),
        (status("provider_unavailable", 3), status("provider_unavailable", 4), {"sleep": "provider_unavailable"}),
        (status("provider_unavailable", 3), status(None, 0, None), {}),
    ],
)
def test_history_is_held_up_by_a_failure_since_or_a_long_wait(before: SourceStatus, after: SourceStatus, held_up: dict[str, str]) -> None:
    assert _history_held_up(outcome(), before=before, after=after, now=NOW) == held_up


def test_a_bar_says_what_is_waited_for() -> None:
    assert _note(outcome()) == ""
    assert _note(outcome(api_calls=0)) == "waiting for a turn"
    assert _note(outcome(waits_until=NOW)) == "waiting for calls until 12:00:00 UTC"
