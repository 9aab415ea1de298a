"""What the settings say of the app's own identity provider: all of it, over https, or nothing starts."""

import pytest

from wearbase.domain.errors import SettingsError
from wearbase.settings import load

GIVEN = {
    "auth_jwks_url": "https://project.supabase.co/auth/v1/.well-known/jwks.json",
    "auth_issuer": "https://project.supabase.co/auth/v1",
    "auth_audience": "authenticated, another",
}


@pytest.fixture(autouse=True)
def nothing_else(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    monkeypatch.chdir(tmp_path)
    for name in (*GIVEN, "auth_user_claim"):
        monkeypatch.delenv(name.upper(), raising=False)


def refused(**more: str) -> str:
    with pytest.raises(SettingsError) as found:
        load(**more)
    return found.value.message


def test_a_provider_is_three_settings_and_the_claim_is_the_subject() -> None:
    made = load(**GIVEN)
    assert made.auth_audience == ("authenticated", "another")
    assert made.auth_user_claim == "sub"
    assert load(**{**GIVEN, "auth_issuer": "https://tenant.example/"}).auth_issuer == "https://tenant.example/", (
        "issuers are compared as they are"
    )
    assert load().auth_jwks_url is None


@pytest.mark.parametrize("missing", GIVEN)
def test_one_without_the_others_is_refused_and_named(missing: str) -> None:
    said = refused(**{name: value for name, value in GIVEN.items() if name != missing})
    assert said == f"{missing.upper()} is missing: AUTH_JWKS_URL, AUTH_ISSUER, AUTH_AUDIENCE belong together"


def test_a_claim_alone_is_refused() -> None:
    assert "AUTH_JWKS_URL and AUTH_ISSUER and AUTH_AUDIENCE are missing" in refused(auth_user_claim="email")


@pytest.mark.parametrize("host", ["auth.example", "10.0.0.1", "localhost.example", "127.0.0.1.example", "auth.internal"])
def test_keys_come_over_https(host: str) -> None:
    assert refused(**{**GIVEN, "auth_jwks_url": f"http://{host}/jwks"}).startswith("AUTH_JWKS_URL must be https")


@pytest.mark.parametrize("host", ["127.0.0.1:8080", "[::1]:8080", "localhost"])
def test_or_from_this_machine(host: str) -> None:
    assert load(**{**GIVEN, "auth_jwks_url": f"http://{host}/jwks"}).auth_jwks_url == f"http://{host}/jwks"


@pytest.mark.parametrize(
    "url", ["https://user:password@auth.example/jwks", "https://auth.example/jwks#x", "https://:443/jwks", "ftp://auth.example"]
)
def test_an_address_that_is_none_is_refused_and_not_repeated(url: str) -> None:
    said = refused(**{**GIVEN, "auth_jwks_url": url})
    assert said.startswith("AUTH_JWKS_URL")
    assert "password" not in said


@pytest.mark.parametrize("name", ["auth_issuer", "auth_user_claim"])
@pytest.mark.parametrize("value", [" x", "a\nb", "a\x00b"])
def test_what_no_token_can_hold_is_refused(name: str, value: str) -> None:
    assert refused(**{**GIVEN, name: value}) == f"{name.upper()} has characters that no token has"
