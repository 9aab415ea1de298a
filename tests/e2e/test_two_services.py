"""An entry point whose WHOOP is another wearbase, beside one wearbase that has everything: real processes, three databases."""

import json
import os
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import pytest

from tests.e2e.canaries import search_folder
from tests.e2e.fleet import Part
from tests.e2e.processes import KEY, PATIENCE_S, Cloud, cloud, free_port, pointed_at, wait_for, wear
from tests.servers import Server
from wearbase.store.sealing import KeyRing

SCOPES = "read,sync,connect,erase,ops"
PROFILE = "profile-of-ann-0001"
MOVING = ("state", "last_success_at", "last_change_at", "completeness", "not_yet")
ENTRY = "/api/v1/health/ann"


@dataclass
class Deployment:
    """`one` has both sources; `near` has Sahha, and its WHOOP comes from `far`."""

    sim: Cloud
    one: Part
    far: Part
    near: Part
    others: list[Part]

    def get(self, part: Part, path: str) -> Any:
        with part.api as api:
            api.timeout = PATIENCE_S
            answer = api.get(path)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def counted(self, outcome: str) -> float:
        """How often the entry point saw that of the service."""
        with self.near.api as api:
            lines = api.get("/metrics").text.splitlines()
        wanted = f'wearbase_service_calls_total{{outcome="{outcome}",provider="whoop"}} '
        return next(float(line.removeprefix(wanted)) for line in lines if line.startswith(wanted))

    def breaker(self) -> str:
        return self.get(self.near, "/health/ready")["services"]["whoop"]["breaker"]


def part(outer: Path, name: str, command: str, settings: dict[str, str], port: int) -> Part:
    folder = outer / f"{name}-{command}"
    folder.mkdir()
    kept = {key: os.environ[key] for key in ("PATH", "HOME", "LANG") if key in os.environ}
    given = {
        **kept, "PORT": str(port), "DATA_DIR": str(folder), "SERVICE_API_KEY": KEY, "SERVICE_API_KEY_SCOPES": SCOPES, "BACKFILL_DAYS": "12",
        **settings,
    }  # fmt: skip
    return Part(folder, port, given, command=command)


@pytest.fixture(scope="module")
def running(server: Server) -> Iterator[Deployment]:
    outer = Path(mkdtemp(prefix="wearbase-two-"))
    ports = {name: free_port() for name in ("one", "far", "near")}
    bases = {name: f"http://127.0.0.1:{port}" for name, port in ports.items()}
    with ExitStack() as stack:
        urls = {name: stack.enter_context(server.database()) for name in ports}
        redirects = [text for name in ("far", "near") for text in ("--redirect-uri", f"{bases[name]}/auth/whoop/callback")]
        sim = stack.enter_context(cloud(bases["one"], "--members", "1", "--days", "12", "--quota-minute", "5000", *redirects))
        own = {name: {"DATABASE_URL": url, "TOKEN_ENCRYPTION_KEYS": KeyRing.new_key_text()} for name, url in urls.items()}
        sahha = {
            "SAHHA_CLIENT_ID": "sahha-client", "SAHHA_CLIENT_SECRET": "sahha-client-secret", "SAHHA_API_URL": f"{sim.url}/sahha/sandbox",
        }  # fmt: skip
        service = {"WHOOP_SERVICE_URL": bases["far"], "WHOOP_SERVICE_API_KEY": KEY}
        given = {"one": {**own["one"], **pointed_at(sim), **sahha}, "far": {**own["far"], **pointed_at(sim)}}
        given["near"] = {**own["near"], **service, **sahha}
        parts = {(name, command): part(outer, name, command, given[name], ports[name]) for name in ports for command in ("api", "worker")}
        made = Deployment(
            sim, parts["one", "api"], parts["far", "api"], parts["near", "api"], [p for p in parts.values() if p.command == "worker"]
        )
        try:
            for one in parts.values():
                one.launch()
            for one in parts.values():
                one.wait_until_ready()
            join(made)
            yield made
        finally:
            for one in parts.values():
                if one.process is not None and one.process.poll() is None:
                    one.kill()
            try:
                search_folder(outer)
            finally:
                shutil.rmtree(outer, ignore_errors=True)


def join(made: Deployment) -> None:
    """The same member, with the same two accounts, in both deployments; by way of the entry point where there is one."""
    account = made.sim.account()
    answer = made.sim.control.post("/control/sahha/profiles", json={"external_id": PROFILE, "user_id": account})
    assert answer.status_code == 200, answer.text
    for entry in (made.one, made.near):
        entry.connect("ann", account, made.sim)
        with entry.api as api:
            joined = api.post("/api/v1/sahha/connect/ann", json={"external_id": PROFILE})
            assert joined.status_code == 200, joined.text
    for entry, sources in ((made.one, ("whoop", "sahha")), (made.far, ("whoop",)), (made.near, ("sahha",))):
        for source in sources:
            wait_for(lambda entry=entry, source=source: is_read(made, entry, source), f"{source} is read")


