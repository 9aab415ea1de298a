"""Progress of the walks over a resource: opened, moved a page at a time with the page's own transaction, closed."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from wearbase.domain.timetable import LONG_OVERLAP
from wearbase.domain.windows import Window
from wearbase.store.connections import Connection
from wearbase.store.postgres.database import Tx, row, run, value

CLOCKS_DIFFER = timedelta(seconds=5)
_STILL_DUE = "marks > window_marks or asked_start is not null"
_WHERE = "where user_id = %(u)s and provider = %(p)s and resource = %(r)s"


def _who(connection: Connection, resource: str) -> dict[str, object]:
    return {"u": connection.user_id, "p": connection.provider, "r": resource}


async def attempt(tx: Tx, connection: Connection, resource: str, *, now: datetime) -> None:
    """Notes that the resource is being tried; success is noted separately."""
    await run(tx, f"update wearbase.sync_state set last_attempt_at = %(now)s {_WHERE}", {**_who(connection, resource), "now": now})


async def open_window(tx: Tx, connection: Connection, resource: str, *, window: Window, is_asked: bool) -> None:
    """Fixes the window of a new walk. A window that somebody asked for is taken from the wish list."""
    await run(
        tx,
        f"""update wearbase.sync_state set window_start = %(a)s, window_end = %(b)s, page_token = null, window_is_asked = %(asked)s,
                   window_marks = marks,
                   asked_start = case when %(asked)s then null else asked_start end,
                   asked_end = case when %(asked)s then null else asked_end end {_WHERE}""",
        {**_who(connection, resource), "a": window.start, "b": window.end, "asked": is_asked},
    )


async def turn_page(tx: Tx, connection: Connection, resource: str, *, token: str | None, stored: int) -> None:
    """After a page of the window that is not its last."""
    await run(
        tx,
        f"""update wearbase.sync_state set page_token = %(token)s, api_calls = api_calls + 1, records_synced = records_synced + %(stored)s,
                   paged_from = window_start, paged_at = window_end {_WHERE}""",
        {**_who(connection, resource), "token": token, "stored": stored},
    )


async def close_asked(tx: Tx, connection: Connection, resource: str, *, stored: int) -> None:
    """After the last page of a window that somebody asked for; the usual one is read next."""
    await run(
        tx,
        f"""update wearbase.sync_state set window_start = null, window_end = null, page_token = null, window_is_asked = false,
                   api_calls = api_calls + 1, records_synced = records_synced + %(stored)s {_WHERE}""",
        {**_who(connection, resource), "stored": stored},
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Next:
    """When the timetable has a resource due again, and as what."""

    at: datetime
    reason: str
    priority: int
    slot: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Closing:
    """What is known when a window's last page is stored."""

    window: Window
    overlap: timedelta
    next: Next
    stored: int
    now: datetime


async def close_window(tx: Tx, connection: Connection, resource: str, closing: Closing) -> None:
    """After the last page: the watermark moves to the window's explicit end, if the window began early enough.

    A mark made while the walk was under way keeps the resource due.
    """
    await run(
        tx,
        f"""update wearbase.sync_state
               set watermark = case when %(a)s <= watermark - %(overlap)s then greatest(watermark, %(b)s) else watermark end,
                   covered_at = case when %(a)s <= %(b)s - %(overlap)s then greatest(covered_at, %(b)s) else covered_at end,
                   long_covered_at = case when %(a)s <= %(b)s - %(long)s then greatest(long_covered_at, %(b)s) else long_covered_at end,
                   paged_from = case when page_token is not null then paged_from end,
                   window_start = null, window_end = null, page_token = null, served_marks = window_marks,
                   cause = case when {_STILL_DUE} then cause end,
                   due_at = case when {_STILL_DUE} then due_at else %(next_at)s end,
                   reason = case when {_STILL_DUE} then reason else %(next_reason)s end,
                   priority = case when {_STILL_DUE} then priority else %(next_priority)s end,
                   slot = case when {_STILL_DUE} then slot else %(next_slot)s end,
                   last_success_at = %(now)s, error = null, attempts = 0, api_calls = api_calls + 1,
                   records_synced = records_synced + %(stored)s {_WHERE}""",
        {
            **_who(connection, resource), **_next(closing.next), "a": closing.window.start, "b": closing.window.end,
            "overlap": closing.overlap, "long": LONG_OVERLAP, "stored": closing.stored, "now": closing.now,
        },
    )  # fmt: skip


async def skip(tx: Tx, connection: Connection, resource: str, *, marks: int, until: Next) -> None:
    """Nothing had to be read: due again as the timetable says, unless something came meanwhile."""
    await run(
        tx,
        f"""update wearbase.sync_state set due_at = %(next_at)s, reason = %(next_reason)s, priority = %(next_priority)s,
                   slot = %(next_slot)s, served_marks = marks, cause = null {_WHERE} and marks = %(marks)s and asked_start is null""",
        {**_who(connection, resource), **_next(until), "marks": marks},
    )


def _next(due: Next) -> dict[str, object]:
    return {"next_at": due.at, "next_reason": due.reason, "next_priority": due.priority, "next_slot": due.slot}


async def pending_reads(tx: Tx, connection: Connection, resource: str) -> int:
    """How many reads in a row have found records still unscored."""
    return int(await value(tx, f"select pending_reads from wearbase.sync_state {_WHERE}", _who(connection, resource)) or 0)


