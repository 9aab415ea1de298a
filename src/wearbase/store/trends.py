"""The metrics of closed days, for trends."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from wearbase.store.postgres.database import Tx, value


@dataclass(frozen=True, slots=True)
class Series:
    """Day, source and value in the order of days, and the member's wished order of sources."""

    points: list[tuple[date, str, float]]
    wishes: dict[str, list[str]]


async def series(tx: Tx, user_id: str, metrics: Mapping[str, str], start: date, end: date) -> Series:
    """One quantity under the name that each source keeps it by, both days included; in one query."""
    found: dict[str, Any] = await value(
        tx,
        """select json_build_object(
                'points', (select coalesce(json_agg(json_build_array(m.day, m.provider, m.value) order by m.day), '[]')
                             from unnest(%(providers)s::text[], %(metrics)s::text[]) as i(provider, metric)
                             join wearbase.metric m on m.user_id = %(user)s and m.metric = i.metric and m.provider = i.provider
                            where m.day between %(start)s and %(end)s),
                'wishes', (select content -> 'precedence' from wearbase.preference where user_id = %(user)s))""",
        {"user": user_id, "providers": list(metrics), "metrics": list(metrics.values()), "start": start, "end": end},
    )
    points = [(date.fromisoformat(day), source, number) for day, source, number in found["points"]]
    return Series(points, found["wishes"] or {})
