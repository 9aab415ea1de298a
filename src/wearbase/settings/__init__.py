"""One frozen Settings, read once from the environment, `.env` or a folder of secrets, and passed down as values."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, model_validator
from pydantic_settings import SettingsConfigDict

from wearbase.access import identity_settings
from wearbase.access.redirects import RedirectAllowList
from wearbase.api.door.hosts import is_private
from wearbase.domain.combining import Combining
from wearbase.domain.errors import BadRequest, SettingsError
from wearbase.domain.provider import Credentials, Provider
from wearbase.providers.registry import PROVIDERS, taking_part
from wearbase.settings import credentials
from wearbase.settings.addresses import Address, AddressWithQuery, Listening, Redirects
from wearbase.settings.door import DoorSettings
from wearbase.settings.sources import RetentionDays, SourceSettings, given_sources, secrets_dir
from wearbase.settings.values import MOST_CALLS, Folder, Texts, duration, shown, told, whole
from wearbase.store.postgres.schema import DEFAULT_SCHEMA, is_valid
from wearbase.transport.apps import App

__all__ = ["LOOPBACK", "NOT_FOR_THE_DEMO", "SCOPES", "Settings", "SourceSettings", "load"]

SCOPES = ("read", "sync", "connect", "erase", "ops")
NOT_FOR_THE_DEMO = ("sahha_client_id", "sahha_client_secret", "other_sources")  # the demo has a simulated WHOOP and nothing real
LOOPBACK = ("127.0.0.1", "::1", "localhost")


class Settings(DoorSettings):
    """Every setting by its name in the environment, in capitals."""

    model_config = SettingsConfigDict(env_file=".env", extra="ignore", frozen=True, env_ignore_empty=True)

    host: Listening = "127.0.0.1"
    port: Annotated[int, whole(0, 65_535)] = 8000
    environment: Literal["development", "production"] = "development"
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    database_url: SecretStr | None = None
    database_direct_url: SecretStr | None = None
    database_schema: str = DEFAULT_SCHEMA
    database_pool_size: Annotated[int, whole(2, 200)] = 8
    data_dir: Folder | None = None

    public_url: Address | None = None
    service_api_key: SecretStr | None = None
    service_api_key_scopes: Texts = ("read", "sync", "connect")
    token_encryption_keys: SecretStr | None = None
    redirect_url_allowlist: Texts = ()

    auth_jwks_url: AddressWithQuery | None = None  # the keys of the app's own identity provider, whose tokens are members' then
    auth_issuer: str | None = None
    auth_audience: Texts = ()
    auth_user_claim: str = identity_settings.DEFAULT_CLAIM

    whoop_client_id: str | None = None
    whoop_client_secret: SecretStr | None = None
    whoop_redirect_url: Redirects = ()
    whoop_api_url: Address = "https://api.prod.whoop.com/developer"
    whoop_oauth_url: Address = "https://api.prod.whoop.com/oauth/oauth2"
    whoop_retention_days: RetentionDays | None = None

    whoop_service_url: Address | None = None  # another wearbase that has WHOOP: this one keeps a copy and passes on
    whoop_service_api_key: SecretStr | None = None

    sahha_client_id: str | None = None
    sahha_client_secret: SecretStr | None = None
    sahha_api_url: Address = "https://api.sahha.ai"
    sahha_webhook_secret: SecretStr | None = None
    sahha_signature: str = "hex-text"
    sahha_retention_days: RetentionDays | None = None
    sahha_rate_limit_per_minute: Annotated[int, whole(1, MOST_CALLS)] = 120

    other_sources: Mapping[str, SourceSettings] | None = Field(default_factory=given_sources)  # <NAME>_CLIENT_ID and so on
    source_precedence: str = ""  # such as `whoop,sahha; steps_count=sahha`: whom to believe first, for all and for some quantities

    rate_limit_per_minute: Annotated[int, whole(1, MOST_CALLS)] = 80
    rate_limit_per_day: Annotated[int, whole(1, MOST_CALLS)] = 8_000
    count_token_calls: bool = False
    hold_down: Annotated[timedelta, duration("0s", "10m")] = timedelta(seconds=2)
    backfill_days: Annotated[int, whole(4, 3_650)] = 730
    idle_after: Annotated[timedelta, duration("1h", "3650d")] = timedelta(days=3)  # looks are noted to the hour
    visit_idle_members_every: Annotated[timedelta, duration("1d", "30d")] = timedelta(days=1)
    token_keepalive: Annotated[timedelta, duration("1h", "7d")] = timedelta(days=1)
    source_deadline: Annotated[timedelta, duration("100ms", "30s")] = timedelta(seconds=2.5)
    keep_deliveries: Annotated[timedelta, duration("1h", "3650d")] = timedelta(days=30)
    keep_payloads: Annotated[timedelta, duration("0s", "3650d")] = timedelta(days=3)
    consent_version: Annotated[str, Field(pattern=r"^[A-Za-z0-9._:+-]{1,64}$")] | None = None  # of the text that members agree to
    audit_retention_days: Annotated[int, whole(0, 3_650)] = 400  # 0: for ever

    @model_validator(mode="after")
    def _consistent(self) -> "Settings":
        for problems in (
            self._key_problems, self._identity_problems, self._whoop_problems, self._service_problems, self._sahha_problems,
            self._other_problems, self._plaintext_problems, self._database_problems,
        ):  # fmt: skip
            for problem in problems():
                raise ValueError(problem)
        return self

    def _key_problems(self) -> list[str]:
        problems = credentials.key_problems(self.service_api_key)
        if set(self.service_api_key_scopes) - set(SCOPES) or not self.service_api_key_scopes:
            problems.append(f"SERVICE_API_KEY_SCOPES: give one or several of {', '.join(SCOPES)}")
        names = ("whoop_client_id", "whoop_client_secret", "sahha_client_id", "sahha_client_secret", "sahha_webhook_secret")
        return problems + credentials.problems({name.upper(): getattr(self, name) for name in names})

    def _identity_problems(self) -> list[str]:
        return identity_settings.problems(self.auth_jwks_url, self.auth_issuer, self.auth_audience, self.auth_user_claim)

    def _whoop_problems(self) -> list[str]:
        given = {"WHOOP_CLIENT_ID": self.whoop_client_id, "WHOOP_CLIENT_SECRET": self.whoop_client_secret}
        missing = [name for name, value in given.items() if not value]
        if len(missing) == 1:
            return [f"{missing[0]} is missing: WHOOP_CLIENT_ID and WHOOP_CLIENT_SECRET belong together (developer-dashboard.whoop.com)"]
        if not missing and self.environment == "production" and not (self.whoop_redirect_url or self.public_url):
            return ["WHOOP_REDIRECT_URL or PUBLIC_URL is missing: give the redirect address registered with your WHOOP app"]
        return []

    def _service_problems(self) -> list[str]:
        url, key = self.whoop_service_url, self.whoop_service_api_key
        if (url is None) != (key is None):
            missing = "WHOOP_SERVICE_URL" if url is None else "WHOOP_SERVICE_API_KEY"
            return [f"{missing} is missing: WHOOP_SERVICE_URL and WHOOP_SERVICE_API_KEY belong together"]
        if url is None or key is None:
            return []
        parts = urlsplit(url)
        if self.whoop_client_id is not None:
            return ["WHOOP_CLIENT_ID and WHOOP_SERVICE_URL exclude each other: WHOOP is either here or at the service"]
        if self.environment == "production" and parts.scheme != "https" and not is_private(parts.hostname or ""):
            return ["WHOOP_SERVICE_URL must be https: the key and members' data would travel in the clear"]
        if url in (self.public_url, self.base_url):
            return ["WHOOP_SERVICE_URL is this server's own address"]
        if not key.get_secret_value().isascii() or not key.get_secret_value().isprintable():
            return ["WHOOP_SERVICE_API_KEY has characters that no key has"]
        return []

    def _sahha_problems(self) -> list[str]:
        given = {"SAHHA_CLIENT_ID": self.sahha_client_id, "SAHHA_CLIENT_SECRET": self.sahha_client_secret}
        missing = [name for name, value in given.items() if not value]
        if len(missing) == 1:
            return [f"{missing[0]} is missing: SAHHA_CLIENT_ID and SAHHA_CLIENT_SECRET belong together (app.sahha.ai/dashboard)"]
        if self.sahha_signature not in PROVIDERS["sahha"].signatures:
            return [f"SAHHA_SIGNATURE must be one of {', '.join(PROVIDERS['sahha'].signatures)}"]
        return []

    def _other_problems(self) -> list[str]:
        problems = [problem for name, source in (self.other_sources or {}).items() for problem in source.problems(PROVIDERS[name])]
        if problems:
            return problems
        RedirectAllowList(self.redirect_url_allowlist)
        try:
            Combining.of(self.providers().values(), self.source_precedence)
        except BadRequest as error:
            return [f"SOURCE_PRECEDENCE: {error.message}"]
        return []

    def _plaintext_problems(self) -> list[str]:
        """Members' tokens and our secrets go over https, but within a network of our own."""
        urls = {name: url for name, url in self._source_urls().items() if url and self.environment == "production"}
        return [
            f"{name} must be https: our secret and members' tokens would travel in the clear"
            for name, url in urls.items()
            if (parts := urlsplit(url)).scheme != "https" and not is_private(parts.hostname or "")
        ]

    def _source_urls(self) -> dict[str, str | None]:
        own = {"whoop_api_url": self.whoop_api_url, "whoop_oauth_url": self.whoop_oauth_url, "sahha_api_url": self.sahha_api_url}
        others = [(f"{name}_{at}", getattr(one, at)) for name, one in (self.other_sources or {}).items() for at in ("api_url", "oauth_url")]
        return {name.upper(): url for name, url in [*own.items(), *others]}

    def _database_problems(self) -> list[str]:
        problems = []
        if not is_valid(self.database_schema):
            problems.append(f"DATABASE_SCHEMA must be a lower-case name, not {shown(self.database_schema)}")
        if self.database_url is None and self.database_direct_url is not None:
            problems.append("DATABASE_URL is missing: DATABASE_DIRECT_URL is a second way to the same database")
        for name in ("database_url", "database_direct_url"):
            if (url := getattr(self, name)) is not None:
                from wearbase.store.postgres.address import checked_url  # a command on the embedded database does without the driver here

                checked_url(url.get_secret_value(), setting=name.upper())
        if self.database_url is not None and self.environment == "production" and self.token_encryption_keys is None:
            problems.append(
                "TOKEN_ENCRYPTION_KEYS is missing: processes that share a database share the keys. Make one: "
                "python3 -c 'import base64, os; print(base64.urlsafe_b64encode(os.urandom(32)).decode())'"
            )
        return problems

    @property
    def has_whoop(self) -> bool:
        """Whether a WHOOP app is configured."""
        return self.whoop_client_id is not None and self.whoop_client_secret is not None

    @property
    def has_whoop_service(self) -> bool:
        """Whether WHOOP comes from another wearbase."""
        return self.whoop_service_url is not None

    @property
    def has_sahha(self) -> bool:
        """Whether a Sahha account is configured."""
        return self.sahha_client_id is not None and self.sahha_client_secret is not None

    def apps(self) -> list[App]:
        """Our registrations at the providers that have credentials here."""
        given = (self.other_sources or {}).items()
        others = [source.app(PROVIDERS[name], base_url=self.base_url) for name, source in given if source.is_given]
        made = [*(app for app in (self._whoop(), self._sahha()) if app is not None), *others]
        return [replace(app, provider=app.provider.keeping(self.keep_days(app.name))) for app in made]

    def providers(self) -> dict[str, Provider]:
        """Those whose days can be read here, connected or not."""
        return {name: p.keeping(self.keep_days(name)) for name, p in taking_part([app.name for app in self.apps()]).items()}

    def keep_days(self, name: str) -> int | None:
        """Of how many local days before today a source's data is kept; None: for ever."""
        own = {"whoop": self.whoop_retention_days, "sahha": self.sahha_retention_days}
        source = (self.other_sources or {}).get(name)
        return own.get(name, source.retention_days if source else None)

    def _whoop(self) -> App | None:
        if self.whoop_client_id is None or self.whoop_client_secret is None:
            return None
        credentials = Credentials(
            client_id=self.whoop_client_id, client_secret=self.whoop_client_secret.get_secret_value(), api_url=self.whoop_api_url,
            oauth_url=self.whoop_oauth_url,
        )  # fmt: skip
        return App(
            provider=PROVIDERS["whoop"], credentials=credentials, redirect_uris=self.whoop_redirects,
            per_minute=self.rate_limit_per_minute, per_day=self.rate_limit_per_day, counts_token_calls=self.count_token_calls,
        )  # fmt: skip

    def _sahha(self) -> App | None:
        if self.sahha_client_id is None or self.sahha_client_secret is None:
            return None
        secret = self.sahha_webhook_secret.get_secret_value() if self.sahha_webhook_secret else ""  # without one none is accepted
        credentials = Credentials(
            client_id=self.sahha_client_id, client_secret=self.sahha_client_secret.get_secret_value(), api_url=self.sahha_api_url,
            webhook_secret=secret,
        )  # fmt: skip
        provider = PROVIDERS["sahha"].pinned(self.sahha_signature)
        return App(provider=provider, credentials=credentials, per_minute=self.sahha_rate_limit_per_minute, per_day=provider.quota_per_day)

    @property
    def has_source(self) -> bool:
        """Whether any provider is configured."""
        return self.has_whoop_service or bool(self.apps())

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach the server."""
        return self.host in LOOPBACK

    @property
    def base_url(self) -> str:
        """Where browsers reach this server."""
        host = "127.0.0.1" if self.host in ("0.0.0.0", "::") else self.host  # noqa: S104 compared, not bound
        return self.public_url or f"http://{f'[{host}]' if ':' in host else host}:{self.port}"

    @property
    def whoop_redirects(self) -> tuple[str, ...]:
        """The OAuth redirects registered at WHOOP; the first is the default."""
        return self.whoop_redirect_url or (f"{self.base_url}/auth/whoop/callback",)


def load(**overrides: Any) -> Settings:
    """The settings of this process. Raises SettingsError that names each bad one and what to do."""
    try:
        return Settings(**{"_secrets_dir": secrets_dir(), **overrides})
    except ValidationError as error:
        raise SettingsError("; ".join(told(e) for e in error.errors(include_input=False))) from None
    except OSError as error:  # .env, or a file of secrets
        raise SettingsError(f"{error.filename} cannot be read: {error.strerror}.") from error