async def expect_scores(tx: Tx, connection: Connection, resource: str, *, due_at: datetime | None, is_settled: bool) -> None:
    """Counts a read that found records still unscored and asks again at `due_at`; forgets the count once all are settled."""
    await run(
        tx,
        f"""update wearbase.sync_state
               set pending_reads = case when %(settled)s then 0 else pending_reads + 1 end,
                   reason = case when %(due)s::timestamptz < due_at then 'pending' else reason end,
                   priority = case when %(due)s::timestamptz < due_at then 1 else priority end,
                   slot = case when %(due)s::timestamptz < due_at then null else slot end,
                   due_at = least(due_at, %(due)s::timestamptz) {_WHERE}""",
        {**_who(connection, resource), "due": due_at, "settled": is_settled},
    )


async def turn_backfill_page(tx: Tx, connection: Connection, resource: str, *, token: str, stored: int, now: datetime) -> None:
    """After a page of history that is not its last; the resource goes to the end of the queue."""
    await run(
        tx,
        f"""update wearbase.sync_state set backfill_token = %(token)s, backfill_pages = backfill_pages + 1, backfill_due_at = %(now)s,
                   backfill_error = null, backfill_attempts = 0, api_calls = api_calls + 1,
                   records_synced = records_synced + %(stored)s {_WHERE}""",
        {**_who(connection, resource), "token": token, "stored": stored, "now": now},
    )


async def close_backfill(tx: Tx, connection: Connection, resource: str, *, window: Window, stored: int) -> None:
    """After the last page of history: everything from its start on is stored; the first one sets the watermark.

    What is current is another matter: neither its success nor its failure is touched.
    """
    await run(
        tx,
        f"""update wearbase.sync_state
               set watermark = coalesce(watermark, %(b)s), history_from = least(history_from, %(a)s),
                   backfill_start = null, backfill_end = null, backfill_token = null, backfill_due_at = null,
                   backfill_pages = backfill_pages + 1, backfill_error = null, backfill_attempts = 0, api_calls = api_calls + 1,
                   records_synced = records_synced + %(stored)s {_WHERE}""",
        {**_who(connection, resource), "a": window.start, "b": window.end, "stored": stored},
    )


async def read_again(tx: Tx, connection: Connection, resource: str, *, removed_at: datetime, now: datetime) -> None:
    """After a record went away while several pages were read: the pages moved by one, and one record may lie on none of them."""
    await run(
        tx,
        f"""update wearbase.sync_state set asked_start = least(coalesce(asked_start, paged_from), paged_from),
                   asked_end = greatest(coalesce(asked_end, paged_at), paged_at), marks = marks + 1, reason = 'delivery', slot = null,
                   priority = least(coalesce(priority, 1), 1), due_at = %(now)s, paged_from = null, paged_at = null
            {_WHERE} and paged_from is not null and due_at is not null
               and %(removed)s between paged_at and last_success_at + %(skew)s::interval""",
        {**_who(connection, resource), "removed": removed_at, "now": now, "skew": CLOCKS_DIFFER},
    )


async def restart(tx: Tx, connection: Connection, resource: str) -> None:
    """Begins the open walks again at their first page: an offset cursor cannot be trusted after a record was removed."""
    sql = f"update wearbase.sync_state set page_token = null, backfill_token = null, backfill_pages = 0 {_WHERE}"
    await run(tx, sql, _who(connection, resource))


_FAIL = f"""
update wearbase.sync_state set error = %(error)s, attempts = attempts + 1, last_attempt_at = %(now)s, due_at = coalesce(%(retry)s, due_at),
       priority = coalesce(priority, 2), reason = coalesce(reason, 'retry') {_WHERE}
"""
_FAIL_HISTORY = f"""
update wearbase.sync_state set backfill_error = %(error)s, backfill_attempts = backfill_attempts + 1, backfill_due_at = %(retry)s {_WHERE}
"""


async def fail(
    tx: Tx, connection: Connection, resource: str, *, error: str, retry_at: datetime | None, in_backfill: bool, now: datetime
) -> None:
    """Notes a failure; nothing moves. Without `retry_at` the due time stays.

    Priority and reason stay, so that it is tried again for the same cause. A failure of the history is noted apart.
    """
    noted = {**_who(connection, resource), "error": error, "retry": retry_at, "now": now}
    await run(tx, _FAIL_HISTORY if in_backfill else _FAIL, noted)


async def attempts(tx: Tx, connection: Connection, resource: str, *, in_backfill: bool = False) -> int:
    """How many times in a row the resource, or its history, has failed."""
    counts = await row(tx, f"select attempts, backfill_attempts from wearbase.sync_state {_WHERE}", _who(connection, resource))
    return int(counts["backfill_attempts" if in_backfill else "attempts"]) if counts else 0


async def count_read(tx: Tx, connection: Connection, resource: str, *, stored: int) -> None:
    """Counts a read by id, which moves nothing else."""
    await run(
        tx,
        f"update wearbase.sync_state set api_calls = api_calls + 1, records_synced = records_synced + %(stored)s {_WHERE}",
        {**_who(connection, resource), "stored": stored},
    )


async def start_backfill(tx: Tx, connection: Connection, resource: str, *, window: Window, now: datetime) -> None:
    """Sets the first history window of a new connection; never shortens what is under way."""
    await run(
        tx,
        f"""update wearbase.sync_state set backfill_start = %(a)s, backfill_end = %(b)s, backfill_token = null, backfill_pages = 0,
                   backfill_due_at = %(now)s {_WHERE} and watermark is null and backfill_end is null""",
        {**_who(connection, resource), "a": window.start, "b": window.end, "now": now},
    )
