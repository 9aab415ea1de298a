"""A published client (whoop-client, httpx) that we did not write, against the simulator: it must not notice."""

import io
import socket
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from whoop_client import OAuthTokenProvider, WhoopClient, _cli
from whoop_client._exceptions import OAuthFlowError
from whoop_client.models.cycle import Cycle
from whoop_client.models.recovery import Recovery
from whoop_client.models.sleep import Sleep
from whoop_client.models.workout import Workout

from wearbase_sim.testing import Simulator, whoop_server

COLLECTIONS = [("iter_cycles", "cycle", Cycle), ("iter_recoveries", "recovery", Recovery)]
COLLECTIONS += [("iter_sleeps", "sleep", Sleep), ("iter_workouts", "workout", Workout)]


@pytest.fixture(scope="module")
def sim() -> Iterator[Simulator]:
    with whoop_server(quota_minute=1000) as sim:
        yield sim


def _free_port() -> int:
    with socket.create_server(("localhost", 0)) as taken:
        return taken.getsockname()[1]


def _follow(location: str) -> None:
    """What the browser does when it is sent back: it asks the client's own little server, once that listens."""
    until = time.monotonic() + 10
    while time.monotonic() < until:
        try:
            httpx.get(location)
            return
        except httpx.ConnectError:
            time.sleep(0.05)


def sign_in(sim: Simulator, monkeypatch: pytest.MonkeyPatch, *, approve: bool = True) -> dict[str, Any]:
    """The client's own sign-in; only its two addresses are others."""

    def open_browser(url: str) -> bool:
        location = sim.decide(url, approve=approve)
        threading.Thread(target=_follow, args=(location,), daemon=True).start()
        return True

    monkeypatch.setattr(_cli, "AUTHORIZATION_URL", f"{sim.oauth_url}/auth")
    monkeypatch.setattr(_cli, "TOKEN_URL", f"{sim.oauth_url}/token")
    monkeypatch.setattr("webbrowser.open", open_browser)
    return _cli.run_oauth_flow(sim.client_id, sim.client_secret, port=_free_port(), output=io.StringIO())


@pytest.fixture
def tokens(sim: Simulator, monkeypatch: pytest.MonkeyPatch) -> OAuthTokenProvider:
    made = sign_in(sim, monkeypatch)
    return OAuthTokenProvider(
        sim.client_id,
        sim.client_secret,
        made["refresh_token"],
        access_token=made["access_token"],
        token_url=f"{sim.oauth_url}/token",
    )


@pytest.fixture
def whoop(sim: Simulator, tokens: OAuthTokenProvider) -> Iterator[WhoopClient]:
    with WhoopClient(tokens, base_url=sim.api_url) as client:
        yield client


@pytest.mark.parametrize(("method", "resource", "model"), COLLECTIONS)
def test_it_pages_through_everything(whoop: WhoopClient, sim: Simulator, method: str, resource: str, model: Any) -> None:
    found = list(getattr(whoop, method)())
    assert len(found) > 25
    assert found == [model.model_validate(record) for record in sim.truth(1, resource)]


def test_it_reads_a_window(whoop: WhoopClient, sim: Simulator) -> None:
    end = datetime(2026, 11, 20, tzinfo=UTC)
    found = whoop.get_sleeps(start=end - timedelta(days=5), end=end, limit=25).records
    truth = [Sleep.model_validate(record) for record in sim.truth(1, "sleep")]
    assert found == [each for each in truth if each.start < end and each.end >= end - timedelta(days=5)]
    assert 4 <= len(found) <= 8


def test_it_reads_by_id(whoop: WhoopClient) -> None:
    cycle = whoop.get_cycles(limit=2).records[1]
    assert whoop.get_cycle_by_id(cycle.id) == cycle
    sleep = whoop.get_cycle_sleep(cycle.id)
    assert whoop.get_sleep_by_id(sleep.id) == sleep
    assert whoop.get_cycle_recovery(cycle.id).sleep_id == sleep.id
    workout = whoop.get_workouts(limit=1).records[0]
    assert whoop.get_workout_by_id(workout.id) == workout


def test_it_reads_who_it_is(whoop: WhoopClient) -> None:
    assert whoop.get_profile().user_id == 20_000_001
    assert 1.4 < whoop.get_body_measurement().height_meter < 2.1


def test_it_refreshes_when_its_token_has_expired(whoop: WhoopClient, sim: Simulator) -> None:
    sim.step(seconds=3601)  # the client's own clock says that the token is good: it learns it from the 401
    assert whoop.get_profile().user_id == 20_000_001
    assert [call["answer"] for call in sim.calls().last][-2:] == ["refresh, rotated", ""]


def test_it_is_told_when_the_member_refuses(sim: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(OAuthFlowError, match="access_denied"):
        sign_in(sim, monkeypatch, approve=False)


def test_revoking_ends_it(whoop: WhoopClient, sim: Simulator) -> None:
    whoop.revoke_access()
    assert not sim.members()[0].granted
