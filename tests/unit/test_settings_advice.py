"""What is taken with a word: the setting is named in the doctor and at the start, with what it leads to."""

from pathlib import Path

import pytest

from wearbase.settings import load
from wearbase.settings.advice import advice

PRODUCTION = {"ENVIRONMENT": "production", "PUBLIC_URL": "https://wear.example.com"}


@pytest.fixture(autouse=True)
def nothing_else(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("WHOOP_CLIENT_ID", "WHOOP_CLIENT_SECRET", "SAHHA_CLIENT_ID", "SAHHA_CLIENT_SECRET", "SERVICE_API_KEY", "DATABASE_URL"):
        monkeypatch.delenv(name, raising=False)


def named(monkeypatch: pytest.MonkeyPatch, given: dict[str, str]) -> list[str]:
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    return [one.setting for one in advice(load())]


@pytest.mark.parametrize(
    "given",
    [
        {"FORWARDED_ALLOW_IPS": "*"}, {"FORWARDED_ALLOW_IPS": "0.0.0.0/0"}, {**PRODUCTION, "ALLOWED_HOSTS": "*"},
        {**PRODUCTION, "CORS_ORIGINS": "http://app.example.com"}, {"METRICS_BIND": "0.0.0.0:9100"}, {"METRICS_BIND": "[::]:9100"},
        {"METRICS_BIND": "93.184.216.34:9100"}, {"PUBLIC_URL": "https://example.com/wear"},
        {"PUBLIC_URL": "http://wear.example.com", "ENVIRONMENT": "production"}, {"RATE_LIMIT_PER_MINUTE": "90", "RATE_LIMIT_PER_DAY": "80"},
        {"STREAMS": "9", "CONNECTIONS": "8"}, {"STREAMS_PER_MEMBER": "9", "STREAMS": "8"}, {**PRODUCTION, "FAILURES_PER_ADDRESS": "0"},
        {"BACKFILL_DAYS": "90", "SAHHA_RETENTION_DAYS": "30"}, {"ANSWER_WITHIN": "2s"}, {"ANSWER_WITHIN": "30s"},
        {"HEAD_WITHIN": "3m", "ANSWER_WITHIN": "2m"}, {"KEEP_PAYLOADS": "9d", "KEEP_DELIVERIES": "8d"}, {"SERVICE_API_KEY_SCOPES": "read"},
        {"SAHHA_WEBHOOK_SECRET": "0123456789"}, {"OURA_API_URL": "https://oura.example"}, {"ALLOWED_HOST": "a"}, {"REQUESTS_PER_KEYS": "9"},
    ],
)  # fmt: skip
def test_it_is_named(monkeypatch: pytest.MonkeyPatch, given: dict[str, str]) -> None:
    assert set(named(monkeypatch, given)) <= set(given)
    assert named(monkeypatch, given)


@pytest.mark.parametrize(
    "given",
    [
        {}, PRODUCTION, {**PRODUCTION, "METRICS_BIND": "10.0.0.1:9100", "FORWARDED_ALLOW_IPS": "10.0.0.0/8", "ALLOWED_HOSTS": "api"},
        {"ALLOWED_HOSTS": "*", "CORS_ORIGINS": "http://localhost:3000"}, {"BACKFILL_DAYS": "30", "SAHHA_RETENTION_DAYS": "90"},
        {"SAHHA_RETENTION_DAYS": "30"}, {"HOSTNAME": "box", "HOME": "/root"},
    ],
)  # fmt: skip
def test_what_is_in_order_is_passed_over(monkeypatch: pytest.MonkeyPatch, given: dict[str, str]) -> None:
    assert named(monkeypatch, given) == []


@pytest.mark.parametrize("given", [{"DATABASE_URL": "postgresql://one@db.example/wear"}, {"HOST": "0.0.0.0"}, {"HOST": "::"}])
def test_development_is_told_where_others_may_be_served_and_production_is_not(
    monkeypatch: pytest.MonkeyPatch, given: dict[str, str]
) -> None:
    assert named(monkeypatch, given) == ["ENVIRONMENT"]
    assert "any IP address" in advice(load())[0].text
    monkeypatch.setenv("PUBLIC_URL", "https://wear.example.com")
    assert "any IP address" not in advice(load())[0].text
    assert named(monkeypatch, {"ENVIRONMENT": "production", "TOKEN_ENCRYPTION_KEYS": "x"}) == []


def test_a_name_in_the_file_that_is_none_is_told(tmp_path: Path) -> None:
    Path(".env").write_text("# CORS_ORIGIN=x\nexport WHOOP_CLIENT_SECRETS=very-secret\nMY_APP=1\n")
    [found] = advice(load())
    assert (found.setting, found.todo) == ("WHOOP_CLIENT_SECRETS", "if WHOOP_CLIENT_SECRET was meant, call it that")
    assert "very-secret" not in repr(found)
