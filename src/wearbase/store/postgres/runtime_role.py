"""A role of the database for what runs all day, beside the owner's: it works on rows, and changes neither tables nor the trail."""

from typing import Any, LiteralString

import psycopg
from psycopg import sql
from psycopg.errors import InsufficientPrivilege

from wearbase.domain.errors import SettingsError
from wearbase.store.postgres.address import unreachable
from wearbase.store.postgres.schema import in_schema

POLICY = "runs as "  # and the role's name: by this a role is known again
# Lines of the trail are added, and the count of a minute that runs grows: triggers see to that, which only the owner could switch off.
# Ids and numbers are not its to give: a number far ahead would have whoever carries the trail away pass over what comes.
_NARROW: dict[str, LiteralString] = {
    "alembic_version": "select",
    "audit": "select, insert (at, action, credential, member, provider, route, count, details), update (count)",
    "audit_stand": "",
}
_USUAL: LiteralString = "select, insert, update, delete"
_TABLES = "select tablename from pg_tables where schemaname = 'wearbase' order by 1"
_VIEWS = "select viewname from pg_views where schemaname = 'wearbase' order by 1"
_STANDS_ABOVE = """
select rolsuper or rolbypassrls or pg_has_role(oid, (select nspowner from pg_namespace where nspname = 'wearbase'), 'member')
  from pg_roles where rolname = %s
"""
_KNOWN = "select distinct unnest(roles)::text from pg_policies where schemaname = 'wearbase' and policyname like %s order by 1"
_HAS_POLICY = "select 1 from pg_policies where schemaname = %s and tablename = %s and policyname = %s"
_IS_OWNER = "select pg_has_role(nspowner, 'usage') from pg_namespace where nspname = 'wearbase'"
_MAY_MAKE = "select has_database_privilege(current_database(), 'create')"
_SEES_EVERY_ROW = "select rolbypassrls from pg_roles where rolname = current_user"

Connection = psycopg.Connection[Any]


def grant(url: str, role: str, *, schema: str) -> None:
    """Lets a role do what `wear api` and `wear worker` do, and nothing else. To be called by the owner; again and again does no harm.

    Raises: SettingsError for a role that is not there, or that the owner's rights reach anyway; or if not the owner calls.
    """
    try:
        with psycopg.connect(url, prepare_threshold=None) as connection:
            _grant(connection, role, schema)
    except InsufficientPrivilege as error:
        raise SettingsError("Only the owner of the schema can do that: DATABASE_URL must be the owner's.") from error


def renew(url: str, *, schema: str) -> None:
    """Gives the roles that are known their rights to tables that are new."""
    with psycopg.connect(url, prepare_threshold=None) as connection:
        for role in _names(connection, _KNOWN, schema, POLICY + "%"):
            _grant(connection, role, schema)


def may_migrate(url: str, *, schema: str) -> bool:
    """Whether the schema is this role's own, or not there yet and its to make."""
    with psycopg.connect(url, prepare_threshold=None) as connection:
        return _is_true(connection, _IS_OWNER if _has_schema(connection, schema) else _MAY_MAKE, schema)


def may_copy(url: str, *, schema: str) -> bool:
    """Whether every row of the schema can be read by this role. Raises DatabaseUnavailable."""
    try:
        with psycopg.connect(url, prepare_threshold=None) as connection:
            is_bound = _has_schema(connection, schema) and not _is_true(connection, _IS_OWNER, schema)
            return not is_bound or _is_true(connection, _SEES_EVERY_ROW, schema)
    except psycopg.OperationalError as error:
        raise unreachable(error, url) from error


def in_vain(url: str, *, schema: str) -> list[str]:
    """Roles that were granted what servers need, although this address is the owner's. Raises DatabaseUnavailable."""
    try:
        with psycopg.connect(url, prepare_threshold=None) as connection:
            is_owner = _has_schema(connection, schema) and _is_true(connection, _IS_OWNER, schema)
            return _names(connection, _KNOWN, schema, POLICY + "%") if is_owner else []
    except psycopg.OperationalError as error:
        raise unreachable(error, url) from error


def refused(error: InsufficientPrivilege) -> SettingsError:
    """What a role without rights is told."""
    return SettingsError(f"This role of the database may not: {error.diag.message_primary}. As the owner: wear db grant ROLE")


def _has_schema(connection: Connection, schema: str) -> bool:
    return connection.execute("select 1 from pg_namespace where nspname = %s", (schema,)).fetchone() is not None


def _is_true(connection: Connection, statement: str, schema: str) -> bool:
    found = connection.execute(in_schema(statement, schema).encode()).fetchone()
    return found is not None and bool(found[0])


def _grant(connection: Connection, role: str, schema: str) -> None:
    above = connection.execute(in_schema(_STANDS_ABOVE, schema).encode(), (role,)).fetchone()
    if above is None:
        raise SettingsError(f"There is no role {role!r} in the database: create role {role} login password '...'")
    if above[0]:
        raise SettingsError(f"The role {role!r} is a superuser, passes by row security or has the owner's rights: take another.")
    told: dict[str, sql.Composable] = {"schema": sql.Identifier(schema), "role": sql.Identifier(role)}
    statements: list[LiteralString] = [
        "revoke all on schema {schema} from {role}", "revoke all on all tables in schema {schema} from {role}",
        "grant usage on schema {schema} to {role}", "grant execute on all functions in schema {schema} to {role}",
    ]  # fmt: skip
    for statement in statements:
        connection.execute(sql.SQL(statement).format(**told))
    for name in _names(connection, _VIEWS, schema):
        connection.execute(sql.SQL("grant select on {} to {role}").format(sql.Identifier(schema, name), **told))
    for name in _names(connection, _TABLES, schema):
        _open(connection, schema, name, role)


def _open(connection: Connection, schema: str, table: str, role: str) -> None:
    """One table: what may be done there, and that its rows are seen. A policy that is there is left: making one locks the table."""
    if not (rights := _NARROW.get(table, _USUAL)):
        return
    policy = (POLICY + role)[:63]
    names = {"table": sql.Identifier(schema, table), "role": sql.Identifier(role), "policy": sql.Identifier(policy)}
    connection.execute(sql.SQL("grant {rights} on {table} to {role}").format(rights=sql.SQL(rights), **names))
    if not connection.execute(_HAS_POLICY, (schema, table, policy)).fetchone():
        connection.execute(sql.SQL("create policy {policy} on {table} to {role} using (true) with check (true)").format(**names))


def _names(connection: Connection, statement: str, schema: str, *given: str) -> list[str]:
    return [found[0] for found in connection.execute(in_schema(statement, schema).encode(), given).fetchall()]
