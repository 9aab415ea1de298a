"""What must hold after each turn of a storm, and when it is over."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import orjson

from tests.integration.harness import RESOURCES, Bench
from tests.integration.storm.cloud import Cloud, Key, Window, record_id
from wearbase.store import connections
from wearbase.store.connections import Connection
from wearbase.store.postgres.database import rows
from wearbase.store.records import Change
from wearbase.sync.visits.keep import rebuild

MINUTE, OVERLAP = timedelta(minutes=1), timedelta(days=3)
States = dict[tuple[str, str], dict[str, Any]]


class _Back(Exception):
    """Rolls a transaction back."""


def check_ceilings(sent: Sequence[datetime], *, per_minute: int, per_day: int) -> None:
    """Never more calls in any sliding minute, nor on any day, than we allow ourselves."""
    first = 0
    for last, at in enumerate(sent):
        while sent[first] <= at - MINUTE:
            first += 1
        assert last - first + 1 <= per_minute, f"{last - first + 1} calls in the minute before {at}"
    days = [at.date() for at in sent]
    for day in set(days):
        assert days.count(day) <= per_day, f"{days.count(day)} calls on {day}"


async def states(bench: Bench) -> States:
    return {(s["user_id"], s["resource"]): s for s in await bench.rows("select * from wearbase.sync_state")}


def check_successes(before: States, after: States, cloud: Cloud, accounts: dict[str, int], *, fresh: set[str]) -> None:
    """Success is said, and a watermark moved, only after every page of a window that began early enough.

    `fresh` are those who have just connected: their errors are forgotten.
    """
    for (user, resource), now in after.items():
        was, account = before.get((user, resource)), accounts[user]
        completed = [window for a, r, window in cloud.completed if (a, r) == (account, resource)]
        if now["last_success_at"] != (was and was["last_success_at"]):
            assert completed, f"{user}'s {resource} says success, and no window was read to its end"
        if was and was["error"] is not None and now["error"] is None and user not in fresh:
            assert completed, f"{user}'s {resource} forgot its error without a success"
        if now["watermark"] != (was and was["watermark"]) and now["watermark"] is not None:
            old = was["watermark"] if was else None
            read = [w for w in cloud.pages[(account, resource)] if cloud.is_read(account, resource, w)]
            assert _is_reached(now["watermark"], old, read), (
                f"{user}'s {resource} moved its watermark from {old} to {now['watermark']} without every page of a window up to there"
            )


def _is_reached(watermark: datetime, old: datetime | None, read: Sequence[Window]) -> bool:
    """Whether completely read windows lead from the old watermark to the new, each beginning an overlap before the last one's end."""
    for window in sorted(read, key=lambda w: w[1]):
        if old is not None and window[0] > old - OVERLAP:
            continue
        if timedelta(0) <= window[1] - watermark < timedelta(milliseconds=2):
            return True
        old = old and max(old, window[1])
    return False


def check_end(account: int, cloud: Cloud) -> None:
    """A connection was given up: only because the newest proof says so, and not by a race of our own."""
    calls = [r for r in cloud.refreshes if r.account == account]
    assert calls, "the connection was given up though nothing was asked"
    proof = calls[-1]
    assert proof.is_refused, "the connection was given up without invalid_grant"
    grants = cloud.world.grants.by_member[cloud.number(account)]
    if proof.spent in {g.refresh_token for g in grants if g.is_live}:
        return  # the cloud lied: nothing could tell it from the truth
    spent_by = [r for r in calls if r.spent == proof.spent and r.made]
    is_ended_there = not any(proof.spent == g.refresh_token for g in grants if g.is_live) and not spent_by
    assert is_ended_there or spent_by[-1].is_lost, "the connection was lost to a race: its token had been rotated and answered"


async def compare(bench: Bench, cloud: Cloud, user: str, account: int, *, but: set[Key], only: Sequence[str] = RESOURCES) -> None:
    """The store holds exactly the provider's records."""
    truth = {key: raw for key, (_, raw) in cloud.truth(account).items()}
    for resource in only:
        held = {record_id(resource, raw): raw for raw in await bench.stored(user, resource)}
        real = {key: raw for (name, key), raw in truth.items() if name == resource}
        wrong = {
            key: _difference(held.get(key), real.get(key))
            for key in sorted(held.keys() | real.keys())
            if (account, resource, key) not in but and held.get(key) != real.get(key)
        }
        assert not wrong, f"{user} ({account}), {resource}: {wrong}"


def _difference(held: dict[str, Any] | None, real: dict[str, Any] | None) -> str:
    if held is None or real is None:
        start = (held or real or {}).get("start")
        return (
            f"{'missing' if held is None else 'deleted there, kept here'} (start {start}, updated {(held or real or {}).get('updated_at')})"
        )
    return "; ".join(f"{name}: kept {held.get(name)!r}, truly {real.get(name)!r}" for name in real if held.get(name) != real[name])


async def check_days(bench: Bench, user: str) -> None:
    """The day documents, metrics and places equal those rebuilt from the stored records."""
    provider = bench.engine.app("whoop").provider
    before = await _derived(bench, user)
    after: list[bytes] = []
    try:
        async with bench.engine.db.transaction() as tx:
            connection = await connections.get(tx, user, "whoop")
            assert isinstance(connection, Connection)
            found = await rows(tx, "select distinct day, group_id from wearbase.record where user_id = %s", (user,))
            documents = await rows(tx, "select day from wearbase.day_document where user_id = %s", (user,))
            days = frozenset(f["day"] for f in [*found, *documents] if f["day"])
            change = Change(0, frozenset(f["group_id"] for f in found if f["group_id"]), days)
            await rebuild(tx, bench.engine.combining, provider, connection, change, now=bench.clock.now())
            after = await _derived_in(tx, user)
            raise _Back
    except _Back:
        pass
    assert before == after, (
        f"{user}: the days are not those of the records: {[(a, b) for a, b in zip(before, after, strict=False) if a != b][:2]}"
    )


async def _derived(bench: Bench, user: str) -> list[bytes]:
    async with bench.engine.db.connection() as tx:
        return await _derived_in(tx, user)


async def _derived_in(tx: Any, user: str) -> list[bytes]:
    tables = (
        "select day, body, has_lead from wearbase.day_document where user_id = %s order by day",
        "select day, made_of, body, places, sources from wearbase.health_document where user_id = %s order by day",
        "select day, metric, value from wearbase.metric where user_id = %s order by day, metric",
        "select resource, external_id, day from wearbase.record where user_id = %s and deleted_at is null order by 1, 2",
    )
    return [orjson.dumps(row, default=str) for sql in tables for row in await rows(tx, sql, (user,))]
