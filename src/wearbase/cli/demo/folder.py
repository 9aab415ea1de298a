"""When the demo runs, where it lives, and what it keeps there from one start to the next."""

import json
import os
import secrets
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from wearbase.domain.errors import SettingsError
from wearbase.settings import NOT_FOR_THE_DEMO, SCOPES, Settings, load
from wearbase.store.postgres.embedded import default_data_dir

MEMBER = "demo"
ADDRESS = "127.0.0.1"
HISTORY_DAYS = 120
OWN_KEY = "wearbase-demo-"


@dataclass(frozen=True, slots=True)
class Kept:
    """The demo's own secrets, good for nothing else, and the invented account that its member has."""

    service_key: str = field(repr=False)
    client_id: str
    client_secret: str = field(repr=False)
    control_token: str = field(repr=False)
    account: int | None = None
    sim_port: int | None = None
    port: int | None = None

    @property
    def sim_url(self) -> str:
        return f"http://{ADDRESS}:{self.sim_port}"


def is_chosen(settings: Settings, *, asked: bool) -> bool:
    """Whether these settings mean the demo: asked for, or in development without a provider or a database of one's own."""
    return asked or (settings.environment == "development" and not settings.has_source and settings.database_url is None)


def folder_of(settings: Settings) -> Path:
    """The demo's own folder, beside the one for real data."""
    real = settings.data_dir or default_data_dir()
    return real.with_name(real.name + "-demo")


def check_address(settings: Settings) -> None:
    """Raises SettingsError if the demo would be reachable from elsewhere."""
    if not settings.is_loopback:
        raise SettingsError(
            f"HOST: the demo answers on {ADDRESS} only, not on {settings.host}. Unset HOST, or set WHOOP_CLIENT_ID and"
            " WHOOP_CLIENT_SECRET to run with a real source."
        )


def attached(given: Settings) -> Settings:
    """The settings for another command on the demo's data."""
    where = folder_of(given)
    return settings_for(given, read(where), where)


def settings_for(given: Settings, kept: Kept | None, where: Path) -> Settings:
    """The given settings with everything that must not be real replaced by the demo's own."""
    own: dict[str, Any] = {
        "host": ADDRESS, "data_dir": where, "database_url": None, "database_direct_url": None, "public_url": None,
        "whoop_redirect_url": (), "whoop_client_id": None, "whoop_client_secret": None, "token_encryption_keys": None,
        **dict.fromkeys(NOT_FOR_THE_DEMO),
        "backfill_days": HISTORY_DAYS,
    }  # fmt: skip
    if kept is not None and kept.sim_port is not None:
        own |= {
            "whoop_client_id": kept.client_id, "whoop_client_secret": kept.client_secret,
            "whoop_api_url": f"{kept.sim_url}/developer", "whoop_oauth_url": f"{kept.sim_url}/oauth/oauth2",
        }  # fmt: skip
    if kept is not None and kept.port is not None:
        own["port"] = kept.port
    if kept is not None and given.service_api_key is None:
        own |= {"service_api_key": kept.service_key, "service_api_key_scopes": SCOPES}
    return load(**own)


def is_own_key(settings: Settings) -> bool:
    """Whether the service key is the demo's own, which may be shown; one from the environment may not."""
    key = settings.service_api_key
    return key is not None and key.get_secret_value().startswith(OWN_KEY)


def new() -> Kept:
    """Fresh secrets for a new folder."""
    return Kept(
        service_key=f"{OWN_KEY}{secrets.token_hex(16)}", client_id=f"wearbase-demo-{secrets.token_hex(4)}",
        client_secret=secrets.token_urlsafe(24), control_token=secrets.token_urlsafe(18),
    )  # fmt: skip


def read(where: Path) -> Kept | None:
    """What the folder keeps; None before the first start. Raises SettingsError if it cannot be read."""
    try:
        return Kept(**json.loads(_path(where).read_text()))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise SettingsError(f"DATA_DIR: {_path(where)} cannot be read: {error.strerror}.") from error
    except (ValueError, TypeError) as error:
        raise SettingsError(f"DATA_DIR: {_path(where)} is damaged. Remove {where} to start the demo afresh.") from error


def keep(where: Path, kept: Kept) -> None:
    """Writes it for the next start, readable by nobody else."""
    path = _path(where)
    unfinished = path.with_name(path.name + ".new")
    with suppress(FileNotFoundError):
        unfinished.unlink()
    with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(asdict(kept), file)
    unfinished.replace(path)


def remember(where: Path, kept: Kept, **changes: Any) -> Kept:
    """Keeps some changed values."""
    changed = replace(kept, **changes)
    keep(where, changed)
    return changed


def _path(where: Path) -> Path:
    return where / "demo.json"
