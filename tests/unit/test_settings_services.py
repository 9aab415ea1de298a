"""What the settings say of a WHOOP that comes from another wearbase."""

from datetime import UTC, datetime

import pytest

from wearbase.app.parts import remotes
from wearbase.domain.clock import SteppedClock
from wearbase.domain.errors import SettingsError
from wearbase.settings import load
from wearbase.transport.http import Http

PAIR = {"whoop_service_url": "https://whoop.example.com/", "whoop_service_api_key": "key-of-the-entry-point"}


@pytest.fixture(autouse=True)
def nothing_else(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("WHOOP_CLIENT_ID", "WHOOP_CLIENT_SECRET", "WHOOP_SERVICE_URL", "WHOOP_SERVICE_API_KEY", "SAHHA_CLIENT_ID"):
        monkeypatch.delenv(name, raising=False)


def test_the_pair_is_a_source_with_an_address_without_a_slash() -> None:
    made = load(**PAIR)
    assert made.has_source
    assert not made.has_whoop
    assert made.apps() == []
    assert made.whoop_service_url == "https://whoop.example.com"
    assert "key-of-the-entry-point" not in repr(made)


async def test_the_browser_comes_back_to_the_service_unless_it_is_told_to_come_here() -> None:
    http, clock = Http(), SteppedClock(datetime(2026, 5, 14, tzinfo=UTC))
    found = remotes(load(**PAIR), http, clock)["whoop"]
    assert (found.name, found.url, found.redirect_uri) == ("whoop", "https://whoop.example.com", None)
    here = "https://app.example.com/auth/whoop/callback"
    assert remotes(load(**PAIR, whoop_redirect_url=here), http, clock)["whoop"].redirect_uri == here
    assert remotes(load(), http, clock) == {}
    await http.close()


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"whoop_service_api_key": None}, "WHOOP_SERVICE_API_KEY is missing"),
        ({"whoop_service_url": None}, "WHOOP_SERVICE_URL is missing"),
        ({"whoop_client_id": "app", "whoop_client_secret": "s"}, "WHOOP_CLIENT_ID and WHOOP_SERVICE_URL exclude each other"),
        ({"whoop_service_url": "whoop.example.com"}, "WHOOP_SERVICE_URL: .*http or https"),
        ({"whoop_service_url": "https://me:secret@whoop.example.com"}, "bare address"),
        ({"whoop_service_url": "https://whoop.example.com?x=1"}, "bare address"),
        ({"public_url": "https://whoop.example.com"}, "own address"),
        ({"whoop_service_api_key": "key\nX-Other: 1"}, "characters that no key has"),
        ({"environment": "production", "whoop_service_url": "http://whoop.example.com"}, "must be https"),
        ({"environment": "production", "whoop_service_url": "http://93.184.216.34"}, "must be https"),
    ],
)
def test_half_a_pair_or_a_bad_address_is_named(changed: dict[str, object], said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        load(**{**PAIR, **changed})


@pytest.mark.parametrize(
    "host", ["localhost", "127.0.0.1", "[::1]", "10.1.2.3", "192.168.7.7", "whoop", "whoop.team.svc", "whoop.internal"]
)
def test_http_is_taken_inside_a_network_of_ones_own(host: str) -> None:
    assert load(**{**PAIR, "environment": "production", "whoop_service_url": f"http://{host}:8001"}).has_whoop_service
