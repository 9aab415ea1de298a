"""Settings of the door: what is taken, what ends the start, and what the HTTP side is told."""

import re
import socket

import pytest

from wearbase.app import http
from wearbase.app.http import door_rules, listen_for_metrics
from wearbase.domain.errors import SettingsError
from wearbase.settings import Settings, load


def given(monkeypatch: pytest.MonkeyPatch, **values: str) -> Settings:
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    return load(_env_file=None)


def test_lists_and_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = given(
        monkeypatch,
        ALLOWED_HOSTS="API.internal, [::7]",
        CORS_ORIGINS="https://app.example,http://localhost:3000",
        METRICS_BIND="[::1]:9100",
    )
    assert settings.allowed_hosts == ("api.internal", "::7")
    assert settings.cors_origins == ("https://app.example", "http://localhost:3000")
    assert settings.metrics_bind == ("::1", 9100)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ALLOWED_HOSTS", "https://api.example"), ("ALLOWED_HOSTS", "api.example:8000"), ("ALLOWED_HOSTS", "a/b"), ("CORS_ORIGINS", "*"),
        ("CORS_ORIGINS", "app.example"), ("CORS_ORIGINS", "https://app.example/"), ("CORS_ORIGINS", "https://APP.example"),
        ("METRICS_BIND", "9100"), ("METRICS_BIND", "metrics.example:9100"), ("METRICS_BIND", "127.0.0.1:0"), ("REQUESTS_PER_KEY", "-1"),
        ("HEAD_WITHIN", "0s"), ("CONNECTIONS", "1"),
    ],
)  # fmt: skip
def test_a_bad_one_ends_the_start_and_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=name):
        given(monkeypatch, **{name: value})


def test_our_names_are_the_public_one_those_given_and_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    rules = door_rules(given(monkeypatch, PUBLIC_URL="https://wear.example:8443", ALLOWED_HOSTS="api"))
    assert rules.hosts == {"wear.example", "api", "127.0.0.1", "::1", "localhost"}
    assert not rules.takes_addresses


def test_addresses_are_names_only_in_development_without_a_public_one(monkeypatch: pytest.MonkeyPatch) -> None:
    assert door_rules(given(monkeypatch, HOST="0.0.0.0")).takes_addresses
    assert not door_rules(given(monkeypatch, ENVIRONMENT="production")).takes_addresses


@pytest.mark.parametrize(("host", "is_both"), [("::", True), ("::1", False), ("0.0.0.0", False)])
def test_every_address_means_those_of_both_kinds(monkeypatch: pytest.MonkeyPatch, host: str, is_both: bool) -> None:
    asked: list[bool] = []

    def create_server(*_: object, dualstack_ipv6: bool, **__: object) -> None:
        asked.append(dualstack_ipv6)
        raise OSError(99, "not to be had")

    monkeypatch.setattr(http.socket, "create_server", create_server)
    monkeypatch.setattr(http.socket, "has_dualstack_ipv6", lambda: True)
    with pytest.raises(SettingsError, match="HOST, PORT: cannot listen"):
        http.listen(given(monkeypatch, HOST=host))
    assert asked == [is_both]


def test_any_name_where_that_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    assert door_rules(given(monkeypatch, ALLOWED_HOSTS="*")).hosts is None


def test_limits_reach_the_door_and_hold_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    rules = door_rules(given(monkeypatch, REQUESTS_PER_MEMBER="7", STREAMS="3"))
    assert (rules.requests_per_key, rules.requests_per_member, rules.failures_per_address, rules.streams) == (1_000, 7, 10, 3)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_a_taken_address_for_the_metrics_asks_for_another_address(host: str) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, 0), family=family) as taken:
        port = taken.getsockname()[1]
        given = Settings(metrics_bind=(f"[{host}]:{port}" if ":" in host else f"{host}:{port}"))  # type: ignore[arg-type]
        with pytest.raises(SettingsError) as raised:
            listen_for_metrics(given)
    [told] = re.findall(r"set METRICS_BIND to another address, such as (\S+)\.$", raised.value.message)
    assert Settings(metrics_bind=told).metrics_bind not in (None, given.metrics_bind)
