"""When the demo runs, what it replaces, and what it keeps."""

from pathlib import Path
from typing import Any

import pytest

from wearbase.cli.demo import folder as demo
from wearbase.cli.demo import guide, simulator
from wearbase.domain.errors import SettingsError
from wearbase.settings import Settings, load

REAL = {"whoop_client_id": "app", "whoop_client_secret": "secret"}
ELSEWHERE = {"database_url": "postgresql://db.example/wearbase"}


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)


def started(where: Path) -> demo.Kept:
    return demo.remember(where, demo.new(), port=8000, sim_port=8100, account=20000013)


@pytest.mark.parametrize(
    ("settings", "asked", "is_demo"),
    [
        ({}, False, True),
        (REAL, False, False),
        (ELSEWHERE, False, False),
        ({"environment": "production"}, False, False),
        (REAL, True, True),
        ({**ELSEWHERE, "environment": "production", "token_encryption_keys": "x"}, True, True),
    ],
)
def test_when_it_runs(settings: dict[str, Any], asked: bool, is_demo: bool) -> None:
    assert demo.is_chosen(load(**settings), asked=asked) is is_demo


def test_its_folder_is_beside_the_real_one() -> None:
    assert demo.folder_of(load(data_dir=Path("/somewhere/data"))) == Path("/somewhere/data-demo")


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "::", "wear.example"])
def test_it_is_refused_on_a_public_address(host: str) -> None:
    with pytest.raises(SettingsError, match="HOST"):
        demo.check_address(load(host=host))


def test_nothing_real_is_left_in_its_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", ELSEWHERE["database_url"])
    monkeypatch.setenv("PUBLIC_URL", "https://wear.example")
    monkeypatch.setenv("WHOOP_REDIRECT_URL", "https://wear.example/auth/whoop/callback")
    given, kept = load(**REAL), started(tmp_path)
    made = demo.settings_for(given, kept, tmp_path)
    assert made.database_url is None
    assert made.whoop_client_id == kept.client_id != REAL["whoop_client_id"]
    assert made.whoop_api_url == "http://127.0.0.1:8100/developer"
    assert made.whoop_redirects == ("http://127.0.0.1:8000/auth/whoop/callback",)
    assert made.base_url == "http://127.0.0.1:8000"
    assert made.data_dir == tmp_path


def test_it_keeps_its_secrets_private_and_the_same(tmp_path: Path) -> None:
    assert demo.read(tmp_path) is None
    kept = started(tmp_path)
    assert demo.read(tmp_path) == kept
    assert (tmp_path / "demo.json").stat().st_mode & 0o777 == 0o600
    assert kept.service_key not in repr(kept)
    assert kept.client_secret not in repr(kept)


def test_a_damaged_file_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "demo.json").write_text("{")
    with pytest.raises(SettingsError, match="DATA_DIR"):
        demo.read(tmp_path)


def test_a_key_that_was_given_is_used_and_never_shown(tmp_path: Path) -> None:
    kept = started(tmp_path)
    own = demo.settings_for(load(), kept, tmp_path)
    assert kept.service_key in guide.ask_line(own, guide.date(2026, 5, 14))
    given = demo.settings_for(load(service_api_key="a-key-of-somebody-else-0123"), kept, tmp_path)
    line = guide.ask_line(given, guide.date(2026, 5, 14))
    assert "somebody-else" not in line
    assert "$SERVICE_API_KEY" in line


def test_the_simulator_is_given_what_it_needs_and_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("WHOOP_CLIENT_SECRET", "DATABASE_URL", "OURA_CLIENT_SECRET", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.setenv(name, "ours")
    monkeypatch.setenv("PATH", "/where/programs/are")
    found = simulator._environment()
    assert found["PATH"] == "/where/programs/are"
    assert "ours" not in found.values()
