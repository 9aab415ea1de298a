"""The operator's figures as JSON. Pure."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

from wearbase.read.status import rfc3339
from wearbase.store.watching.overview import Arrived, Crowd, Held, Open

AGES_S = (0, 60, 300, 900, 3_600, 21_600, 93_600)  # the last is the age from which on a member is late
ALIVE_WITHIN = timedelta(seconds=30)
HALF_HOUR = timedelta(minutes=30)


def members_shown(crowds: Sequence[Crowd], *, words: Sequence[str], now: datetime) -> dict[str, Any]:
    """Members by state and by the age of their newest success."""
    by_word = {word: sum(c.members for c in crowds if c.word == word) for word in words}
    parts = []
    for nth, begins in enumerate(AGES_S):
        # Beyond the newest bound is a success that was noted a moment after it was asked for.
        here = [c for c in crowds if c.age is not None and max(0, len(AGES_S) - 1 - c.age) == nth]
        parts.append(
            {
                "from_s": begins, "until_s": AGES_S[nth + 1] if nth + 1 < len(AGES_S) else None, "members": sum(c.members for c in here),
                "idle": sum(c.members for c in here if c.is_idle), "late": sum(c.members for c in here if c.word == "stale"),
            }
        )  # fmt: skip
    medians = [c.median_at for c in crowds if c.median_at is not None]
    return {
        "members": {"total": sum(c.members for c in crowds), **by_word},
        "freshness": {
            "parts": parts, "never": sum(c.members for c in crowds if c.age is None),
            "median_s": max(0, round((now - medians[0]).total_seconds())) if medians else None,
        },
    }  # fmt: skip


def deliveries_shown(arrived: Mapping[datetime, Arrived], waiting: Open, *, day: datetime, now: datetime) -> dict[str, Any]:
    """The day's deliveries. Those of idle members wait on purpose: they say nothing about how quick we are."""
    stored, quick = sum(a.stored for a in arrived.values()), sum(a.quick for a in arrived.values())
    unknown, parked = sum(a.unknown for a in arrived.values()), sum(a.parked for a in arrived.values())
    judged = stored + waiting.late
    count = int((half_hour(now) - day) / HALF_HOUR) + 1
    return {
        "stored": stored, "unknown": unknown, "parked": parked, "waiting": waiting.waiting, "waiting_idle": waiting.idle,
        "total": sum(a.received for a in arrived.values()),
        "quick_percent": round(100 * quick / judged, 1) if judged else None,
        "by_half_hour": [a.received if (a := arrived.get(day + nth * HALF_HOUR)) else 0 for nth in range(count)],
    }  # fmt: skip


def half_hour(at: datetime) -> datetime:
    """When the half hour of that instant began."""
    return at.replace(minute=at.minute // 30 * 30, second=0, microsecond=0)


def workers_shown(held: Sequence[Held], *, now: datetime) -> list[dict[str, Any]]:
    """Every worker, alive or not, and what it is at."""
    found = []
    for worker, pieces in groupby(held, key=lambda h: (h.worker, h.started_at, h.heartbeat_at)):
        name, started_at, heartbeat_at = worker
        work = [_piece(p, now=now) for p in pieces if p.user_id is not None or p.chore is not None]
        found.append(
            {
                "id": name, "started_at": rfc3339(started_at), "heartbeat_at": rfc3339(heartbeat_at),
                "is_alive": now - heartbeat_at <= ALIVE_WITHIN, "work": work,
            }
        )  # fmt: skip
    return found


def _piece(held: Held, *, now: datetime) -> dict[str, Any]:
    left = held.lease_until - now if held.lease_until else None
    return {
        "user_id": held.user_id, "provider": held.provider, "chore": held.chore, "reasons": held.reasons or [],
        "resources": held.resources or [], "is_history": bool(held.is_in_backfill) and not held.resources,
        "waits_until": rfc3339(held.closed_until), "lease_s": max(0, round(left.total_seconds())) if left else None,
    }  # fmt: skip


def _arrived_in(found: Arrived | None) -> int:
    return 0 if found is None else found.stored + found.unknown + found.parked
