"""A published Django app (django-whoop) that we did not write, against the simulator: sign-in, pages, webhooks, storing."""

import threading
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit
from wsgiref.simple_server import WSGIRequestHandler, make_server

import django
import pytest
from django.conf import settings
from django.urls import include, path

from wearbase_sim.testing import Simulator, whoop_server

if not settings.configured:
    settings.configure(
        SECRET_KEY="only-for-this-test",
        ALLOWED_HOSTS=["127.0.0.1", "testserver"],
        ROOT_URLCONF=__name__,
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
        INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions", "healthdatamodel", "whoop"],
        MIDDLEWARE=["django.contrib.sessions.middleware.SessionMiddleware", "django.contrib.auth.middleware.AuthenticationMiddleware"],
        USE_TZ=True,
        WHOOP_CLIENT_ID="test-client",
        WHOOP_CLIENT_SECRET="test-client-secret",
        WHOOP_REDIRECT_URI="http://127.0.0.1/whoop/callback/",
    )
    django.setup()

from django.contrib.auth.models import User
from django.core.management import call_command
from django.core.wsgi import get_wsgi_application
from django.test import Client
from whoop import client as whoop_client
from whoop import oauth, signals, webhooks
from whoop.client import WhoopAPIError, WhoopClient
from whoop.models import WhoopConnection

urlpatterns = [path("whoop/", include("whoop.urls"))]


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Keep quiet."""


@pytest.fixture(scope="module")
def app_url() -> Iterator[str]:
    """The Django project as a server, for webhooks."""
    call_command("migrate", verbosity=0)
    application: Any = get_wsgi_application()
    server = make_server("127.0.0.1", 0, application, handler_class=_Quiet)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def sim(app_url: str) -> Iterator[Simulator]:
    with whoop_server(quota_minute=1000, webhook_url=(f"{app_url}/whoop/webhooks/",)) as sim:
        yield sim


@pytest.fixture
def connection(sim: Simulator, monkeypatch: pytest.MonkeyPatch) -> WhoopConnection:
    """A person of the Django project after they connected; only the client's addresses are others."""
    for module in (oauth, whoop_client):
        monkeypatch.setattr(module, "API_BASE_URL", sim.api_url)
    # The base address is also the default of a parameter, fixed when the class was made.
    monkeypatch.setitem(WhoopClient.__init__.__kwdefaults__ or {}, "base_url", sim.api_url)
    monkeypatch.setattr(oauth, "OAUTH_AUTHORIZATION_URL", f"{sim.oauth_url}/auth")
    monkeypatch.setattr(oauth, "OAUTH_TOKEN_URL", f"{sim.oauth_url}/token")
    person, _ = User.objects.get_or_create(username="somebody")
    browser: Any = Client()
    browser.force_login(person)
    asked = browser.get("/whoop/connect/")
    back = urlsplit(sim.decide(asked["location"]))
    answer = browser.get(f"{back.path}?{back.query}")
    assert answer.status_code == 302, answer.content
    stored: Any = WhoopConnection
    return stored.objects.get(customer=person)


def test_it_connects(connection: WhoopConnection) -> None:
    assert connection.whoop_user_id == "20000001"
    assert connection.status == "active"
    assert connection.refresh_token


@pytest.mark.parametrize(
    ("method", "resource"),
    [("iter_cycles", "cycle"), ("iter_recoveries", "recovery"), ("iter_sleeps", "sleep"), ("iter_workouts", "workout")],
)
def test_it_pages_through_everything(connection: WhoopConnection, sim: Simulator, method: str, resource: str) -> None:
    with WhoopClient(connection) as client:
        found = list(getattr(client, method)())
    assert len(found) > 25
    assert found == sim.truth(1, resource)


def test_it_reads_by_id(connection: WhoopConnection, sim: Simulator) -> None:
    with WhoopClient(connection) as client:
        sleep, workout = sim.truth(1, "sleep")[0], sim.truth(1, "workout")[0]
        assert client.get_sleep(sleep["id"]) == sleep
        assert client.get_workout(workout["id"]) == workout
        assert client.get_cycle_recovery(sleep["cycle_id"])["sleep_id"] == sleep["id"]
        assert client.get_body_measurement()["max_heart_rate"] > 150
        with pytest.raises(WhoopAPIError, match="404"):
            client.get_sleep("00000000-0000-4000-8000-000000000000")


def test_it_refreshes_when_its_token_is_dead(connection: WhoopConnection, sim: Simulator) -> None:
    old = connection.refresh_token
    sim.step(seconds=3601)
    with WhoopClient(connection) as client:
        assert client.get_profile()["user_id"] == 20_000_001
    assert connection.refresh_token != old
    connection.refresh_token = old
    with pytest.raises(oauth.TokenExchangeError, match="400"):
        oauth.refresh_access_token(connection)


def test_it_waits_and_asks_again(connection: WhoopConnection, sim: Simulator) -> None:
    waited: list[float] = []
    sim.fault(route="/v2/cycle", kind="status", status=503, count=2)
    with WhoopClient(connection, sleep=waited.append) as client:
        assert next(client.iter_cycles())["end"] is None
    assert waited == [1.0, 2.0]


@pytest.mark.parametrize("event", ["workout", "nap", "rescore"])
def test_its_webhooks_are_verified_and_stored(connection: WhoopConnection, sim: Simulator, event: str) -> None:
    received: list[dict[str, Any]] = []

    def remember(sender: object, payload: dict[str, Any], **more: object) -> None:
        received.append(payload)

    signals.event_received.connect(remember)
    try:
        (delivery,) = sim.event(1, event)
    finally:
        signals.event_received.disconnect(remember)
    assert delivery.state == "delivered"
    assert delivery.attempts[0]["status"] == 204
    assert [payload["type"] for payload in received] == [delivery.type]
    assert webhooks.process_event(received[0]) > 0


def test_it_disconnects(connection: WhoopConnection, sim: Simulator) -> None:
    oauth.revoke(connection)
    assert not sim.members()[0].granted
