"""What was taken back since a backup was made stays taken back: carried over from what the backup replaces."""

from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql

from wearbase.store import erasure
from wearbase.store.keys import NOT_KEPT
from wearbase.store.member import marks
from wearbase.store.postgres.schema import ASIDE
from wearbase.store.sealing import KeyRing

_HOLDING = erasure.TABLES[len(erasure.DATA) :]  # whoever has data has a row in one of these, too
# The earlier end counts. Of the environment's key the later: it says until when what that key made has ended.
_END_KEYS = """
update {new}.api_key k
   set expires_at = least(k.expires_at, o.expires_at),
       revoked_at = case when k.id = %(not_kept)s then greatest(k.revoked_at, o.revoked_at) else least(k.revoked_at, o.revoked_at) end
  from {old}.api_key o
 where o.id = k.id
   and (k.expires_at is distinct from least(k.expires_at, o.expires_at) or (k.revoked_at is null and o.revoked_at is not null)
        or k.revoked_at <> o.revoked_at)
"""
_ADD_KEYS = """
insert into {new}.api_key (id, name, prefix, key_hash, scopes, created_at, expires_at, revoked_at, last_used_at)
select id, name, prefix, key_hash, scopes, created_at, expires_at, revoked_at, last_used_at from {old}.api_key on conflict do nothing
"""
_NEW_MARKS = """
select o.mark from {old}.erasure_mark o left join {new}.erasure_mark n on n.mark = o.mark where n.at is null or o.at > n.at
"""
_CARRY_MARKS = """
insert into {new}.erasure_mark as m (mark, at) select mark, at from {old}.erasure_mark
on conflict (mark) do update set at = greatest(m.at, excluded.at)
"""
_END_SIGN_INS = {
    "member_session": "update {new}.member_session set ended_at = seen_at where ended_at is null",
    "sign_in_link": "delete from {new}.sign_in_link",
    "ops_session": "delete from {new}.ops_session",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Carried:
    """What a restore took over. `problem`: why nothing could be; `erased_unknown`: marks were there, and no keys to know members by."""

    keys_ended: int = 0
    keys_added: int = 0
    members_erased: int = 0
    erased_unknown: bool = False
    problem: str | None = None


class _Place:
    """Two schemas of one database: what was put in, and what is set aside."""

    def __init__(self, connection: psycopg.Connection[Any], schema: str) -> None:
        self._connection = connection
        self._names = {"new": sql.Identifier(schema), "old": sql.Identifier(schema + ASIDE)}

    def run(self, statement: Any, given: Any = None, **names: str) -> psycopg.Cursor[Any]:
        more = {name: sql.Identifier(text) for name, text in names.items()}
        return self._connection.execute(sql.SQL(statement).format(**self._names, **more), given)

    def has(self, schema: str, table: str) -> bool:
        found = self._connection.execute("select to_regclass(format('%%I.%%I', %s::text, %s::text))", (schema, table)).fetchone()
        return found is not None and found[0] is not None


def end_sign_ins(connection: psycopg.Connection[Any], schema: str) -> None:
    """Ends every session and link of members, and every operator's session: who signed out since must not be signed in again."""
    place = _Place(connection, schema)
    for table, statement in _END_SIGN_INS.items():
        if place.has(schema, table):  # an older backup has not all of them
            place.run(statement)


def take_over(connection: psycopg.Connection[Any], schema: str, *, keys: KeyRing | None) -> Carried:
    """In one transaction: what is set aside tells what has ended since, and goes. The schema put in is at this program's revision.

    What cannot be read there is no reason to fail: it is said, and nothing is carried over.
    """
    place = _Place(connection, schema)
    with connection.transaction():
        end_sign_ins(connection, schema)
        try:
            with connection.transaction():
                carried = _take_over(place, schema, keys)
        except psycopg.OperationalError:
            raise
        except psycopg.Error as error:
            carried = Carried(problem=error.diag.message_primary or type(error).__name__)
        place.run("drop schema {old} cascade")
    return carried


def _take_over(place: _Place, schema: str, keys: KeyRing | None) -> Carried:
    ended = place.run(_END_KEYS, {"not_kept": NOT_KEPT}).rowcount
    added = place.run(_ADD_KEYS).rowcount
    if not place.has(schema + ASIDE, "erasure_mark"):
        return Carried(keys_ended=ended, keys_added=added)
    since = {bytes(found[0]) for found in place.run(_NEW_MARKS)}
    place.run(_CARRY_MARKS)
    if keys is None:
        return Carried(keys_ended=ended, keys_added=added, erased_unknown=bool(since))
    erased = [user_id for user_id in _members(place) if since.intersection(marks.of(keys, user_id))] if since else []
    if erased:
        for table in erasure.TABLES:
            place.run("delete from {new}.{table} where user_id = any(%s)", (erased,), table=table)
        place.run("delete from {new}.observation where content ->> 'user_id' = any(%s)", (erased,))
    return Carried(keys_ended=ended, keys_added=added, members_erased=len(erased))


def _members(place: _Place) -> set[str]:
    found = set[str]()
    for table in _HOLDING:
        found.update(row[0] for row in place.run("select distinct user_id from {new}.{table} where user_id is not null", table=table))
    return found
