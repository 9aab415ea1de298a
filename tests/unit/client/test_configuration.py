import copy
import inspect
import logging

import httpx2
import pytest

from wearbase_client import AsyncClient, Client, Unavailable

KEY = "k3y-that-must-not-show"
STATUS = {"user_id": "member-42", "state": "ok", "resources": {}}


@pytest.fixture(autouse=True)
def _empty_environment(monkeypatch):
    monkeypatch.delenv("WEARBASE_URL", raising=False)
    monkeypatch.delenv("WEARBASE_API_KEY", raising=False)


def test_a_key_goes_into_its_own_header(make_client, service):
    service.answers(200, STATUS)
    make_client(api_key=KEY).sync_status("member-42")
    assert service.request.headers["x-api-key"] == KEY
    assert "authorization" not in service.request.headers


def test_a_token_goes_into_authorization_and_wins_over_the_environment(make_client, service, monkeypatch):
    monkeypatch.setenv("WEARBASE_API_KEY", KEY)
    service.answers(200, STATUS)
    make_client(token="member-token").sync_status("member-42")
    assert service.request.headers["authorization"] == "Bearer member-token"
    assert "x-api-key" not in service.request.headers


def test_address_and_key_come_from_the_environment(make_client, service, monkeypatch):
    monkeypatch.setenv("WEARBASE_URL", "https://elsewhere.test:8443/wear/")
    monkeypatch.setenv("WEARBASE_API_KEY", f" {KEY}\n")
    service.answers(200, STATUS)
    make_client(base_url=None, api_key=None).sync_status("a@b|c+d")
    assert str(service.request.url) == "https://elsewhere.test:8443/wear/api/v1/whoop/sync-status/a%40b%7Cc%2Bd"
    assert service.request.headers["x-api-key"] == KEY


def test_what_is_missing_is_named(client_class):
    with pytest.raises(ValueError, match="WEARBASE_URL"):
        client_class(api_key=KEY)
    with pytest.raises(ValueError, match="WEARBASE_API_KEY"):
        client_class("https://wearbase.test")
    with pytest.raises(ValueError, match="not both"):
        client_class("https://wearbase.test", api_key=KEY, token="t")


@pytest.mark.parametrize(
    "url", ["wearbase.test", "ftp://wearbase.test", "https://", "https://u:p4ss@h.test", "https://h.test/?a=1", "https://h:x/"]
)
def test_an_unusable_address_is_refused_without_showing_it(client_class, url):
    with pytest.raises(ValueError, match="base_url") as caught:
        client_class(url, api_key=KEY)
    assert "p4ss" not in str(caught.value)


@pytest.mark.parametrize("secret", ["two words", "line\nbreak", "schlüssel", "  "])
@pytest.mark.parametrize("kind", ["api_key", "token"])
def test_an_unusable_credential_is_refused_without_showing_it(client_class, kind, secret):
    with pytest.raises(ValueError, match=kind) as caught:
        client_class("https://wearbase.test", **{kind: secret})
    assert secret.strip() == "" or secret not in str(caught.value)


def test_the_key_shows_nowhere(make_client, service, caplog):
    caplog.set_level(logging.DEBUG)
    client = make_client(api_key=KEY).client
    driven = make_client(api_key=KEY)
    service.answers(200, STATUS).answers(404, b"no")
    driven.sync_status("member-42")
    with pytest.raises(Unavailable) as caught:
        driven.sync_status("member-42")
    shown = [
        repr(client),
        str(client),
        repr(vars(client)),
        repr(client._http.auth),
        repr(client._http.headers),
        str(caught.value),
        caplog.text,
    ]
    assert not [text for text in shown if KEY in text]
    assert repr(client) == f"{type(client).__name__}('https://wearbase.test')"


def test_a_code_shows_in_no_log(client, service, caplog):
    caplog.set_level(logging.DEBUG)
    service.answers(200, {})
    client.connect_with_code("c0de", "st4te")
    assert "c0de" not in caplog.text
    assert "st4te" not in caplog.text


def test_redirects_are_not_followed(client, service):
    service.answers(307, b"", {"Location": "https://thief.test/"})
    with pytest.raises(Unavailable):
        client.sync_status("member-42")
    assert len(service.requests) == 1


def test_cookies_are_not_kept(client, service):
    service.answers(200, STATUS, {"Set-Cookie": "session=of-member-42; Path=/"}).answers(200, STATUS | {"user_id": "member-43"})
    client.sync_status("member-42")
    client.sync_status("member-43")
    assert "cookie" not in service.requests[1].headers


@pytest.mark.parametrize(("timeout_s", "expected"), [(30.0, httpx2.Timeout(30.0, connect=5.0)), (2.0, httpx2.Timeout(2.0))])
def test_waits_have_a_limit(client_class, timeout_s, expected):
    client = client_class("https://wearbase.test", api_key=KEY, timeout_s=timeout_s)
    assert client._http.timeout == expected


def test_a_client_closes_with_its_block(service):
    with Client("https://wearbase.test", api_key=KEY, transport=httpx2.MockTransport(service)) as client:
        assert not client._http.is_closed
    assert client._http.is_closed


async def test_an_async_client_closes_with_its_block(service):
    async with AsyncClient("https://wearbase.test", api_key=KEY, transport=httpx2.MockTransport(service)) as client:
        assert not client._http.is_closed
    assert client._http.is_closed


def public(kind):
    return {name: member for name, member in vars(kind).items() if inspect.isfunction(member) and not name.startswith("_")}


def test_both_clients_have_the_same_methods():
    one, other = copy.copy(public(Client)), copy.copy(public(AsyncClient))
    assert one.pop("close").__doc__ == other.pop("aclose").__doc__
    assert one.keys() == other.keys()
    for name, method in one.items():
        assert inspect.signature(method).parameters == inspect.signature(other[name]).parameters, name
        assert method.__doc__ == other[name].__doc__, name
        assert method.__doc__, name
