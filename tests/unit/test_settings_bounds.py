"""Numbers and durations that no process can work with are refused at the start: what was given, its bounds, and what to do."""

from datetime import timedelta
from pathlib import Path

import pytest

from wearbase.domain.errors import SettingsError
from wearbase.settings import Settings, load
from wearbase.store.postgres.database import Database
from wearbase.store.sealing import KeyRing
from wearbase.transport.grants import LONGEST_KEEPALIVE, SHORTEST_KEEPALIVE, Grants
from wearbase.transport.http import Http

HUGE = "9" * 400
DURATIONS = {
    "HOLD_DOWN": ("0s", "10m"), "IDLE_AFTER": ("1h", "3650d"), "VISIT_IDLE_MEMBERS_EVERY": ("1d", "30d"), "TOKEN_KEEPALIVE": ("1h", "7d"),
    "SOURCE_DEADLINE": ("100ms", "30s"), "KEEP_DELIVERIES": ("1h", "3650d"), "KEEP_PAYLOADS": ("0s", "3650d"),
    "HEAD_WITHIN": ("100ms", "5m"), "BODY_WITHIN": ("100ms", "10m"), "ANSWER_WITHIN": ("1s", "1h"),
}  # fmt: skip
NUMBERS = {
    "PORT": (0, 65_535), "DATABASE_POOL_SIZE": (2, 200), "RATE_LIMIT_PER_MINUTE": (1, 2**31 - 1), "RATE_LIMIT_PER_DAY": (1, 2**31 - 1),
    "SAHHA_RATE_LIMIT_PER_MINUTE": (1, 2**31 - 1), "BACKFILL_DAYS": (4, 3_650), "AUDIT_RETENTION_DAYS": (0, 3_650),
    "WHOOP_RETENTION_DAYS": (7, 36_500), "SAHHA_RETENTION_DAYS": (7, 36_500), "OURA_RETENTION_DAYS": (7, 36_500),
}  # fmt: skip


@pytest.fixture(autouse=True)
def nothing_else(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("WHOOP_CLIENT_ID", "WHOOP_CLIENT_SECRET", *DURATIONS, *NUMBERS):
        monkeypatch.delenv(name, raising=False)


def refused(monkeypatch: pytest.MonkeyPatch, name: str, text: str) -> str:
    monkeypatch.setenv(name, text)
    with pytest.raises(SettingsError) as found:
        load()
    return found.value.message


@pytest.mark.parametrize("name", DURATIONS)
@pytest.mark.parametrize("text", [HUGE, "99999999999999d", "3651d", "-1s", "-3d", "soon", "1 fortnight", "nan", "1e9", "٣d"])
def test_a_duration_out_of_its_bounds_is_named_with_them(monkeypatch: pytest.MonkeyPatch, name: str, text: str) -> None:
    least, most = DURATIONS[name]
    said = refused(monkeypatch, name, text)
    assert said.startswith(f"{name}: {text[:40]!r} is not a duration from {least} to {most}.")
    assert "Give one" in said


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("TOKEN_KEEPALIVE", "0"), ("TOKEN_KEEPALIVE", "59m"), ("TOKEN_KEEPALIVE", "8d"), ("VISIT_IDLE_MEMBERS_EVERY", "0"),
        ("VISIT_IDLE_MEMBERS_EVERY", "1s"), ("IDLE_AFTER", "0"), ("KEEP_DELIVERIES", "0"), ("HOLD_DOWN", "11m"),
    ],
)  # fmt: skip
def test_a_duration_that_would_mean_something_else_is_refused(monkeypatch: pytest.MonkeyPatch, name: str, text: str) -> None:
    assert f"{name}: {text!r} is not a duration from" in refused(monkeypatch, name, text)


@pytest.mark.parametrize("name", NUMBERS)
def test_a_number_out_of_its_bounds_is_named_with_them(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    least, most = NUMBERS[name]
    for given in (least - 1, most + 1, int("9" * 100)):
        assert refused(monkeypatch, name, str(given)).startswith(f"{name}: {str(given)[:40]} is out of bounds.")
        assert f"from {least} to {most}" in refused(monkeypatch, name, str(given))
    assert refused(monkeypatch, name, "many").startswith(f"{name}: ")


@pytest.mark.parametrize("name", [*DURATIONS, *NUMBERS])
def test_the_bounds_themselves_are_taken(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    for bound in (DURATIONS | NUMBERS)[name]:
        monkeypatch.setenv(name, str(bound))
        load()


def test_every_duration_has_bounds() -> None:
    found = {name.upper() for name, field in Settings.model_fields.items() if field.annotation is timedelta}
    assert found == set(DURATIONS)


@pytest.mark.parametrize("keepalive", [timedelta.max, timedelta(0), timedelta(days=-1), LONGEST_KEEPALIVE + timedelta(seconds=1)])
async def test_an_interval_that_cannot_be_kept_is_refused_before_any_token_is_spent(keepalive: timedelta) -> None:
    with pytest.raises(SettingsError, match="TOKEN_KEEPALIVE"):
        Grants(Database("postgresql:///none"), None, KeyRing([bytes(32)]), Http(), keepalive=keepalive)  # type: ignore[arg-type]


def test_the_setting_has_the_bounds_of_the_grants(monkeypatch: pytest.MonkeyPatch) -> None:
    for text, bound in zip(DURATIONS["TOKEN_KEEPALIVE"], (SHORTEST_KEEPALIVE, LONGEST_KEEPALIVE), strict=True):
        monkeypatch.setenv("TOKEN_KEEPALIVE", text)
        assert load().token_keepalive == bound
