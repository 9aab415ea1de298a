"""Which sources the settings make, and what they say of half a source."""

import pytest

from wearbase.domain.errors import SettingsError
from wearbase.settings import Settings, load

PAIR = {"sahha_client_id": "id", "sahha_client_secret": "very-secret"}


@pytest.fixture(autouse=True)
def nothing_else(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("WHOOP_CLIENT_ID", "WHOOP_CLIENT_SECRET", "SAHHA_CLIENT_ID", "SAHHA_CLIENT_SECRET"):
        monkeypatch.delenv(name, raising=False)


def made(**given: object) -> Settings:
    return load(**given)


def test_without_credentials_there_is_no_source() -> None:
    assert made().apps() == []
    assert not made().has_source


@pytest.mark.parametrize("missing", PAIR)
def test_one_credential_without_the_other_is_named(missing: str) -> None:
    with pytest.raises(SettingsError, match=f"{missing.upper()} is missing"):
        made(**{name: text for name, text in PAIR.items() if name != missing})


def test_sahha_alone_is_a_source_of_production_with_a_limiter_of_its_own() -> None:
    [app] = made(**PAIR).apps()
    assert (app.name, app.credentials.api_url, app.per_minute, app.per_day) == ("sahha", "https://api.sahha.ai", 120, 172_800)
    assert app.credentials.signing_secret == ""
    assert "very-secret" not in repr(app)


def test_the_pinned_form_of_signature_is_the_one_accepted() -> None:
    [app] = made(**PAIR, sahha_signature="base64-text", sahha_webhook_secret="s").apps()
    assert app.provider.webhook == app.provider.signatures["base64-text"]
    with pytest.raises(SettingsError, match="SAHHA_SIGNATURE must be one of hex-text"):
        made(**PAIR, sahha_signature="rot13")
