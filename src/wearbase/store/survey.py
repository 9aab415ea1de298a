"""What an operator asks of the whole database: the server behind an address, and every connection."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime

import psycopg
from psycopg import sql
from psycopg.errors import InsufficientPrivilege

from wearbase.store.postgres.address import unreachable
from wearbase.store.postgres.clock import READ_CLOCK
from wearbase.store.postgres.database import Tx, many
from wearbase.store.postgres.runtime_role import refused
from wearbase.store.postgres.schema import ASIDE

PATIENCE_S = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerFacts:
    """A database server as found, before anything is changed there."""

    version: int
    revision: str | None  # None: no wearbase has been here
    seconds_ahead: float  # of this machine's clock
    is_pooled: bool
    encoding: str | None  # None: a pooler does not tell
    is_set_aside: bool  # a restore has not ended: what was there has another name


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberRow:
    """One connection of one member, in a line."""

    user_id: str
    provider: str
    state: str
    connected_at: datetime
    last_success_at: datetime | None
    failing: int
    in_backfill: int
    open_deliveries: int
    days_stored: int


def facts(url: str, *, schema: str) -> ServerFacts:
    """Looks without changing anything. Raises DatabaseUnavailable; SettingsError for a role without rights."""
    try:
        with psycopg.connect(url, autocommit=True, prepare_threshold=None, connect_timeout=PATIENCE_S) as connection:
            before = datetime.now(UTC)
            time = connection.execute(READ_CLOCK).fetchone()
            after = datetime.now(UTC)
            asked = (f"{schema}.alembic_version", schema + ASIDE)
            found = connection.execute("select pg_backend_pid(), to_regclass(%s), to_regnamespace(%s)", asked).fetchone()
            assert time is not None
            assert found is not None
            table = sql.Identifier(schema, "alembic_version")
            version = connection.execute(sql.SQL("select version_num from {}").format(table)).fetchone() if found[1] else None
            return ServerFacts(
                version=connection.info.server_version // 10_000, revision=version[0] if version else None,
                seconds_ahead=(time[0] - (before + (after - before) / 2)).total_seconds(),
                is_pooled=found[0] != connection.info.backend_pid,
                encoding=connection.info.parameter_status("server_encoding"), is_set_aside=found[1] is None and found[2] is not None,
            )  # fmt: skip
    except InsufficientPrivilege as error:
        raise refused(error) from error
    except psycopg.OperationalError as error:
        raise unreachable(error, url) from error


async def members(tx: Tx, *, limit: int) -> list[MemberRow]:
    """Connections by user, the ended ones too."""
    return await many(
        tx,
        MemberRow,
        """select c.user_id, c.provider, c.state, c.connected_at, s.last_success_at, s.failing, s.in_backfill,
                  (select count(*) from wearbase.delivery d
                    where d.user_id = c.user_id and d.provider = c.provider and d.state = 'open')::int as open_deliveries,
                  (select count(*) from wearbase.day_document d where d.user_id = c.user_id and d.provider = c.provider)::int as days_stored
             from wearbase.connection c
             cross join lateral (
                  select max(last_success_at) as last_success_at, count(*) filter (where error <> 'missing_scope')::int as failing,
                         count(*) filter (where backfill_due_at is not null)::int as in_backfill
                    from wearbase.sync_state s where s.user_id = c.user_id and s.provider = c.provider) s
            order by c.user_id, c.provider limit %s""",
        (limit,),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class MixedScale:
    """A quantity of a source that came in more than one scale, and for how many members."""

    provider: str
    name: str
    members: int


async def mixed_scales(tx: Tx, providers: Sequence[str], *, since: date) -> list[MixedScale]:
    """Quantities that some member's records of late have in more than one scale. Zero is zero in any."""
    return await many(
        tx,
        MixedScale,
        """select provider, name, count(*)::int as members
             from (select provider, user_id, mapped->>'name' as name from wearbase.record
                    where provider = any(%s) and day >= %s and deleted_at is null
                      and mapped->>'scale' is not null and mapped->>'value' not in ('0', '0.0')
                    group by 1, 2, 3 having count(distinct mapped->>'scale') > 1) mixed
            group by 1, 2 order by 1, 2""",
        (list(providers), since),
    )
