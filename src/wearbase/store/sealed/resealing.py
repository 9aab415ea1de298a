"""Sealing stored values again with the newest key, while everything runs: a few rows at a time, each only if it is still the same."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from wearbase.store.postgres.database import Tx, rows, run, value
from wearbase.store.sealed.columns import SealedColumn
from wearbase.store.sealing import KeyRing, SealBroken


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What one step did. `after` is where the next one begins, None after the last."""

    resealed: int
    unreadable: int  # no key of the ring opens them
    after: tuple[Any, ...] | None = field(repr=False)


async def keys_in_use(tx: Tx, column: SealedColumn) -> dict[bytes, int]:
    """How many values each key has sealed, by the key's id."""
    name = column.column
    sql = f"""select substring({name} from 2 for 4) as id, count(*) as n
                from wearbase.{column.table} where {name} is not null group by 1"""  # noqa: S608 fixed names
    return {bytes(found["id"]): found["n"] for found in await rows(tx, sql)}


async def others(tx: Tx, column: SealedColumn, ring: KeyRing) -> int:
    """How many values are sealed with another key than the first."""
    sql = f"select count(*) from wearbase.{column.table} where substring({column.column} from 2 for 4) <> %s"  # noqa: S608 fixed names
    return await value(tx, sql, (ring.first_id,))


async def unopenable(tx: Tx, column: SealedColumn, ring: KeyRing) -> int:
    """How many values were sealed with a key that is not in the ring."""
    sql = f"select count(*) from wearbase.{column.table} where substring({column.column} from 2 for 4) <> all(%s)"  # noqa: S608 fixed names
    return await value(tx, sql, (ring.ids,))


async def step(tx: Tx, column: SealedColumn, ring: KeyRing, *, after: tuple[Any, ...] | None, most: int) -> Step:
    """Seals the next values again. A value that changed meanwhile stays as it is; one that cannot be opened is counted and kept."""
    found = await _next(tx, column, ring, after=after, most=most)
    names = [name for name, _ in column.key]
    changed: list[tuple[Any, ...]] = []
    for one in found:
        who = {"user_id": one["bound_user"], "provider": one["bound_provider"], "kind": one["bound_kind"]}
        try:
            again = ring.seal(ring.open(bytes(one["value"]), **who), **who)
        except SealBroken:
            continue
        changed.append((*(one[name] for name in names), bytes(one["value"]), again))
    resealed = await _replace(tx, column, changed) if changed else 0
    last = tuple(found[-1][name] for name in names) if len(found) == most else None
    return Step(resealed=resealed, unreadable=len(found) - len(changed), after=last)


async def _next(tx: Tx, column: SealedColumn, ring: KeyRing, *, after: tuple[Any, ...] | None, most: int) -> list[dict[str, Any]]:
    names, name = ", ".join(n for n, _ in column.key), column.column
    user, provider, kind = column.bound_to
    beyond = f"and ({names}) > ({', '.join(f'%s::{kind}' for _, kind in column.key)})" if after else ""
    sql = f"""select {names}, {name} as value, {user} as bound_user, {provider} as bound_provider, {kind} as bound_kind
                from wearbase.{column.table} where substring({name} from 2 for 4) <> %s {beyond} order by {names} limit %s"""  # noqa: S608 fixed names
    return await rows(tx, sql, (ring.first_id, *(after or ()), most))


async def _replace(tx: Tx, column: SealedColumn, changed: Sequence[tuple[Any, ...]]) -> int:
    """Locked in the order of the key, so that two writers do not wait for each other. How many were still the same."""
    names, name = [n for n, _ in column.key], column.column
    kinds = [kind for _, kind in column.key] + ["bytea", "bytea"]
    given = ", ".join(f"%s::{kind}[]" for kind in kinds)
    same = " and ".join(f"t.{n} = i.{n}" for n in names)
    sql = f"""with new as (
                  select i.* from unnest({given}) as i({", ".join(names)}, was, becomes)
                    join wearbase.{column.table} t on {same} and t.{name} = i.was
                   order by {", ".join(f"i.{n}" for n in names)} for update of t)
              update wearbase.{column.table} t set {name} = i.becomes from new i where {same} and t.{name} = i.was"""  # noqa: S608 fixed names
    return await run(tx, sql, [list(part) for part in zip(*changed, strict=True)])
