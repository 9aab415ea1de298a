"""The archive holds what is stored: every table with something of a member, row by row."""

import io
import json
import zipfile
from collections.abc import Awaitable, Callable
from datetime import date, datetime
from typing import Any
from uuid import UUID

import orjson
import pytest

from tests.integration.rights.conftest import ANN, Life
from wearbase.domain.errors import Conflict
from wearbase.read.archive import Archive, _cells
from wearbase.store.postgres import migrate
from wearbase.sync import disconnect

Rows = list[dict[str, Any]]
# Tables that are not in the archive, and why.
LEFT_OUT = {
    "oauth_state": "a consent under way: over within minutes, and what is in it would let somebody finish it",
    "chore": "work of ours; the user's column is always empty",
    "copy_turn": "when another service was asked last; forgotten after a day",
    "audit_member": "the member's name in the audit trail, which the lines themselves carry",
}
# Columns that are not, and why.
OURS = {
    "connection": {"generation", "lease_number", "lease_holder", "lease_until", "id", "inbox_due_at", "keepalive_due_at", "days_changes",
                   "days_drops", "token_version", "refresh_started_at", "refresh_holder", "refresh_until", "refresh_attempts", "refused_at",
                   "access_token", "refresh_token", "token_expires_at", "offset_seen_at", "asked_at", "person_hour", "person_hour_calls",
                   "person_day", "person_day_calls", "copied_days", "copied_at", "copied_as_of", "copied_status", "first_day", "fresh_at"},
    "record": {"provider", "resource"},  # in the file's name
    "parked_record": {"id", "tries"},
    "day_document": {"provider", "day", "revision", "has_lead", "updated_at"},  # the body has day and source
    "health_document": {"day", "made_of", "revision", "places", "sources", "updated_at"},
    "delivery": {"dedup_key", "member_hash", "is_by_parent", "attempts", "next_attempt_at", "cause"},
    "preference": {"updated_at"},
    "member_session": {"secret_hash", "before_hash"},  # they let somebody in
    "sign_in_link": {"link_hash"},
    "consent": {"id"},
}  # fmt: skip
RENAMED = {"mapped": "values", "asked_scopes": "asked_for", "scopes": "granted"}


def plain(value: Any) -> Any:
    """As JSON has it."""
    if isinstance(value, bytes | memoryview):
        return bytes(value).decode(errors="replace")
    return json.loads(orjson.dumps(value, default=str)) if isinstance(value, datetime | date | UUID) else value


def comparable(found: Rows) -> list[str]:
    return sorted(json.dumps({name: plain(value) for name, value in row.items()}, sort_keys=True) for row in found)


def lines(archive: zipfile.ZipFile, prefix: str) -> Rows:
    names = [name for name in archive.namelist() if name.startswith(prefix) and name.endswith(".jsonl")]
    return [json.loads(line) for name in sorted(names) for line in archive.read(name).splitlines()]


def document(archive: zipfile.ZipFile, name: str) -> Any:
    return json.loads(archive.read(name))


# How a table's rows are read out of the archive.
IN_ARCHIVE: dict[str, Callable[[zipfile.ZipFile], Rows]] = {
    "connection": lambda a: document(a, "connections.json"),
    "consent": lambda a: document(a, "consents.json"),
    "record": lambda a: lines(a, "records/"),
    "parked_record": lambda a: lines(a, "parked"),
    "day_document": lambda a: [{"body": day} for day in lines(a, "days/")],
    "health_document": lambda a: [{"body": day} for day in lines(a, "health")],
    "metric": lambda a: lines(a, "metrics"),
    "delivery": lambda a: lines(a, "deliveries"),
    "sync_state": lambda a: document(a, "reading.json"),
    "preference": lambda a: [{"content": document(a, "preferences.json")}],
    "member_session": lambda a: document(a, "sign_ins.json")["sessions"],
    "sign_in_link": lambda a: document(a, "sign_ins.json")["links"],
}


