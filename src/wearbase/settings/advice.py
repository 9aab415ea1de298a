"""What settings are taken with a word: they do what they say, which is perhaps not what was meant."""

import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from urllib.parse import urlsplit

from wearbase.api.door.hosts import ANYBODY, is_private
from wearbase.settings import Settings
from wearbase.settings.addresses import ANY_HOST
from wearbase.settings.sources import SourceSettings
from wearbase.store.sealed.rings import file_of

CONSENT_TAKES_S = 60.0  # to complete one waits up to 45 s for a call
ALIKE = 0.9
READ_OR_CHANGED_BY_OTHERS = 0o027  # a group may read
BESIDE = {"SECRETS_DIR", "CREDENTIALS_DIRECTORY"}


@dataclass(frozen=True, slots=True)
class Advice:
    """One setting: what it leads to, and what to do unless that is meant."""

    setting: str
    text: str
    todo: str


def advice(settings: Settings) -> list[Advice]:
    """What whoever gave these settings should know."""
    return [
        *_environment(settings),
        *_door(settings),
        *_addresses(settings),
        *_limits(settings),
        *_times(settings),
        *_alone(settings),
        *_files(settings),
        *_misspelt(settings),
    ]


def _environment(settings: Settings) -> Iterator[Advice]:
    """Development is the default, and meant for one machine and its embedded database."""
    if settings.environment == "production" or (settings.database_url is None and settings.is_loopback):
        return
    why = "DATABASE_URL is set" if settings.database_url is not None else "HOST lets others in"
    text = f"this is development, although {why}: the API's description is open, http passes where https is due"
    if settings.public_url is None:
        text += ", and any IP address is taken for our name"
    yield Advice("ENVIRONMENT", text, "for a server that others use: ENVIRONMENT=production, and PUBLIC_URL")


def _door(settings: Settings) -> Iterator[Advice]:
    if ANYBODY in settings.forwarded_allow_ips:
        text = "anybody may forge the address that they come from, and so escape the limit of failures or have others shut out"
        yield Advice("FORWARDED_ALLOW_IPS", text, "give the addresses of your proxies only")
    wide = [name for name in settings.forwarded_allow_ips if name.endswith("/0")]
    if wide:
        yield Advice(
            "FORWARDED_ALLOW_IPS", f"{wide[0]} is everybody: their addresses can be forged", "give the addresses of your proxies only"
        )
    if ANY_HOST in settings.allowed_hosts and settings.environment == "production":
        text = "any name is answered: another site can reach this server by a name of its own (DNS rebinding)"
        yield Advice("ALLOWED_HOSTS", text, "give the names by which it is called")
    for origin in settings.cors_origins:
        if settings.environment == "production" and origin.startswith("http://"):
            yield Advice("CORS_ORIGINS", f"{origin} is not https: whoever is between can read what it is told", "give https origins only")
    if settings.metrics_bind is not None:
        host, port = settings.metrics_bind
        if host in ("0.0.0.0", "::") or not is_private(host):  # noqa: S104 compared, not bound
            text = f"the metrics are told to whoever reaches {host}, port {port}, without a key"
            yield Advice("METRICS_BIND", text, "bind it to an address of your own network, or keep others from that port")


def _addresses(settings: Settings) -> Iterator[Advice]:
    parts = urlsplit(settings.public_url or "")
    if settings.public_url is not None and parts.path:
        text = "it has a path: the phone app and the operator's page work only at the root of a name"
        yield Advice("PUBLIC_URL", text, "give wearbase a name of its own, or do without its pages")
    if settings.environment == "production" and parts.scheme == "http" and not is_private(parts.hostname or ""):
        yield Advice(
            "PUBLIC_URL", "it is not https: keys, sessions and members' data travel in the clear", "put TLS in front, and give its address"
        )


