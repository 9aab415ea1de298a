"""A published client that we did not write, against a simulator process: it must not notice."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import httpx2
import pytest
from whoop_sdk import Whoop
from whoop_sdk.auth import AuthManager

SOURCE = Path(__file__).parents[2] / "src"
REDIRECT = "https://www.google.com"  # the client's own fallback
CONTROL = {"Authorization": "Bearer control"}


@contextmanager
def simulator(*args: str) -> Iterator[str]:
    """A simulator process on a free loopback port; gives its address."""
    command = [sys.executable, "-m", "wearbase_sim", "--port", "0", "--client-id", "app", "--client-secret", "a-long-secret"]
    command += ["--redirect-uri", REDIRECT, "--control-token", "control", *args]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ | {"PYTHONPATH": str(SOURCE)})
    try:
        assert process.stdout
        found = re.fullmatch(r"wearbase_sim ready on (http://127\.0\.0\.1:\d+)\n", process.stdout.readline())
        assert found
        yield found[1]
    finally:
        process.terminate()
        assert process.wait(10) in (0, -15)


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with simulator("--quota-minute", "1000") as address:
        yield address


def approve(url: str) -> str:
    """What a person does in a browser: opens the page, presses Allow, is sent back. Gives the address they end at."""
    page = httpx2.get(url, headers={"Accept": "text/html"})
    form = {name: unescape(value) for name, value in re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page.text)}
    action = re.findall(r'<form method="post" action="([^"]+)"', page.text)[0]
    return httpx2.post(urljoin(url, action), data=form | {"member": "1", "decision": "approve"}).headers["location"]


@pytest.fixture
def whoop(address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Whoop:
    """The client, signed in by its own `login` through the consent page."""
    opened: list[str] = []
    monkeypatch.setenv("WHOOP_CLIENT_ID", "app")
    monkeypatch.setenv("WHOOP_CLIENT_SECRET", "a-long-secret")
    monkeypatch.setattr(Whoop, "BASE_URL", f"{address}/developer/v2")
    for name, value in {
        "AUTH_URL": f"{address}/oauth/oauth2/auth",
        "TOKEN_URL": f"{address}/oauth/oauth2/token",
        "CONFIG_PATH": tmp_path / "config.json",
        "SETTINGS_PATH": tmp_path / "settings.json",
    }.items():
        monkeypatch.setattr(AuthManager, name, value)
    # It would listen on port 8080; this is what it does when that port is taken.
    monkeypatch.setattr(AuthManager, "_start_localhost_server", lambda self: None)
    monkeypatch.setattr("webbrowser.open", lambda url: opened.append(url) or True)
    monkeypatch.setattr("builtins.input", lambda prompt: approve(opened[0]))
    client = Whoop()
    assert client.login()
    return client


def truth(address: str, resource: str) -> list[dict[str, Any]]:
    answer = httpx2.get(f"{address}/control/truth/1/{resource}", headers=CONTROL)
    return answer.json()["records"]


def stable(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Without the running cycle, whose values move."""
    return [record for record in records if record.get("end", "") is not None]


def test_profile_and_body(whoop: Whoop) -> None:
    assert whoop.get_profile() == {"user_id": 20_000_001, "email": "robin.1@example.com", "first_name": "Robin", "last_name": "Example"}
    assert set(whoop.get_body_measurements()) == {"height_meter", "weight_kilogram", "max_heart_rate"}


@pytest.mark.parametrize(
    ("method", "resource"),
    [("get_cycles", "cycle"), ("get_recovery", "recovery"), ("get_sleep", "sleep"), ("get_workouts", "workout")],
)
def test_it_pages_through_everything(whoop: Whoop, address: str, method: str, resource: str) -> None:
    records = getattr(whoop, method)(max_pages=None)["records"]
    assert len(records) > 25
    assert stable(records) == stable(truth(address, resource))
    assert len(getattr(whoop, method)(limit=25, max_pages=1)["records"]) == 25


def test_reads_by_id(whoop: Whoop) -> None:
    cycle = whoop.get_cycles(limit=2)["records"][1]
    sleep = whoop.get_sleep_by_cycle_id(str(cycle["id"]))
    assert whoop.get_cycle_by_id(str(cycle["id"])) == cycle
    assert whoop.get_sleep_by_id(sleep["id"]) == sleep
    assert whoop.get_recovery_by_cycle_id(str(cycle["id"]))["sleep_id"] == sleep["id"]
    workout = whoop.get_workouts(limit=1)["records"][0]
    assert whoop.get_workout_by_id(workout["id"]) == workout


def test_it_refreshes_by_itself(whoop: Whoop) -> None:
    old = dict(whoop.auth.tokens)
    whoop.auth.tokens["expires_at"] = time.time() - 1
    assert whoop.get_profile()["user_id"] == 20_000_001
    assert whoop.auth.tokens["access_token"] != old["access_token"]
    assert whoop.auth.tokens["refresh_token"] != old["refresh_token"]


def test_broken_connections_on_the_wire(whoop: Whoop, address: str) -> None:
    bearer = {"Authorization": f"Bearer {whoop.auth.tokens['access_token']}"}
    for kind, error in (("drop", httpx2.RemoteProtocolError), ("cut", httpx2.RemoteProtocolError), ("lost_answer", httpx2.TransportError)):
        httpx2.post(f"{address}/control/faults", json={"route": "/v2/cycle", "kind": kind}, headers=CONTROL)
        with pytest.raises(error):
            httpx2.get(f"{address}/developer/v2/cycle", headers=bearer)
        assert httpx2.get(f"{address}/developer/v2/cycle", headers=bearer).status_code == 200


def test_news_and_retries_by_a_clock_that_runs() -> None:
    """With a clock that runs fast, a night and its retries come by themselves."""
    with simulator("--now", "2026-11-21T11:50:00Z", "--speed", "1000", "--webhook-url", "http://127.0.0.1:9/hook") as address:
        query = {"response_type": "code", "client_id": "app", "redirect_uri": REDIRECT, "scope": "offline read:sleep", "state": "12345678"}
        location = approve(f"{address}/oauth/oauth2/auth?{httpx2.QueryParams(query)}")
        form = {"grant_type": "authorization_code", "code": httpx2.URL(location).params["code"], "redirect_uri": REDIRECT}
        form |= {"client_id": "app", "client_secret": "a-long-secret"}
        assert httpx2.post(f"{address}/oauth/oauth2/token", data=form).status_code == 200
        failed = _wait_for(lambda: [each for each in _deliveries(address) if each["state"] == "failed"])
    assert failed[0]["type"] == "sleep.updated"
    assert len(failed[0]["attempts"]) == 6


def _deliveries(address: str) -> list[dict[str, Any]]:
    return httpx2.get(f"{address}/control/deliveries", headers=CONTROL).json()


def _wait_for(ask: Any) -> Any:
    until = time.monotonic() + 60
    while time.monotonic() < until:
        if found := ask():
            return found
        time.sleep(0.2)
    raise AssertionError("it did not happen within a minute")