def stored(table: str, found: Rows) -> Rows:
    """What of the rows should be in the archive."""
    shown = [{name: value for name, value in row.items() if name not in OURS.get(table, set()) | {"user_id"}} for row in found]
    if table in ("record", "consent"):
        shown = [{RENAMED.get(name, name): value for name, value in row.items()} for row in shown]
    if table in ("day_document", "health_document"):
        shown = [{"body": json.loads(row["body"])} for row in shown]
    return shown


async def archived(life: Life) -> zipfile.ZipFile:
    answer = await life.service.get(f"/api/v1/users/{ANN}/export")
    return zipfile.ZipFile(io.BytesIO(answer.content))


async def test_what_is_exported_is_what_is_stored_table_by_table(life: Life) -> None:
    """A new table with a user's column belongs into the archive, or into the list of those that are left out."""
    with_user = {table for table, columns in (await life.tables()).items() if "user_id" in columns}
    assert with_user == IN_ARCHIVE.keys() | LEFT_OUT.keys()
    archive = await archived(life)
    for table, read in IN_ARCHIVE.items():
        found = await life.of_ann(table)
        assert found, f"nothing of the member is in {table}: the test proves nothing"
        assert comparable(read(archive)) == comparable(stored(table, found)), table


async def test_the_members_lines_of_the_trail_are_in_it_and_nobody_elses(life: Life) -> None:
    found = {line["action"]: line for line in lines(await archived(life), "audit")}
    assert {"connected", "session_begun", "link_made", "preferences_changed", "read", "exported"} <= found.keys()
    mine = (await life.of_ann("audit_member"))[0]["pseudonym"]
    assert {line["member"] for line in found.values()} == {str(mine)}


async def test_the_manifest_tells_counts_digests_schema_and_units(life: Life) -> None:
    manifest = document(await archived(life), "manifest.json")
    records = await life.world.rows(
        "select provider, resource, count(*)::int as n from wearbase.record where user_id = %s group by 1, 2", ANN
    )
    assert {name: n for name, n in manifest["counts"].items() if name.startswith("records/")} == {
        f"records/{r['provider']}/{r['resource']}": r["n"] for r in records
    }
    assert manifest["counts"]["metrics"] == len(await life.of_ann("metric"))
    assert (manifest["format"], manifest["schema"]) == (2, migrate.head())
    used = {row["metric"] for row in await life.of_ann("metric")}
    assert {name for name in used - manifest["units"]["metrics"].keys() if not name.endswith("_kj")} == set()  # told by the name's end
    assert manifest["units"]["metrics"]["hrv_rmssd_ms"] == "ms"
    assert all(len(file["sha256"]) == 64 for file in manifest["files"])


async def test_an_archive_during_which_something_was_erased_is_never_whole(life: Life) -> None:
    """Of one source, then of the member: what was written before is no archive, and says so."""
    archive = Archive(life.world.engine.db, life.world.clock, version="test")

    async def take(pieces: list[bytes], erase: Callable[[], Awaitable[Any]]) -> None:
        async for piece in archive.of(ANN):
            pieces.append(piece)
            if len(pieces) == 6:  # connections and so on, and the first records
                await erase()

    for erase in (
        lambda: disconnect.disconnect(life.world.engine, ANN, "sahha", erase=True),
        lambda: disconnect.erase_user(life.world.engine, ANN),
    ):
        pieces: list[bytes] = []
        with pytest.raises(Conflict):
            await take(pieces, erase)
        assert len(pieces) >= 6
        assert not zipfile.is_zipfile(io.BytesIO(b"".join(pieces)))


def test_no_cell_of_a_table_is_calculated_and_none_is_changed_that_is_not_text() -> None:
    texts = ["=1+1", "+1", "-1", "@x", "\t=1", "\n=1", "\uff1d1"]
    assert list(_cells({text: text for text in texts}).values()) == [f"'{text}" for text in texts]
    assert _cells({"a": -1.5, "b": None, "c": "a=1", "d": [-1]}) == {"a": -1.5, "b": None, "c": "a=1", "d": "[-1]"}
