"""A simulated WHOOP and wearbase, both by one clock that a test moves; and what a person does in the app."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
from playwright.sync_api import Page

from tests.e2e.processes import Cloud, Home, cloud, home, pointed_at, wait_for

BEGIN = datetime(2026, 11, 20, 11, 0, tzinfo=UTC)
STEP_MIN = 30
LAUNCHER = Path(__file__).with_name("wear_by_clock.py")


@dataclass
class World:
    """Both sides of the line, and their time."""

    place: Home
    sim: Cloud
    ahead_file: Path

    @property
    def now(self) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=float(self.ahead_file.read_text()))

    def set(self, at: datetime) -> None:
        fresh = self.ahead_file.with_suffix(".new")
        fresh.write_text(str((at - datetime.now(UTC)).total_seconds()))
        fresh.replace(self.ahead_file)

    def leap(self, page: Page | None = None, **by: float) -> None:
        """wearbase's clock, and the phone's."""
        self.set(self.now + timedelta(**by))
        if page is not None:
            page.clock.set_system_time(self.now)

    def live_until(self, is_so: Any, page: Page, *, most_steps: int = 60) -> None:
        """Half an hour after the other on both sides, with everything that happens on the way, until it is so."""
        for _ in range(most_steps):
            if is_so():
                return
            self.leap(page, minutes=STEP_MIN)
            assert self.sim.control.post("/control/step", json={"to": f"+00:{STEP_MIN}"}).status_code == 200
        raise AssertionError("it never was so")

    def link(self, user_id: str) -> str:
        with self.place.api as api:
            return api.post(f"/api/v1/users/{user_id}/link").json()["url"]

    def newest(self, account: int, resource: str) -> dict[str, Any]:
        return self.sim.truth(account, resource)[0]


@contextmanager
def world() -> Iterator[World]:
    with home(BACKFILL_DAYS="40", HOLD_DOWN="0", RATE_LIMIT_PER_MINUTE="1000") as place:
        ahead_file = place.folder.parent / "ahead"
        ahead_file.write_text("0")
        with cloud(place.url, "--quota-minute", "1000", "--now", BEGIN.isoformat().replace("+00:00", "Z")) as sim:
            made = World(place, sim, ahead_file)
            made.set(BEGIN)
            place.environment |= pointed_at(sim) | {"CLOCK_AHEAD_FILE": str(ahead_file), "PYTHONPATH": os.pathsep.join(sys.path)}
            start(place)
            yield made
            assert "Traceback" not in place.log(), place.log()[-3000:]


def start(place: Home) -> None:
    """`wear up` by the test's clock, until it is ready."""
    log = (place.folder.parent / "wear.log").open("ab")
    command = [sys.executable, str(LAUNCHER), "up"]
    place.process = subprocess.Popen(command, env=place.environment, cwd=place.folder.parent, stdout=log, stderr=log)
    wait_for(lambda: httpx2.get(f"{place.url}/health/ready").status_code == 200, "wear up is ready")


# ---- what a person does ----


def sign_in(page: Page, world: World, user_id: str) -> None:
    page.clock.install(time=world.now)
    page.goto(world.link(user_id))
    page.get_by_role("button", name=f"Open my data as {user_id}").click()


def consent(page: Page, number: int) -> None:
    """On WHOOP's page."""
    page.get_by_role("combobox").select_option(index=number)
    page.get_by_role("button", name="Allow", exact=True).click()


def patiently(page: Page, is_so: Any, what: str, *, patience_s: float = 20) -> None:
    """Lets the page live while we wait."""
    give_up = time.monotonic() + patience_s
    while not is_so():
        assert time.monotonic() < give_up, f"never happened: {what}"
        page.wait_for_timeout(100)