def is_read(made: Deployment, entry: Part, source: str) -> bool:
    found = made.get(entry, f"/api/v1/{source}/sync-status/ann")
    states = found["resources"].values()
    return found["state"] == "ok" and all(s["last_success_at"] and not s["backfill"]["is_running"] for s in states)


def still(document: dict[str, Any]) -> dict[str, Any]:
    """Without the freshness fields."""
    sources = {name: {k: v for k, v in s.items() if k not in MOVING} for name, s in document["sources"].items()}
    return {**document, "sources": sources}


def closed_days(made: Deployment, entry: Part) -> list[dict[str, Any]]:
    """The days that are over: today's running values are as of when each of the two has read them."""
    days = made.get(entry, f"{ENTRY}?days=9")["days"][:-1]
    assert sum(bool(day["combined"]) for day in days) >= 6
    return days


def same_as_one(made: Deployment) -> None:
    near, one = closed_days(made, made.near), closed_days(made, made.one)
    assert [still(day) for day in near] == [still(day) for day in one]
    assert any({v["source"] for v in day["combined"].values()} == {"whoop", "sahha"} for day in near), "both sources have their part"


def test_the_health_document_is_that_of_one_service_and_outlives_the_other(running: Deployment) -> None:
    same_as_one(running)
    before = closed_days(running, running.near)
    trend = f"/api/v1/trends/ann?metric=hrv_rmssd_ms&start={before[0]['date']}&end={before[-1]['date']}"
    assert running.get(running.near, trend) == running.get(running.one, trend)
    running.far.kill()
    wait_until_due(running)
    gone = closed_days(running, running.near)
    assert {day["sources"]["whoop"]["state"] for day in gone} == {"stale"}
    assert {day["sources"]["sahha"]["state"] for day in gone} == {"ok"}
    assert [still(day) for day in gone] == [still(day) for day in before]
    with running.near.api as api:
        refused = api.post("/api/v1/whoop/sync/ann")
    assert (refused.status_code, refused.json()["error"]["code"]) == (503, "service_unavailable")
    with accepting_and_silent(running.far.port):
        silent(running, before)
    running.far.start()
    wait_for(lambda: running.get(running.near, ENTRY)["sources"]["whoop"]["state"] == "ok", "the service is found again")
    wait_for(lambda: is_same(running), "the copy is current")


def is_same(made: Deployment) -> bool:
    near = closed_days(made, made.near)
    return {day["sources"]["whoop"]["state"] for day in near} == {"ok"} and [still(d) for d in near] == [
        still(d) for d in closed_days(made, made.one)
    ]


def wait_until_due(made: Deployment) -> None:
    """The copy is asked for again, half a minute after the last time."""

    def is_asked() -> bool:
        made.get(made.near, f"{ENTRY}?days=9")
        return made.counted("failed") + made.counted("late") > 0

    wait_for(is_asked, "the copy is due again", patience_s=90)


def silent(made: Deployment, before: list[dict[str, Any]]) -> None:
    """The service takes calls and never answers: every answer keeps the deadline, and soon nobody asks any more."""
    late = made.counted("late")

    def is_given_up() -> bool:
        days = closed_days(made, made.near)
        assert {day["sources"]["whoop"]["state"] for day in days} == {"stale"}
        assert {day["sources"]["sahha"]["state"] for day in days} == {"ok"}
        assert [still(day) for day in days] == [still(day) for day in before]
        return made.counted("late") > late

    wait_for(is_given_up, "an answer was given without waiting for the service", patience_s=120)


@contextmanager
def accepting_and_silent(port: int) -> Iterator[None]:
    held: list[socket.socket] = []
    listener = socket.create_server(("127.0.0.1", port), backlog=64)

    def accept() -> None:
        while True:
            try:
                held.append(listener.accept()[0])
            except OSError:
                return

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        for connection in held:
            connection.close()


def test_an_entry_point_with_a_wrong_key_says_so(running: Deployment) -> None:
    assert running.near.stop() == 0
    running.near.environment["WHOOP_SERVICE_API_KEY"] = "a-key-that-nobody-ever-made"
    running.near.start()
    try:
        found = running.get(running.near, ENTRY)
        assert found["sources"]["sahha"]["state"] == "ok"
        states = {found["sources"]["whoop"]["state"]}
        wait_for(lambda: running.get(running.near, ENTRY)["sources"]["whoop"]["state"] == "unavailable", f"it says so, not {states}")
        assert "WHOOP_SERVICE_API_KEY" in running.near.log()
        told = {line["name"]: line for line in examined(running.near)}
        assert told["whoop service"]["level"] == "fail"
        assert "refuses our key" in told["whoop service"]["text"]
        assert "a-key-that-nobody-ever-made" not in running.near.log()
    finally:
        running.near.environment["WHOOP_SERVICE_API_KEY"] = KEY
        assert running.near.stop() == 0
        running.near.start()
    assert {line["name"]: line["level"] for line in examined(running.near)}["whoop service"] == "ok"


def examined(one: Part) -> list[dict[str, Any]]:
    """What `wear doctor` finds with the settings of that process."""
    done = subprocess.run([wear(), "doctor", "--json"], env=one.environment, cwd=one.folder, capture_output=True, timeout=60, check=False)
    return json.loads(done.stdout)["findings"]
