"""Which walks a visit makes: one pure function from what is due to a list."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from wearbase.domain.windows import Window
from wearbase.store.work.due import SyncState


class Lane(Enum):
    RECENT = "recent"  # from the watermark, less the overlap, to now
    ASKED = "asked"  # a range that a person named
    BACKFILL = "backfill"  # history, newest first, after everything else


@dataclass(frozen=True, slots=True, kw_only=True)
class Walk:
    """One window of one resource, from the page where it stands. `is_open`: it began in an earlier visit."""

    resource: str
    lane: Lane
    window: Window
    token: str | None
    is_open: bool


def walks(states: Sequence[SyncState], *, now: datetime, overlap: timedelta) -> list[Walk]:
    """Everything that is due now; history only when nothing else is."""
    urgent = [_urgent(state, now=now, overlap=overlap) for state in states if state.due_at is not None and state.due_at <= now]
    return urgent or [walk for state in states if (walk := _history(state, now=now))]


def _urgent(state: SyncState, *, now: datetime, overlap: timedelta) -> Walk:
    if state.open_window is not None:
        lane = Lane.ASKED if state.window_is_asked else Lane.RECENT
        return Walk(resource=state.resource, lane=lane, window=state.open_window, token=state.page_token, is_open=True)
    if state.asked is not None:
        return Walk(resource=state.resource, lane=Lane.ASKED, window=state.asked, token=None, is_open=False)
    start = (state.watermark or now) - overlap
    window = Window(min(start, now - overlap), now)
    return Walk(resource=state.resource, lane=Lane.RECENT, window=window, token=None, is_open=False)


def _history(state: SyncState, *, now: datetime) -> Walk | None:
    if state.backfill is None or state.backfill_due_at is None or state.backfill_due_at > now:
        return None
    return Walk(resource=state.resource, lane=Lane.BACKFILL, window=state.backfill, token=state.backfill_token, is_open=True)
