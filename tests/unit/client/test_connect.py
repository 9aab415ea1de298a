import pytest

from wearbase_client import Connection, Disconnected, Invalid, Unavailable

START = {"user_id": "member-42", "authorization_url": "https://provider.test/auth?state=s3cret", "state": "s3cret", "expires_in": 300}


def test_connect_gives_the_address_to_open(client, service):
    service.answers(200, START)
    start = client.connect("member-42", "https://app.test/done?a=1&b=2")
    assert service.request.method == "POST"
    assert service.request.url.path == "/api/v1/whoop/connect/member-42"
    assert dict(service.request.url.params) == {"redirect_url": "https://app.test/done?a=1&b=2"}
    assert (start.user_id, start.state, start.expires_in_s, start.is_connected) == ("member-42", "s3cret", 300, False)
    assert start.authorization_url == START["authorization_url"]
    assert "s3cret" not in repr(start)


def test_connect_without_a_redirect_sends_none(client, service):
    service.answers(200, START)
    client.connect("member-42")
    assert service.request.url.query == b""


def test_a_provider_joined_by_account_is_connected_at_once(client, service):
    service.answers(200, {"user_id": "member-42", "connected": True, "authorization_url": None})
    start = client.connect("member-42", provider="sahha")
    assert service.request.url.path == "/api/v1/sahha/connect/member-42"
    assert (start.is_connected, start.authorization_url, start.state, start.expires_in_s) == (True, None, None, None)


@pytest.mark.parametrize("body", [{}, {"user_id": "member-42", "authorization_url": None}])
def test_a_start_that_leads_nowhere_is_no_success(client, service, body):
    service.answers(200, body)
    with pytest.raises(Unavailable, match="no address"):
        client.connect("member-42")


def test_connect_with_code_posts_the_pair(client, service):
    service.answers(200, {"user_id": "member-42", "provider": "whoop", "connected": True, "new_field": 1})
    connection = client.connect_with_code("the-code", "the-state")
    assert (service.request.method, service.request.url.path) == ("POST", "/v1/oauth/callback")
    assert service.sent_body == {"code": "the-code", "state": "the-state"}
    assert connection == Connection(user_id="member-42", provider="whoop", is_connected=True)


@pytest.mark.parametrize(
    ("status", "body", "is_complete"), [(200, {"ok": True}, True), (204, None, True), (202, {}, False), (202, None, False)]
)
def test_disconnect_says_whether_it_is_over(client, service, status, body, is_complete):
    service.answers(status, body)
    end = client.disconnect("member-42", data="erase")
    assert (service.request.method, service.request.url.path) == ("DELETE", "/api/v1/whoop/connect/member-42")
    assert dict(service.request.url.params) == {"data": "erase"}
    assert end == Disconnected(user_id="member-42", provider="whoop", data="erase", is_complete=is_complete)


def test_disconnect_keeps_records_unless_asked(client, service):
    service.answers(204)
    client.disconnect("member-42")
    assert dict(service.request.url.params) == {"data": "keep"}


@pytest.mark.parametrize("content", [b"<html>sign in</html>", None])
def test_a_page_or_nothing_is_no_confirmation_of_an_erasure(client, service, content):
    service.answers(200, content)
    with pytest.raises(Unavailable):
        client.disconnect("member-42", "erase")


def test_a_misspelt_choice_is_not_sent(client, service):
    with pytest.raises(Invalid) as caught:
        client.disconnect("member-42", "delete")
    assert caught.value.field == "data"
    assert service.requests == []


@pytest.mark.parametrize("user_id", ["a.b_c~d@e:f|g+h-1", "x" * 128, "..."])
def test_every_allowed_user_id_arrives_as_it_is(client, service, user_id):
    service.answers(200, START)
    client.connect(user_id)
    assert service.request.url.path == f"/api/v1/whoop/connect/{user_id}"


@pytest.mark.parametrize("user_id", ["", ".", "..", "a/b", "a b", "ü", "x" * 129, "a\n", "a?b", "a%2Fb"])
def test_a_user_id_that_could_name_another_path_is_not_sent(client, service, user_id):
    with pytest.raises(Invalid) as caught:
        client.connect(user_id)
    assert (caught.value.field, caught.value.status) == ("user_id", None)
    with pytest.raises(Invalid):
        client.fetch_cycles(user_id)
    assert service.requests == []


@pytest.mark.parametrize("provider", ["", "../v1", "WHOOP", "a/b"])
def test_a_provider_that_is_no_name_is_not_sent(client, service, provider):
    with pytest.raises(Invalid) as caught:
        client.sync_status("member-42", provider=provider)
    assert caught.value.field == "provider"
    assert service.requests == []
