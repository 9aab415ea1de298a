"""The simulator inside other people's tests: the fixture in a project of its own, and both context managers."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from wearbase_sim.testing import Simulator, whoop_app, whoop_server

SOURCE = Path(__file__).parents[2] / "src"
THEIRS = """
import json
import urllib.request

import pytest

pytest_plugins = ["wearbase_sim.testing"]


def read(whoop_sim, path, tokens):
    request = urllib.request.Request(whoop_sim.api_url + path, headers=tokens.headers)
    return json.load(urllib.request.urlopen(request))


def test_the_newest_recovery_is_read(whoop_sim):
    tokens = whoop_sim.connect(1)
    found = read(whoop_sim, "/v2/recovery?limit=1", tokens)["records"]
    assert found == whoop_sim.truth(1, "recovery")[:1]
    assert whoop_sim.calls().data == 1


class TestMany:
    @pytest.fixture
    def whoop_sim_options(self):
        return {"members": 20, "seed": 3}

    def test_members(self, whoop_sim):
        assert len(whoop_sim.members()) == 20
        assert whoop_sim.calls().total == 0
"""


def test_a_stranger_uses_the_fixture(tmp_path: Path) -> None:
    (tmp_path / "test_theirs.py").write_text(THEIRS)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(tmp_path), str(tmp_path)]
    done = subprocess.run(command, cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(SOURCE)}, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 passed" in done.stdout


@pytest.fixture(scope="module")
def sim() -> Iterator[Simulator]:
    with whoop_server() as sim:
        yield sim


def test_consent_is_given_or_not_as_in_a_browser(sim: Simulator) -> None:
    query = {"response_type": "code", "client_id": sim.client_id, "redirect_uri": "http://localhost/back", "scope": "offline read:sleep"}
    url = f"{sim.oauth_url}/auth?{httpx2.QueryParams(query | {'state': 'a&b=c <d>'})}"
    back = httpx2.URL(sim.decide(url, member=2))
    assert back.params["state"] == "a&b=c <d>"
    form = {"grant_type": "authorization_code", "code": back.params["code"], "redirect_uri": "http://localhost/back"}
    form |= {"client_id": sim.client_id, "client_secret": sim.client_secret}
    assert httpx2.post(f"{sim.oauth_url}/token", data=form).json()["scope"] == "offline read:sleep"
    assert httpx2.URL(sim.decide(url, approve=False)).params["error"] == "access_denied"
    with pytest.raises(AssertionError, match="no consent page, but 401"):
        sim.decide(url.replace(sim.client_id, "nobody"))


def test_connecting_without_a_browser_is_the_same(sim: Simulator) -> None:
    tokens = sim.connect(3, scope="offline read:sleep")
    assert httpx2.get(f"{sim.api_url}/v2/activity/sleep", headers=tokens.headers).status_code == 200
    assert httpx2.get(f"{sim.api_url}/v2/recovery", headers=tokens.headers).status_code == 401
    form = {"grant_type": "refresh_token", "refresh_token": tokens.refresh_token, "scope": "offline"}
    form |= {"client_id": sim.client_id, "client_secret": sim.client_secret}
    assert httpx2.post(f"{sim.oauth_url}/token", data=form).status_code == 200
    assert httpx2.get(f"{sim.api_url}/v2/activity/sleep", headers=tokens.headers).status_code == 401
    with pytest.raises(httpx2.HTTPStatusError, match="no such scope"):
        sim.connect(3, scope="read:everything")


def test_the_clock_is_stepped_and_news_are_told() -> None:
    with whoop_server(webhook_url=("http://127.0.0.1:9/hook",)) as sim:
        sim.connect(1)
        before = sim.truth(1, "sleep")[0]["id"]
        told = sim.step("next-morning")
        assert {"sleep.updated", "recovery.updated"} <= {each.type for each in told}
        assert told[0].state == "retrying"
        assert sim.truth(1, "sleep")[0]["id"] != before
        sim.step("+01:00")
        assert {each.state for each in sim.deliveries() if each.id == told[0].id} == {"failed"}


def test_scenarios_and_faults(sim: Simulator) -> None:
    sim.play("good-morning")
    assert [fault["name"] for fault in sim.faults()] == ["pending-first"]
    sim.clear_faults()
    sim.fault(name="answer-429", count=1)
    tokens = sim.connect(1)
    statuses = [httpx2.get(f"{sim.api_url}/v2/cycle", headers=tokens.headers).status_code for _ in range(2)]
    assert statuses == [429, 200]


async def test_without_a_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        raise AssertionError("a socket is used")

    for verb in ("bind", "connect"):
        monkeypatch.setattr(socket.socket, verb, refused)

    async def hook(request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(204)

    async with whoop_app(webhook_transport=httpx2.MockTransport(hook), webhook_url=("http://app.test/hook",)) as sim:
        tokens = await sim.connect(1)
        async with httpx2.AsyncClient(transport=sim.transport, headers=tokens.headers) as app:
            answer = await app.get(f"{sim.api_url}/v2/recovery", params={"limit": 25})
        assert answer.json()["records"] == (await sim.truth(1, "recovery"))[:25]
        (delivery,) = await sim.event(1, "workout")
        assert (delivery.state, delivery.type) == ("delivered", "workout.updated")


def test_the_same_seed_gives_the_same_world() -> None:
    with whoop_server(seed=11) as one, whoop_server(seed=11) as other:
        assert one.url != other.url
        assert one.truth(2, "recovery") == other.truth(2, "recovery")
        assert one.connect(1) == other.connect(1)
