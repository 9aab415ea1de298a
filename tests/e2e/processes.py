"""Real processes for the end-to-end tests: a simulated WHOOP and `wear up`, on folders and ports of their own."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import mkdtemp
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2

from tests.e2e.canaries import CONTROL, KEY, SECRET, search_folder
from tests.servers import place_for_servers

__all__ = ["CONTROL", "KEY", "SECRET"]  # of the canaries: no log may hold them

PATIENCE_S = 60.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(is_so: Any, what: str, *, patience_s: float = PATIENCE_S) -> Any:
    """The first true value of a question asked again and again; fails with `what` if it never is."""
    give_up = time.monotonic() + patience_s
    while time.monotonic() < give_up:
        try:
            if found := is_so():
                return found
        except httpx2.HTTPError:
            pass
        time.sleep(0.05)
    raise AssertionError(f"never happened: {what}")


@dataclass
class Cloud:
    """A simulated WHOOP in a process of its own."""

    port: int
    control: httpx2.Client = field(repr=False)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def truth(self, account: int, resource: str) -> list[dict[str, Any]]:
        return self.control.get(f"/control/truth/{account}/{resource}").json()["records"]

    def account(self, number: int = 0) -> int:
        return self.control.get("/control/members").json()[number]["user_id"]

    def set(self, **options: Any) -> None:
        assert self.control.post("/control/options", json=options).status_code == 200

    def event(self, account: int, event: str, **more: Any) -> None:
        answer = self.control.post(f"/control/members/{account}/events", json={"event": event, "wait": True, **more})
        assert answer.status_code == 200, answer.text


@contextmanager
def cloud(base_url: str, *arguments: str) -> Iterator[Cloud]:
    """Starts the simulator; its webhooks go to `base_url`."""
    port = free_port()
    command = [
        sys.executable, "-m", "wearbase_sim", "--port", str(port), "--client-id", "app", "--client-secret", SECRET,
        "--control-token", CONTROL, "--webhook-url", f"{base_url}/v1/webhooks/whoop", "--no-log-requests",
        "--redirect-uri", f"{base_url}/auth/whoop/callback", *arguments,
    ]  # fmt: skip
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    with httpx2.Client(base_url=f"http://127.0.0.1:{port}", headers={"authorization": f"Bearer {CONTROL}"}) as control:
        try:
            wait_for(lambda: control.get("/control/health").status_code == 200, "the simulator is ready")
            yield Cloud(port, control)
        finally:
            process.terminate()
            process.wait(10)


@dataclass
class Home:
    """A data folder, a port, and the wearbase that runs on them."""

    folder: Path
    port: int
    environment: dict[str, str]
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def api(self) -> httpx2.Client:
        return httpx2.Client(base_url=self.url, headers={"x-api-key": KEY}, timeout=10)

    def start(self) -> None:
        """`wear up`, until it is ready."""
        log = (self.folder.parent / "wear.log").open("ab")
        self.process = subprocess.Popen([wear(), "up"], env=self.environment, cwd=self.folder.parent, stdout=log, stderr=log)
        wait_for(lambda: httpx2.get(f"{self.url}/health/ready").status_code == 200, "wear up is ready")

    def kill(self) -> None:
        """kill -9, as a power cut would."""
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(10)

    def stop(self, *, patience_s: float = 30) -> int:
        """SIGTERM; the exit code."""
        assert self.process is not None
        self.process.terminate()
        return self.process.wait(patience_s)

    def connect(self, user_id: str, account: int, cloud: Cloud) -> dict[str, Any]:
        """The consent, given as a browser would, and the code brought back by the service."""
        with self.api as api:
            started = api.post(f"/api/v1/whoop/connect/{user_id}").json()
            code = approve(started["authorization_url"], account)
            answer = api.post("/v1/oauth/callback", json={"code": code, "state": started["state"]})
        assert answer.status_code == 200, answer.text
        return answer.json()

    def status(self, user_id: str) -> dict[str, Any]:
        with self.api as api:
            return api.get(f"/api/v1/whoop/sync-status/{user_id}").json()

    def stored(self, user_id: str, resource: str) -> list[dict[str, Any]]:
        """Every raw record, by the API's own pages."""
        found: list[dict[str, Any]] = []
        cursor: dict[str, str] = {}
        with self.api as api:
            while True:
                page = api.get(f"/v1/data/{user_id}/{resource}", params={"shape": "raw", "limit": 200, **cursor}).json()
                found += page["records"]
                if page["next_cursor"] is None:
                    return found
                cursor = {"cursor": page["next_cursor"]}

    def log(self) -> str:
        return (self.folder.parent / "wear.log").read_text()


@contextmanager
def home(**settings: str) -> Iterator[Home]:
    """A folder that the embedded database can live in, and its settings; what still runs at the end is stopped."""
    outer = Path(mkdtemp(prefix="wearbase-e2e-", dir=place_for_servers()))
    outer.chmod(0o755)
    port = free_port()
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "XDG_DATA_HOME") if name in os.environ}
    made = Home(outer / "data", port, {**kept, "DATA_DIR": str(outer / "data"), "PORT": str(port), "SERVICE_API_KEY": KEY, **settings})
    try:
        yield made
    finally:
        if made.process is not None and made.process.poll() is None:
            made.stop()
        try:
            search_folder(outer)
        finally:
            shutil.rmtree(outer, ignore_errors=True)


def pointed_at(sim: Cloud) -> dict[str, str]:
    """Settings of a WHOOP app registered at that simulator."""
    return {
        "WHOOP_CLIENT_ID": "app", "WHOOP_CLIENT_SECRET": SECRET, "WHOOP_API_URL": f"{sim.url}/developer",
        "WHOOP_OAUTH_URL": f"{sim.url}/oauth/oauth2",
    }  # fmt: skip


def approve(url: str, account: int) -> str:
    """Says yes on the consent page; the code."""
    with httpx2.Client() as browser:
        page = browser.get(url)
        fields = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', page.text))
        answer = browser.post(url, data={**fields, "member": str(account), "decision": "approve"}, follow_redirects=False)
        return parse_qs(urlsplit(answer.headers["location"]).query)["code"][0]


def wear() -> str:
    """The command, from the same environment as the tests."""
    return str(Path(sys.executable).with_name("wear"))


def canonical(records: list[dict[str, Any]]) -> list[str]:
    return sorted(json.dumps(record, sort_keys=True) for record in records)
