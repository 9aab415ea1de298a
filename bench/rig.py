"""What a figure is measured on: a fresh database in a temporary folder, and real processes beside it."""

import hmac
import shutil
import tempfile
import time
from base64 import b64encode
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import orjson

from bench.children import Child, free_port, started
from wearbase.access.caller import SCOPES
from wearbase.app.parts import Place
from wearbase.settings import Settings
from wearbase.store.postgres import migrate
from wearbase.store.postgres.embedded import EmbeddedPostgres
from wearbase.store.postgres.embedded.account import claim_folder, database_account
from wearbase.store.sealing import KeyRing

CLIENT_ID, CLIENT_SECRET, CONTROL_TOKEN = "bench-client", "bench-client-secret", "bench-control-token"
SERVICE_KEY = "bench-service-key-of-this-run-only"
NO_QUOTA = {"quota_minute": 1_000_000, "quota_day": 10_000_000}
NO_CEILING = {
    "RATE_LIMIT_PER_MINUTE": "1000000", "RATE_LIMIT_PER_DAY": "10000000",
    "REQUESTS_PER_KEY": "100000", "REQUESTS_PER_MEMBER": "100000", "WEBHOOKS_PER_SECOND": "100000",
}  # fmt: skip  # they count, and let all pass


@contextmanager
def private_folder() -> Iterator[Path]:
    """A short folder that the account of the database can enter; removed at the end."""
    folder = Path(tempfile.mkdtemp(prefix="wearbase-bench-", dir="/tmp"))
    claim_folder(folder, database_account())
    try:
        yield folder.resolve()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def database(**settings: str) -> Iterator[str]:
    """A fresh embedded database as `wear up` would make it, migrated; its URL. `settings` are PostgreSQL's own."""
    with private_folder() as folder, EmbeddedPostgres(folder, log=lambda text: None, settings=settings) as embedded:
        url = embedded.start(as_server="bench")
        migrate.upgrade(url)
        yield url


@dataclass
class Cloud:
    """A running simulator."""

    child: Child
    url: str
    control: httpx2.Client

    def calls(self) -> dict[str, Any]:
        return self.control.get("/control/calls").raise_for_status().json()

    def approve(self, authorization_url: str, account: int) -> str:
        """The code that a member's browser would bring back."""
        answer = self.control.post(authorization_url, data={"member": str(account), "decision": "approve"})
        return httpx2.URL(answer.headers["location"]).params["code"]


@dataclass
class Rig:
    """One database and the processes on it, all ended with the block."""

    url: str = field(repr=False)
    folder: Path
    stack: ExitStack
    api_port: int
    sim_port: int
    environment: dict[str, str] = field(repr=False)

    def settings(self, **more: Any) -> Settings:
        """The settings of the processes, for what is done in this one."""
        values = {name.lower(): text for name, text in self.environment.items()}
        return Settings(_env_file=None, **{**values, **more})  # pyright: ignore[reportCallIssue]

    def place(self) -> Place:
        keys = KeyRing.from_text(self.environment["TOKEN_ENCRYPTION_KEYS"])
        return Place(url=self.url, direct_url=self.url, keys=keys, folder=self.folder)

    def cloud(self, **options: Any) -> Cloud:
        """Starts the simulator."""
        given = {
            "port": self.sim_port, "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET, "control_token": CONTROL_TOKEN,
            "redirect_uri": f"{self.base_url}/auth/whoop/callback", "webhook_url": f"{self.base_url}/v1/webhooks/whoop",
            "log_requests": "no", **options,
        }  # fmt: skip
        variables = {f"SIM_{name.upper()}": str(value) for name, value in given.items()}
        child = self.stack.enter_context(started("-m", "wearbase_sim", folder=self.folder, variables=variables))
        child.wait_for("ready on")
        url = f"http://127.0.0.1:{self.sim_port}"
        control = httpx2.Client(base_url=url, headers={"authorization": f"Bearer {CONTROL_TOKEN}"}, timeout=60, trust_env=False)
        return Cloud(child, url, self.stack.enter_context(control))

    def run(self, *program: str, ready: str = "is ready", **variables: str) -> Child:
        """Starts a program of ours and waits until it says that it is ready."""
        child = self.stack.enter_context(started(*program, folder=self.folder, variables={**self.environment, **variables}))
        child.wait_for(ready)
        return child

    def api(self, **variables: str) -> Child:
        return self.run("-m", "bench.wear", "api", **variables)

    def worker(self, **variables: str) -> Child:
        return self.run("-m", "bench.wear", "worker", **variables)

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.api_port}"

    def client(self) -> httpx2.Client:
        """Calls our HTTP API with a service key."""
        client = httpx2.Client(base_url=self.base_url, headers={"x-api-key": SERVICE_KEY}, timeout=60, trust_env=False)
        return self.stack.enter_context(client)


@contextmanager
def rig(**settings: str) -> Iterator[Rig]:
    """A fresh one; `settings` are PostgreSQL's own."""
    with database(**settings) as url, rig_on(url) as made:
        yield made


@contextmanager
def rig_on(url: str) -> Iterator[Rig]:
    """One on a database that is there and migrated."""
    with private_folder() as folder, ExitStack() as stack:
        api_port, sim_port = free_port(), free_port()
        yield Rig(url, folder, stack, api_port, sim_port, _environment(url, folder, api_port, sim_port))


def signed(notice: dict[str, Any]) -> tuple[bytes, dict[str, str]]:
    """A delivery, signed as the provider signs it: body and headers."""
    body, stamp = orjson.dumps(notice), str(int(time.time() * 1000))
    signature = b64encode(hmac.digest(CLIENT_SECRET.encode(), stamp.encode() + body, "sha256")).decode()
    return body, {"x-whoop-signature": signature, "x-whoop-signature-timestamp": stamp, "content-type": "application/json"}


def _environment(url: str, folder: Path, api_port: int, sim_port: int) -> dict[str, str]:
    return {
        "DATABASE_URL": url, "DATA_DIR": str(folder), "PORT": str(api_port), "ENVIRONMENT": "production", "LOG_LEVEL": "info",
        "PUBLIC_URL": f"http://127.0.0.1:{api_port}", "TOKEN_ENCRYPTION_KEYS": KeyRing.new_key_text(),
        "SERVICE_API_KEY": SERVICE_KEY, "SERVICE_API_KEY_SCOPES": ",".join(SCOPES),
        "WHOOP_CLIENT_ID": CLIENT_ID, "WHOOP_CLIENT_SECRET": CLIENT_SECRET,
        "WHOOP_API_URL": f"http://127.0.0.1:{sim_port}/developer", "WHOOP_OAUTH_URL": f"http://127.0.0.1:{sim_port}/oauth/oauth2",
    }  # fmt: skip
