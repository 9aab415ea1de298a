"""`wear` on a database of one's own: what an operator looks at is in the trail, and a narrow role of the database is enough to run."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from structlog.testing import capture_logs
from typer.testing import CliRunner, Result

from tests.servers import Server
from wearbase.cli import servers, session
from wearbase.cli.main import app
from wearbase.domain.errors import SettingsError
from wearbase.settings import load
from wearbase.store import survey
from wearbase.store.postgres import migrate

Wear = Callable[..., Result]


@pytest.fixture
def wear(database_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Wear:
    """A command on this database."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setattr(session, "configure_logging", lambda settings: None)
    return lambda *arguments: CliRunner().invoke(app, list(arguments))


def trail(url: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(url) as connection:
        known = "(select user_id from wearbase.audit_member m where m.pseudonym = a.member)"
        return connection.execute(f"select action, route, {known}, credential from wearbase.audit a order by id").fetchall()


def ann(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            """insert into wearbase.connection (user_id, provider, state, connected_at, created_at, updated_at)
               values ('ann', 'whoop', 'disconnected', '2026-11-18Z', '2026-11-18Z', '2026-11-18Z')"""
        )


def test_what_an_operator_looks_at_on_the_machine_is_a_line(database_url: str, wear: Wear, tmp_path: Path) -> None:
    ann(database_url)
    told = wear("status", "ann", "--json")
    assert len(json.loads(told.stdout)["log_name"]) == 16
    for said in ("day ann", "status", "user export ann --to a.zip", "backup b", "audit export --user ann"):
        wear(*said.split())
    assert trail(database_url) == [
        ("read", "wear status", "ann", "command_line"), ("read", "wear day", "ann", "command_line"),
        ("read", "wear status", None, "command_line"), ("exported", "wear user export", "ann", "command_line"),
        ("backup_made", "wear backup", None, "command_line"), ("trail_exported", "wear audit export", "ann", "command_line"),
    ]  # fmt: skip
    carried = [json.loads(line) for line in wear("audit", "carry").stdout.splitlines()]
    actions = [line["action"] for line in carried if line["action"] != "read"]
    assert actions == ["exported", "backup_made", "trail_exported", "trail_exported"]
    assert [line["number"] for line in carried] == list(range(1, len(carried) + 1))


@pytest.fixture
def narrow(database_url: str, wear: Wear) -> str:
    with psycopg.connect(database_url, autocommit=True) as owner:
        if not owner.execute("select 1 from pg_roles where rolname = 'wearbase_narrow'").fetchone():
            owner.execute("create role wearbase_narrow login password 'only-of-this-test'")
    return make_conninfo(database_url, user="wearbase_narrow", password="only-of-this-test")


def found(wear: Wear, name: str) -> list[tuple[str, str]]:
    done = wear("doctor", "--json")
    return [(f["level"], f["text"] + (f["todo"] or "")) for f in json.loads(done.stdout)["findings"] if f["name"] == name]


def test_a_backup_by_a_role_that_is_not_the_owner_says_whose_it_must_be_and_leaves_no_line(
    database_url: str, narrow: str, wear: Wear, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    wear("db", "grant", "wearbase_narrow")
    monkeypatch.setenv("DATABASE_URL", narrow)
    done = wear("backup", "b")
    assert (done.exit_code, "DATABASE_URL must be the owner's" in done.stderr) == (4, True)
    assert (trail(database_url), (tmp_path / "b").exists()) == ([], False)


def test_the_owners_address_is_warned_of_once_there_is_a_role_for_servers(
    database_url: str, narrow: str, wear: Wear, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert found(wear, "role") == []
    wear("db", "grant", "wearbase_narrow")
    [(level, told)] = found(wear, "role")
    assert (level, told.startswith("DATABASE_URL"), "wearbase_narrow" in told) == ("warn", True, True)
    with capture_logs() as lines:
        servers._warn_of_owners(load())
        monkeypatch.setenv("DATABASE_URL", narrow)
        servers._warn_of_owners(load())
        monkeypatch.setenv("DATABASE_DIRECT_URL", database_url)
        servers._warn_of_owners(load())
    assert [line["setting"] for line in lines] == ["DATABASE_URL", "DATABASE_DIRECT_URL"]


def test_the_doctor_says_what_a_database_wants_first(
    server: Server, database_url: str, narrow: str, wear: Wear, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", narrow)
    assert [("wear db grant" in told, level) for level, told in found(wear, "settings") if level == "fail"] == [(True, "fail")]
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("TOKEN_ENCRYPTION_KEYS", "short")
    assert [level for level, _ in found(wear, "settings")] == ["fail"]
    assert found(wear, "token keys") == []
    monkeypatch.delenv("TOKEN_ENCRYPTION_KEYS")
    with psycopg.connect(database_url, autocommit=True) as owner:
        owner.execute("alter schema wearbase rename to wearbase_before_restore")
    [(level, told)] = found(wear, "schema")
    assert (level, "wear restore" in told, "db upgrade" in told) == ("fail", True, False)


def test_a_role_that_may_make_no_schema_is_sent_to_the_upgrade(server: Server, narrow: str) -> None:
    with server.database(is_migrated=False) as empty, pytest.raises(SettingsError, match=r"wear db upgrade.*then.*wear db grant"):
        migrate.upgrade(make_conninfo(empty, user="wearbase_narrow", password="only-of-this-test"))


def test_a_database_in_another_encoding_fails(database_url: str, wear: Wear, monkeypatch: pytest.MonkeyPatch) -> None:
    as_found = survey.facts(database_url, schema="wearbase")
    assert as_found.encoding == "UTF8"
    monkeypatch.setattr(survey, "facts", lambda url, *, schema: replace(as_found, encoding="SQL_ASCII", revision=None))
    assert found(wear, "database")[-1][0] == "fail"
    assert "SQL_ASCII" in found(wear, "database")[-1][1]
    assert found(wear, "schema") == []


def test_the_doctor_makes_no_database(wear: Wear, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("DATABASE_URL")
    for environment in ("development", "production"):
        monkeypatch.setenv("ENVIRONMENT", environment)
        [(level, told)] = found(wear, "database")
        assert (level, "none was started" in told) == ("warn", True)
    assert list(tmp_path.iterdir()) == []


def test_where_nothing_can_be_written_down_nothing_is_shown(database_url: str, wear: Wear, tmp_path: Path) -> None:
    ann(database_url)
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(f"alter role current_user in database {connection.info.dbname} set default_transaction_read_only = on".encode())
    try:
        for arguments in (["day", "ann"], ["status"], ["audit", "export"]):
            done = wear(*arguments)
            assert (done.exit_code, done.stdout, "read-only" in done.stderr) == (5, "", True), arguments
        done = wear("backup", "b")
        assert (done.exit_code, "Not written into the audit trail" in done.stderr) == (0, True)  # as of a standby, and said
    finally:
        with psycopg.connect(database_url, autocommit=True, options="-c default_transaction_read_only=off") as connection:
            connection.execute(f"alter role current_user in database {connection.info.dbname} reset default_transaction_read_only".encode())