def _limits(settings: Settings) -> Iterator[Advice]:
    given = settings.model_fields_set
    if settings.rate_limit_per_minute > settings.rate_limit_per_day:
        yield Advice("RATE_LIMIT_PER_MINUTE", "it is more than RATE_LIMIT_PER_DAY: a minute can use the day up", "give less")
    if "streams" in given and settings.streams > settings.connections:
        yield Advice("STREAMS", "there are more than CONNECTIONS, each of which is one", "give fewer, or more connections")
    if settings.streams_per_member > settings.streams:
        yield Advice("STREAMS_PER_MEMBER", "one member may have more than all together (STREAMS)", "give fewer")
    unlimited = [name for name in ("requests_per_key", "requests_per_member", "failures_per_address") if getattr(settings, name) == 0]
    if unlimited and settings.environment == "production":
        yield Advice(unlimited[0].upper(), "0 is no limit", "leave it out for the default")
    for name in ("whoop", "sahha", *(settings.other_sources or {})):
        kept = settings.keep_days(name)
        if kept is not None and "backfill_days" in given and kept < settings.backfill_days:
            text = f"history is read for {kept} days only, as {name.upper()}_RETENTION_DAYS says"
            yield Advice("BACKFILL_DAYS", text, f"give {kept}, or keep more")


def _times(settings: Settings) -> Iterator[Advice]:
    if settings.answer_within <= settings.source_deadline:
        yield Advice("ANSWER_WITHIN", "it is no more than SOURCE_DEADLINE: answers that wait for a source are cut", "give more")
    elif settings.answer_within.total_seconds() < CONSENT_TAKES_S:
        yield Advice("ANSWER_WITHIN", "to complete a consent may take 45 s, and is cut before", "give a minute or more")
    if "head_within" in settings.model_fields_set and settings.head_within > settings.answer_within:
        yield Advice("HEAD_WITHIN", "a request's first lines may take longer than its answer (ANSWER_WITHIN)", "give less")
    if settings.keep_payloads > settings.keep_deliveries:
        yield Advice("KEEP_PAYLOADS", "they go with their deliveries, after KEEP_DELIVERIES", "give no more than that")


def _alone(settings: Settings) -> Iterator[Advice]:
    """What has no effect without something else."""
    if "service_api_key_scopes" in settings.model_fields_set and settings.service_api_key is None:
        yield Advice("SERVICE_API_KEY_SCOPES", "there is no SERVICE_API_KEY that they could be of", "set it, or leave them out")
    if settings.sahha_webhook_secret is not None and not settings.has_sahha:
        yield Advice("SAHHA_WEBHOOK_SECRET", "Sahha is off without SAHHA_CLIENT_ID and SAHHA_CLIENT_SECRET", "set them")
    for name, source in (settings.other_sources or {}).items():
        said = source.model_fields_set
        if said and not source.is_given:
            prefix = name.upper()
            yield Advice(
                f"{prefix}_{min(said).upper()}", f"the source is off without {prefix}_CLIENT_ID and {prefix}_CLIENT_SECRET", "set them"
            )


def _files(settings: Settings) -> Iterator[Advice]:
    """A file with keys that others can read; what a container's runtime hands over is its own affair."""
    given = settings.token_encryption_keys
    path = file_of(given.get_secret_value()) if given is not None else None
    if path is None or path.is_relative_to("/run"):
        return
    with suppress(OSError):  # one that cannot be read is told where it is read
        if stat.S_IMODE(path.stat().st_mode) & READ_OR_CHANGED_BY_OTHERS:
            yield Advice("TOKEN_ENCRYPTION_KEYS", f"others on this machine can read or change {path}", f"chmod 600 {path}")


def _misspelt(settings: Settings) -> Iterator[Advice]:
    """Names in the environment and in `.env` that are nearly those of settings, and so do nothing."""
    others = {f"{name}_{field}" for name in settings.other_sources or {} for field in SourceSettings.model_fields}
    known = {name.upper() for name in {*type(settings).model_fields, *others}} | BESIDE
    for name in sorted({name.upper() for name in [*os.environ, *_names_in(Path(".env"))]} - known):
        if near := get_close_matches(name, known, n=1, cutoff=ALIKE):
            yield Advice(name, "there is no such setting, and it does nothing", f"if {near[0]} was meant, call it that")


def _names_in(path: Path) -> list[str]:
    try:
        lines = path.read_text().splitlines()
    except (OSError, UnicodeDecodeError):
        return []
    return [line.partition("=")[0].strip().removeprefix("export ") for line in lines if "=" in line and not line.lstrip().startswith("#")]
