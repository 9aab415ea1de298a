"""Taking everything away, and erasing it: the whole, exactly, without tokens; then nothing."""

import csv
import hashlib
import io
import json
import zipfile
from datetime import timedelta
from typing import Any

import httpx2

from tests.integration.api.conftest import Service, problem
from tests.integration.api.test_sessions import Browser, link_for
from tests.integration.harness import RESOURCES, canonical
from wearbase.read import archive
from wearbase.store.member import archive as store

EXPORT = "/api/v1/users/ann/export"


def opened(answer: httpx2.Response) -> zipfile.ZipFile:
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/zip"
    found = zipfile.ZipFile(io.BytesIO(answer.content))
    assert found.testzip() is None
    return found


def lines(found: zipfile.ZipFile, name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in found.read(name).splitlines()]


async def test_the_archive_holds_everything_and_says_so(service: Service, monkeypatch: Any) -> None:
    monkeypatch.setattr(store, "AT_ONCE", 7)
    await service.connected()
    found = opened(await service.get(EXPORT))
    counted = {f["name"]: f["rows"] for f in json.loads(found.read("manifest.json"))["files"]}
    for resource in RESOURCES:
        records = lines(found, f"records/whoop/{resource}.jsonl")
        assert canonical([r["raw"] for r in records]) == canonical(await service.world.stored("ann", resource))
        table = list(csv.DictReader(io.StringIO(found.read(f"records/whoop/{resource}.csv").decode())))
        assert [row["external_id"] for row in table] == [r["external_id"] for r in records]
        assert counted[f"records/whoop/{resource}.csv"] == counted[f"records/whoop/{resource}.jsonl"] == len(table) > 0
    days = lines(found, "days/whoop.jsonl")
    stored = await service.world.rows("select body from wearbase.day_document order by day")
    assert days == [json.loads(row["body"]) for row in stored]
    assert [d["date"] for d in lines(found, "health.jsonl")] == [d["date"] for d in days]
    manifest = json.loads(found.read("manifest.json"))
    assert {f["name"] for f in manifest["files"]} == set(found.namelist()) - {"manifest.json"}
    for file in manifest["files"]:
        body = found.read(file["name"])
        assert (file["sha256"], file["bytes"]) == (hashlib.sha256(body).hexdigest(), len(body))
    assert counted["days/whoop.jsonl"] == len(stored)
    assert (manifest["user_id"], manifest["made_by"]) == ("ann", "wearbase test")


async def test_tables_keep_a_missing_value_apart_from_zero(service: Service) -> None:
    await service.connected()
    found = opened(await service.get(EXPORT))
    exact = {r["external_id"]: r["values"] for r in lines(found, "records/whoop/sleep.jsonl")}
    for row in csv.DictReader(io.StringIO(found.read("records/whoop/sleep.csv").decode())):
        values = exact[row["external_id"]]
        assert (row["asleep_s"] == "") == (values["asleep_s"] is None)
        if values["need_s"]:
            assert float(row["need_s.total"]) == values["need_s"]["total"]


async def test_no_token_and_nothing_of_anybody_else_is_in_it(service: Service) -> None:
    await service.connected("ann", 0)
    await service.connected("bob", 1)
    await service.call("PUT", "/api/v1/users/ann/preferences", json={"units": {"energy": "kj"}})
    found = opened(await service.get(EXPORT))
    [connection] = json.loads(found.read("connections.json"))
    assert (connection["provider"], connection["state"]) == ("whoop", "connected")
    assert not [name for name in connection if "token" in name]
    [consent] = json.loads(found.read("consents.json"))
    assert consent["granted"]
    assert json.loads(found.read("preferences.json"))["units"] == {"energy": "kj"}
    account = str((await service.world.members())[1]["user_id"])
    assert not [name for name in found.namelist() if account.encode() in found.read(name)]


async def test_somebody_never_seen_gets_an_archive_without_data(service: Service) -> None:
    answer = await service.get("/api/v1/users/a|b:c/export")
    assert 'filename="wearbase-a-b-c-2026-11-18.zip"' in answer.headers["content-disposition"]
    found = opened(answer)
    assert json.loads(found.read("connections.json")) == []
    assert not [name for name in found.namelist() if name.startswith("records/")]


async def test_it_is_made_while_it_is_sent(service: Service, monkeypatch: Any) -> None:
    await service.connected()
    monkeypatch.setattr(store, "AT_ONCE", 5)
    pieces = [len(piece) async for piece in archive.Archive(service.services.db, service.services.clock, version="test").of("ann")]
    assert len(pieces) > 50
    assert max(pieces) < sum(pieces) / 3


def test_a_table_holds_no_formula() -> None:
    row = {"sport": "=HYPERLINK(1)", "note": "@x", "number": -1.5, "nothing": None, "list": [1, {"a": 2}], "text": "plain"}
    assert archive._cells(row) == {
        "sport": "'=HYPERLINK(1)", "note": "'@x", "number": -1.5, "nothing": None, "list": '[1,{"a":2}]', "text": "plain"
    }  # fmt: skip


async def test_erasing_from_the_app_gives_a_receipt_and_ends_every_session_and_link(service: Service) -> None:
    await service.connected()
    ann, other, unused = Browser(service), Browser(service), await link_for(service)
    await other.sign_in(await link_for(service))
    await ann.sign_in(await link_for(service))
    stored = (await service.world.rows("select count(*) as n from wearbase.record where deleted_at is null"))[0]["n"]
    days = (await service.world.rows("select count(*) as n from wearbase.day_document"))[0]["n"]
    async with service.working():
        answer = await ann.call("DELETE", "/api/v1/users/ann", json={"confirm": "ann"})
    receipt = answer.json()
    assert (receipt["days"], receipt["records"], receipt["revoked"]) == (days, stored, True)
    assert receipt["at"].startswith("2026-11-18T")
    assert stored > 0
    assert "wearbase" not in ann.client.cookies
    problem(await other.call("GET", "/app/session"), 401, "unauthorized")
    problem(await ann.sign_in(unused), 404, "link_unknown")
    found = opened(await service.get(EXPORT))
    assert lines(found, "health.jsonl") == lines(found, "deliveries.jsonl") == []


async def test_erasing_needs_a_fresh_sign_in_and_the_word(service: Service) -> None:
    await service.connected()
    ann = Browser(service)
    await ann.sign_in(await link_for(service))
    problem(await ann.call("DELETE", "/api/v1/users/ann", json={"confirm": "Ann"}), 422, "invalid_field", "confirm")
    problem(await ann.call("DELETE", "/api/v1/users/ann", json={"confirm": "ann"}, headers={}), 401)
    service.world.clock.advance(timedelta(minutes=11))
    problem(await ann.call("DELETE", "/api/v1/users/ann", json={"confirm": "ann"}), 403, "sign_in_again")
    assert await service.world.rows("select 1 from wearbase.record") != []
    await ann.sign_in(await link_for(service))
    assert (await ann.call("DELETE", "/api/v1/users/ann", json={"confirm": "ann"})).status_code == 200
