"""A crowd: copies of a few real members, rows of every table, made inside the database because there are millions."""

from concurrent.futures import ThreadPoolExecutor
from datetime import date
from typing import Any

import psycopg
from psycopg import sql

BATCH, WRITERS = 2_000, 2
IDLE_PERCENT = 30
DELIVERIES_EACH = 5

# What a copy does not share with its source. `s` is the source's row, `m` the new member: their id `u` and number `n`.
# Copies have no tokens and are not due for hours, so that a worker leaves them alone.
_LATER = "%(now)s::timestamptz + interval '8 hours' + m.n %% 50000 * interval '1 second'"
_OWN: dict[str, dict[str, str]] = {
    "connection": {
        "external_user_id": "(%(account)s::bigint + m.n)::text", "access_token": "null", "refresh_token": "null",
        "keepalive_due_at": _LATER, "lease_holder": "null", "lease_until": "null",
        "looked_at": "%(now)s::timestamptz - case when m.n %% 100 < %(idle)s then interval '10 days' else interval '1 hour' end",
    },
    "sync_state": {"due_at": _LATER, "reason": "'timetable'", "priority": "2", "backfill_due_at": "null", "backfill_end": "null"},
    "record": {},
    "day_document": {"body": "replace(s.body, s.user_id, m.u)"},
    "metric": {},
}  # fmt: skip
_OF_DAYS = ("record", "day_document", "metric")
_DELIVERIES = """
insert into wearbase.delivery (user_id, provider, dedup_key, event_type, resource, action, external_id, sent_at, received_at, state,
                               settled_at)
select 'member-' || lpad(n::text, 6, '0'), 'whoop', decode(md5(n || '/' || k), 'hex'), 'workout.updated', 'workout', 'updated',
       md5(n || '-' || k), at, at, 'settled', at
  from generate_series(%(first)s::int, %(last)s::int) n cross join generate_series(1, %(each)s) k
 cross join lateral (select %(now)s::timestamptz - k * interval '1 day' + n %% 80000 * interval '1 second' as at) a
"""


def user_id(number: int) -> str:
    return f"member-{number:06d}"


def grow(url: str, *, first: int, last: int, sources: int, values: dict[str, Any]) -> None:
    """Adds the members of these numbers, with the days since `values["since"]`, and leaves the tables as autovacuum would."""
    given = {**values, "sources": sources, "idle": IDLE_PERCENT, "each": DELIVERIES_EACH}
    batches = [{**given, "first": start, "last": min(last, start + BATCH - 1)} for start in range(first, last + 1, BATCH)]
    with ThreadPoolExecutor(WRITERS) as pool:
        list(pool.map(lambda batch: _add(url, batch), batches))
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("vacuum (analyze)")
        connection.execute("checkpoint")


def _add(url: str, given: dict[str, Any]) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("set synchronous_commit = off")
        for table in _OWN:
            connection.execute(_statement(connection, table), given)
        connection.execute(_DELIVERIES, given)


def last_days(url: str, count: int) -> list[date]:
    """The newest days that every source has."""
    with psycopg.connect(url) as connection:
        found = connection.execute(
            """select day from wearbase.day_document where user_id like 'source-%%' group by day
               having count(*) = (select count(*) from wearbase.connection where user_id like 'source-%%') order by day desc limit %s""",
            (count,),
        ).fetchall()
    assert len(found) == count, f"only {len(found)} days"
    return [row[0] for row in found]


def _statement(connection: psycopg.Connection[Any], table: str) -> sql.Composed:
    """Copies rows of a table with the columns that it has now."""
    columns = [
        row[0]
        for row in connection.execute(
            "select column_name from information_schema.columns where table_schema = 'wearbase' and table_name = %s and is_identity = 'NO'",
            (table,),
        )
    ]
    own = {"user_id": "m.u", **_OWN[table]}
    missing = own.keys() - set(columns)
    assert not missing, f"{table} has no {missing}"
    taken = [sql.SQL(own[name]) if name in own else sql.SQL("s.{}").format(sql.Identifier(name)) for name in columns]  # pyright: ignore[reportArgumentType]
    which = "where s.day >= %(since)s" if table in _OF_DAYS else ""
    return sql.SQL(
        """insert into wearbase.{} ({}) select {}
             from (select n, 'member-' || lpad(n::text, 6, '0') as u, 'source-' || (n %% %(sources)s + 1) as source
                     from generate_series(%(first)s::int, %(last)s::int) n) m
             join wearbase.{} s on s.user_id = m.source """
        + which  # pyright: ignore[reportArgumentType]
    ).format(sql.Identifier(table), sql.SQL(", ").join(map(sql.Identifier, columns)), sql.SQL(", ").join(taken), sql.Identifier(table))
