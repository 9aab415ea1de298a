"""An update without a pause: migrations only add, and a program works on a database that a newer one has migrated."""

import re

import psycopg
import pytest

from tests.integration.harness import Bench, bench
from wearbase.store.postgres import migrate
from wearbase.sync import disconnect

VERSIONS = migrate.VERSIONS
# Migrations that take away what the version before the last needs no more: file, and which release stopped needing it.
CONTRACTIONS: dict[str, str] = {}
# What a process of the version before could trip over.
TAKES_AWAY = {
    "drop": r"\bdrop\s+(table|column|view|function|schema|type|sequence|trigger)\b",
    "rename": r"\brename\b",
    "retype": r"\balter\s+column\s+\w+\s+(set\s+data\s+)?type\b",
    "forbid null": r"\bset\s+not\s+null\b",
    "default gone": r"\bdrop\s+default\b",
    "new constraint": r"\badd\s+(constraint|check|unique|foreign|primary|exclude)\b",
    "unique index": r"\bcreate\s+unique\s+index\b",
    "required column": r"\badd\s+column\s+(?:if\s+not\s+exists\s+)?\w+\s+[^,;]*\bnot\s+null\b(?![^,;]*\bdefault\b)[^,;]*",
    "rows gone": r"\b(delete\s+from|truncate)\b",
    "rights gone": r"\balter\s+table\s+\S+\s+(force|owner)\b",
}
NEXT = """
do $$
declare t text;
begin
    for t in select tablename from pg_tables where schemaname = 'wearbase' and tablename <> 'alembic_version' loop
        execute format('alter table wearbase.%I add column next_plain text, add column next_counted integer not null default 0', t);
    end loop;
end $$;
create table wearbase.next_table (user_id text primary key, content jsonb not null default '{}');
alter table wearbase.next_table enable row level security;
create index next_index on wearbase.record (user_id, next_counted);
create function wearbase.next_function(n integer) returns integer language sql as $$ select n + 1 $$;
update wearbase.alembic_version set version_num = '9999';
"""


def takes_away(text: str) -> list[str]:
    """Why; what is done to a table that the same file makes is nobody's yet."""
    text = re.sub(r"--[^\n]*", "", text)
    for made in re.findall(r"create\s+table\s+(?:if\s+not\s+exists\s+)?(\S+)", text, re.IGNORECASE):
        own = (r"create\s+unique\s+index\s+\S+\s+on", r"delete\s+from", r"truncate\s+on")  # the last: a trigger that refuses it
        text = re.sub(rf"({'|'.join(own)})\s+{re.escape(made)}\b", "", text, flags=re.IGNORECASE)
    return [why for why, pattern in TAKES_AWAY.items() if re.search(pattern, text, re.IGNORECASE)]


def test_migrations_only_add_unless_they_are_listed_as_contractions() -> None:
    first, *later = sorted(VERSIONS.glob("*.sql"))
    assert first.name.startswith("0001")
    found = {path.name: takes_away(path.read_text()) for path in later}
    assert {name for name, why in found.items() if why} == CONTRACTIONS.keys(), found


@pytest.mark.parametrize(
    "sql",
    [
        "drop table wearbase.a", "alter table wearbase.a drop column b", "alter table wearbase.a rename column b to c",
        "alter table wearbase.a alter column b type bigint", "alter table wearbase.a alter column b set not null",
        "alter table wearbase.a add column b text not null", "alter table wearbase.a add column c int, add column b text not null;",
        "alter table wearbase.a add constraint c check (b > 0)", "create unique index i on wearbase.a (b)", "truncate wearbase.a",
    ],
)  # fmt: skip
def test_the_rule_sees_what_it_must(sql: str) -> None:
    assert takes_away(sql)


def test_the_rule_lets_additions_through() -> None:
    sql = "alter table wearbase.a add column b integer not null default 0, add column c text; create index i on wearbase.a (b);"
    assert not takes_away(sql)
    assert not takes_away("create table wearbase.n (a text); create unique index i on wearbase.n (a); -- drop table x")


def test_every_migration_is_a_file_of_statements() -> None:
    """So that the rule sees them."""
    for path in VERSIONS.glob("[0-9]*.py"):
        text = path.read_text()
        assert re.search(rf'run_file\("{path.stem}\.sql"\)', text), path.name
        assert "op." not in text, path.name


async def whole_life(world: Bench, user_id: str, member: int) -> None:
    """Connecting, reading, a delivery, a refresh, a look, a person's wish."""
    await world.connect(user_id, member)
    await world.work()
    account = (await world.members())[member]["user_id"]
    await world.event(account, "workout")
    await world.deliver()
    await world.work()
    await world.step(hours=2)  # beyond the access token's life
    await world.mark(user_id=user_id)
    await world.work()
    await world.same_as_truth(user_id, account)
    opened = await world.rows("select open_day from wearbase.connection where user_id = %s", user_id)
    assert (await world.day(user_id, opened[0]["open_day"]))["recovery"] is not None


async def test_a_program_works_on_a_database_that_a_newer_one_has_migrated_meanwhile(database_url: str) -> None:
    """Every statement of ours meets tables that have grown, while it has its connections and prepared statements open."""
    async with bench(database_url, days=5) as world:
        await whole_life(world, "before", 0)
        with psycopg.connect(database_url, autocommit=True) as newer:
            newer.execute(NEXT.encode())
        migrate.upgrade(database_url)  # as a restart would
        await whole_life(world, "after", 1)
        await world.step(hours=20)
        await world.work()
        for user_id, account in (("before", 0), ("after", 1)):
            await world.same_as_truth(user_id, (await world.members())[account]["user_id"])
        await disconnect.erase_user(world.engine, "before")
        await world.work()
        assert await world.rows("select 1 as n from wearbase.connection where user_id = 'before'") == []
