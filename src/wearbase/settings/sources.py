"""What is said of a source, each under its own name."""

import os
from contextlib import suppress
from pathlib import Path
from typing import Annotated

from pydantic import SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from wearbase.domain.errors import SettingsError
from wearbase.domain.provider import Credentials, Provider
from wearbase.providers.registry import PROVIDERS
from wearbase.settings import credentials
from wearbase.settings.addresses import Address, Redirects
from wearbase.settings.values import MOST_CALLS, shown, text_of, told, whole
from wearbase.transport.apps import App

WITH_NAMES_OF_THEIR_OWN = ("whoop", "sahha")  # settings from before there was a form for all


RetentionDays = Annotated[int, whole(7, 36_500)]  # local days before today; without a number all are kept


class SourceSettings(BaseSettings):
    """What any source may be told, its own name in capitals before each: OURA_CLIENT_ID. Without credentials it is off."""

    model_config = SettingsConfigDict(env_file=".env", extra="ignore", frozen=True, env_ignore_empty=True)

    client_id: str | None = None
    client_secret: SecretStr | None = None
    redirect_url: Redirects = ()
    api_url: Address | None = None
    oauth_url: Address | None = None
    webhook_secret: SecretStr | None = None
    verification_token: SecretStr | None = None
    signature: str | None = None
    rate_limit_per_minute: Annotated[int, whole(1, MOST_CALLS)] | None = None
    rate_limit_per_day: Annotated[int, whole(1, MOST_CALLS)] | None = None
    retention_days: RetentionDays | None = None

    @property
    def is_given(self) -> bool:
        """Whether an app is configured."""
        return self.client_id is not None and self.client_secret is not None

    def problems(self, provider: Provider) -> list[str]:
        """What is wrong, naming the settings."""
        name = provider.name.upper()
        given = {f"{name}_CLIENT_ID": self.client_id, f"{name}_CLIENT_SECRET": self.client_secret}
        signing = {f"{name}_WEBHOOK_SECRET": self.webhook_secret, f"{name}_VERIFICATION_TOKEN": self.verification_token}
        if bad := credentials.problems({**given, **signing}):
            return bad
        missing = [setting for setting, value in given.items() if not value]
        if len(missing) == 1:
            where = f" ({provider.console})" if provider.console else ""
            return [f"{missing[0]} is missing: {' and '.join(given)} belong together{where}"]
        if self.signature is not None and self.signature not in provider.signatures:
            known = f"one of {', '.join(provider.signatures)}" if provider.signatures else "left out, as there is one form only"
            return [f"{name}_SIGNATURE must be {known}"]
        return []

    def app(self, provider: Provider, *, base_url: str) -> App:
        """Our registration at a provider, of which `is_given`."""
        ours = Credentials(
            client_id=self.client_id or "", client_secret=text_of(self.client_secret) or "",
            api_url=self.api_url or provider.api_url, oauth_url=self.oauth_url or provider.oauth_url,
            webhook_secret=text_of(self.webhook_secret), verification_token=text_of(self.verification_token),
        )  # fmt: skip
        redirects = self.redirect_url or (f"{base_url}/auth/{provider.name}/callback",)
        return App(
            provider=provider.pinned(self.signature) if self.signature else provider, credentials=ours,
            redirect_uris=redirects if provider.joined_by == "oauth" else (),
            per_minute=self.rate_limit_per_minute or provider.quota_per_minute,
            per_day=self.rate_limit_per_day or provider.quota_per_day,
        )  # fmt: skip


def secrets_dir() -> Path | None:
    """A folder with a file for each secret, called as its setting: containers and systemd hand secrets over so. Raises SettingsError."""
    named = os.environ.get("SECRETS_DIR") or os.environ.get("CREDENTIALS_DIRECTORY")
    if not named:
        return None
    folder = Path(named)
    with suppress(OSError, ValueError):
        if folder.is_dir():
            return folder
    raise SettingsError(f"SECRETS_DIR: there is no folder {shown(folder)}.")


def given_sources() -> dict[str, SourceSettings]:
    """What is said of every provider of the registry that has no settings of its own form. Raises SettingsError."""
    found = {}
    for name in PROVIDERS:
        if name not in WITH_NAMES_OF_THEIR_OWN:
            try:
                found[name] = SourceSettings(_env_prefix=f"{name}_", _secrets_dir=secrets_dir())  # type: ignore[call-arg]
            except ValidationError as error:
                raise SettingsError("; ".join(told(e, prefix=name) for e in error.errors(include_input=False))) from None
    return found
