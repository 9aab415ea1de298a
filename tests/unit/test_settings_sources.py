"""Which sources the settings make, and what they say of half a source."""

import pytest

from wearbase.cli.demo import folder as demo
from wearbase.domain.errors import SettingsError
from wearbase.providers.registry import taking_part
from wearbase.settings import Settings, load

PAIR = {"sahha_client_id": "id", "sahha_client_secret": "very-secret"}


@pytest.fixture(autouse=True)
def nothing_else(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    monkeypatch.chdir(tmp_path)
    for name in (f"{source}_CLIENT_{half}" for source in ("WHOOP", "SAHHA", "OURA") for half in ("ID", "SECRET")):
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


def test_any_other_source_of_the_registry_is_told_by_its_own_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OURA_CLIENT_ID", "id")
    monkeypatch.setenv("oura_client_secret", "very-secret")
    monkeypatch.setenv("OURA_API_URL", "https://oura.example/")
    monkeypatch.setenv("OURA_RATE_LIMIT_PER_MINUTE", "30")
    settings = made(public_url="https://wear.example")
    [app] = settings.apps()
    assert (app.name, app.credentials.api_url, app.per_minute) == ("oura", "https://oura.example", 30)
    assert app.credentials.oauth_url == "https://cloud.ouraring.com/oauth"
    assert app.credentials.signing_secret == "very-secret"
    assert app.redirect_uris == ("https://wear.example/auth/oura/callback",)
    assert settings.has_source
    assert "very-secret" not in repr(app) + repr(settings)


def test_it_is_told_by_a_file_too(tmp_path) -> None:
    (tmp_path / ".env").write_text(
        "OURA_CLIENT_ID=id\nOURA_CLIENT_SECRET=very-secret\nOURA_REDIRECT_URL=https://a.example/x,https://b.example/y\n"
    )
    [app] = made().apps()
    assert app.redirect_uris == ("https://a.example/x", "https://b.example/y")


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"OURA_CLIENT_ID": "id"}, "OURA_CLIENT_SECRET is missing: OURA_CLIENT_ID and OURA_CLIENT_SECRET belong together"),
        ({"OURA_CLIENT_SECRET": "s"}, "OURA_CLIENT_ID is missing"),
        ({"OURA_API_URL": "oura"}, "OURA_API_URL: give an http or https address"),
        ({"OURA_RATE_LIMIT_PER_MINUTE": "0"}, "OURA_RATE_LIMIT_PER_MINUTE: "),
        ({"OURA_CLIENT_ID": "id", "OURA_CLIENT_SECRET": "s", "OURA_SIGNATURE": "rot13"}, "OURA_SIGNATURE must be left out"),
    ],
)
def test_what_is_wrong_with_it_is_named(monkeypatch: pytest.MonkeyPatch, given: dict[str, str], told: str) -> None:
    for name, text in given.items():
        monkeypatch.setenv(name, text)
    with pytest.raises(SettingsError) as raised:
        made()
    assert told in raised.value.message


def test_the_demo_has_none_of_them(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    monkeypatch.setenv("OURA_CLIENT_ID", "id")
    monkeypatch.setenv("OURA_CLIENT_SECRET", "very-secret")
    assert demo.settings_for(made(), None, tmp_path).apps() == []


def test_a_source_with_a_caveat_takes_part_only_where_it_is_set_up() -> None:
    assert set(taking_part([])) == {"whoop", "sahha"}
    assert set(taking_part(["oura"])) == {"whoop", "oura", "sahha"}
