"""Values that would do something else than was meant, or nothing: refused at the start, by name, and no secret is repeated."""

from pathlib import Path

import pytest

from wearbase.domain.errors import SettingsError
from wearbase.settings import load

HIDDEN = "hunter2hunter2"
GOOD_KEY = "k3v9-0aQz-71mB-xxR2-pLw8"
EMBEDDED = f"https://me:{HIDDEN}@wear.example.com"
BARE = ("AUTH_JWKS_URL", "CORS_ORIGINS", "ALLOWED_HOSTS", "HOST")
LISTED = ("WHOOP_REDIRECT_URL", "OURA_REDIRECT_URL", "REDIRECT_URL_ALLOWLIST")
ADDRESSES = ("PUBLIC_URL", "WHOOP_API_URL", "WHOOP_OAUTH_URL", "SAHHA_API_URL", "OURA_API_URL", "OURA_OAUTH_URL")


@pytest.fixture(autouse=True)
def nothing_else(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("WHOOP_CLIENT_ID", "WHOOP_CLIENT_SECRET", "SAHHA_CLIENT_ID", "SAHHA_CLIENT_SECRET", "SERVICE_API_KEY", "DATABASE_URL"):
        monkeypatch.delenv(name, raising=False)


def refused(monkeypatch: pytest.MonkeyPatch, **given: str) -> str:
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as found:
        load()
    return found.value.message


@pytest.mark.parametrize("name", ADDRESSES)
@pytest.mark.parametrize("more", ["?x=1", "?", "#x", "#"])
def test_an_address_with_a_query_or_a_fragment_is_refused(monkeypatch: pytest.MonkeyPatch, name: str, more: str) -> None:
    assert refused(monkeypatch, **{name: f"https://wear.example.com{more}"}).startswith(f"{name}: give the bare address")


@pytest.mark.parametrize(
    "text", ["wear.example", "ftp://wear.example", "https://", "https://a b", "https://a:99999", "https://a:", "https://[::1"]
)
def test_what_is_no_address_is_refused(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    assert refused(monkeypatch, PUBLIC_URL=text).startswith("PUBLIC_URL: give an http or https address")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *((name, EMBEDDED) for name in (*ADDRESSES, *BARE)), *((name, f"{EMBEDDED}/x") for name in LISTED),
        ("METRICS_BIND", f"me:{HIDDEN}@127.0.0.1:9100"), ("FORWARDED_ALLOW_IPS", f"http://me:{HIDDEN}@10.0.0.7"), ("PORT", HIDDEN),
        ("SERVICE_API_KEY", HIDDEN), ("SERVICE_API_KEY_SCOPES", HIDDEN), ("SAHHA_SIGNATURE", HIDDEN), ("OURA_SIGNATURE", HIDDEN),
        ("WHOOP_CLIENT_SECRET", f" {HIDDEN}"), ("SAHHA_WEBHOOK_SECRET", f"{HIDDEN}\n"), ("OURA_CLIENT_SECRET", f"{HIDDEN}\t"),
        ("HOLD_DOWN", f"postgresql://me:{HIDDEN}@host/db"), ("DATABASE_SCHEMA", f"me:{HIDDEN}@host"), ("ENVIRONMENT", HIDDEN),
        ("DATABASE_URL", f"postgresql://me:{HIDDEN}@{HIDDEN}@host/db"), ("DATABASE_URL", f"postgresql://me:x/{HIDDEN}@host/db"),
        ("DATABASE_URL", f"postgresql://me:{HIDDEN}@host:{HIDDEN}/db"), ("DATABASE_URL", f"host=h password={HIDDEN} {HIDDEN}"),
        ("DATABASE_URL", f"mysql://me:{HIDDEN}@host/db"), ("DATABASE_URL", f"postgresql://me:{HIDDEN}%zz@host/db"),
    ],
)  # fmt: skip
def test_a_secret_in_a_bad_value_is_never_repeated(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    said = refused(monkeypatch, **{name: value})
    assert name in said
    assert HIDDEN not in said


def test_a_database_address_is_read_at_the_start_and_a_second_one_needs_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    assert refused(monkeypatch, DATABASE_DIRECT_URL="postgresql:///wearbase").startswith("DATABASE_URL is missing")
    monkeypatch.setenv("DATABASE_URL", "postgresql://me:p%40ss%2Fword@a,b:5432,5433/db?sslmode=verify-full")
    load()
    assert "DATABASE_DIRECT_URL" in refused(monkeypatch, DATABASE_DIRECT_URL="postgresql://a:b@c@d/e")


@pytest.mark.parametrize(
    "key", [" " * 30, "a" * 30, "ab" * 15, "changeme" * 3, "0123456789012345678901234 x", "k" * 23, "schlüssel-0123456789-abcdef"]
)
def test_a_key_that_can_be_guessed_or_not_be_sent_is_refused(monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    said = refused(monkeypatch, SERVICE_API_KEY=key)
    assert said.startswith("SERVICE_API_KEY")
    assert key not in said


def test_a_random_key_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    for key in (GOOD_KEY, "314159265358979323846264", "0f" * 3 + "9a1b2c3d4e5f60718293"):
        monkeypatch.setenv("SERVICE_API_KEY", key)
        load()
    assert "SERVICE_API_KEY_SCOPES" in refused(monkeypatch, SERVICE_API_KEY_SCOPES=",")


@pytest.mark.parametrize(
    "value",
    ["nonsense", "10.0.0.1/8", "10.0.0.0/33", "proxy.example", "127.0.0.1:80", "[::1]", "*,10.0.0.1", "10.0.0.1;10.0.0.2", "10.0.0.*"],
)
def test_proxies_are_addresses_and_networks(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    assert refused(monkeypatch, FORWARDED_ALLOW_IPS=value).startswith("FORWARDED_ALLOW_IPS: ")


def test_the_network_that_was_meant_is_told_and_good_ones_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "The network is 10.0.0.0/8." in refused(monkeypatch, FORWARDED_ALLOW_IPS="10.0.0.1/8")
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", "127.0.0.1, 10.0.0.0/8, ::1, 2001:db8::/32")
    assert load().forwarded_allow_ips == ("127.0.0.1", "10.0.0.0/8", "::1", "2001:db8::/32")


@pytest.mark.parametrize("value", ["*.example.com", "api.example,*", "a b", "exämple.com", "-a.example", "a..b", "10.0.0.1:80", "[::1]:80"])
def test_a_name_that_could_never_match_is_refused(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    assert refused(monkeypatch, ALLOWED_HOSTS=value).startswith("ALLOWED_HOSTS: ")


@pytest.mark.parametrize(
    ("given", "right"),
    [
        ("https://x.example:443", "https://x.example"), ("http://x.example:80", "http://x.example"), ("https://X.example", "https://x.example"),
        ("https://x.example/", "https://x.example"), ("https://x.example/app", "https://x.example"), ("HTTPS://x.example", "https://x.example"),
        ("https://x.example:08443", "https://x.example:8443"),
    ],
)  # fmt: skip
def test_an_origin_that_no_browser_sends_is_refused_and_the_right_one_told(monkeypatch: pytest.MonkeyPatch, given: str, right: str) -> None:
    assert refused(monkeypatch, CORS_ORIGINS=given).endswith(f"Write {right}")
    monkeypatch.setenv("CORS_ORIGINS", right)
    assert load().cors_origins == (right,)


@pytest.mark.parametrize("name", ["HOST", "METRICS_BIND"])
def test_what_cannot_be_listened_on_is_refused(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    for text in ("127.0.0.1:8000:9", "http://127.0.0.1", "127.0.0.1:http", "a b"):
        assert refused(monkeypatch, **{name: text}).startswith(f"{name}: ")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATA_DIR", "/"), ("DATA_DIR", "a\x01b"), ("DATA_DIR", __file__), ("DATABASE_URL", " "), ("HOST", "0"), ("ALLOWED_HOSTS", "10.1"),
        ("STREAMS", "0"), ("STREAMS_PER_MEMBER", "0"), ("WHOOP_REDIRECT_URL", "javascript://x"), ("SECRETS_DIR", "x" * 5_000),
        ("AUTH_USER_CLAIM", "email"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    assert name in refused(monkeypatch, **{name: value})


def test_what_is_checked_later_is_named_at_the_start_too(monkeypatch: pytest.MonkeyPatch) -> None:
    assert refused(monkeypatch, SOURCE_PRECEDENCE="nobody,whoop").startswith("SOURCE_PRECEDENCE: ")
    monkeypatch.delenv("SOURCE_PRECEDENCE")
    assert refused(monkeypatch, REDIRECT_URL_ALLOWLIST="app.example").startswith("REDIRECT_URL_ALLOWLIST: 'app.example' is not")
    monkeypatch.delenv("REDIRECT_URL_ALLOWLIST")
    assert refused(monkeypatch, WHOOP_REDIRECT_URL="wear.example/callback").startswith("WHOOP_REDIRECT_URL: give each address in full")


@pytest.mark.parametrize("name", ["WHOOP_API_URL", "WHOOP_OAUTH_URL", "SAHHA_API_URL", "OURA_API_URL"])
def test_a_source_is_asked_over_https_in_production(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "http://source.example")
    load()
    assert refused(monkeypatch, ENVIRONMENT="production").startswith(f"{name} must be https")
    monkeypatch.setenv(name, "http://127.0.0.1:9000")
    load()


def test_any_source_takes_its_secret_from_a_file_too(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "oura_client_secret").write_text("of-a-file\n")
    monkeypatch.setenv("SECRETS_DIR", str(tmp_path / "secrets"))
    monkeypatch.setenv("OURA_CLIENT_ID", "id")
    [app] = load().apps()
    assert app.credentials.client_secret == "of-a-file"
