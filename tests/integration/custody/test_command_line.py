"""`wear` on a database of one's own: what an operator looks at is in the trail, and a narrow role of the database is enough to run."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest
from typer.testing import CliRunner, Result

from wearbase.cli import session
from wearbase.cli.main import app

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
