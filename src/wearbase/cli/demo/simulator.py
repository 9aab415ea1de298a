"""The simulated WHOOP as a process of its own, which cannot outlive ours."""

import asyncio
import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2

from wearbase.cli.demo.folder import ADDRESS, HISTORY_DAYS, Kept
from wearbase.cli.exits import Stop
from wearbase.domain.units import offset_min_from_text

PROGRAM = (sys.executable, "-m", "wearbase_sim")
MEMBERS = 20
START_PATIENCE_S, STOP_PATIENCE_S = 20.0, 4.0
LOOK_EVERY_S = 0.03
NEEDED = frozenset({"PATH", "HOME", "LANG", "TZ", "TMPDIR", "VIRTUAL_ENV", "LD_LIBRARY_PATH", "SYSTEMROOT"})
NEEDED_BEGINNINGS = ("LC_", "PYTHON", "SIM_")
LIVED_DAY = timedelta(hours=3)  # an account that got up at least this long ago has something to show


@dataclass(frozen=True, slots=True)
class Simulator:
    """A running simulator and where it writes its log."""

    child: "subprocess.Popen[bytes]"
    log: Path


def free_port(wish: int | None) -> int:
    """The wished port if nobody has it, else a free one."""
    for port in (wish, 0) if wish else (0,):
        with socket.socket() as probe, suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((ADDRESS, port))
            return probe.getsockname()[1]
    raise Stop(f"There is no free port on {ADDRESS}.")


@contextmanager
def simulated(kept: Kept, *, base_url: str, log: Path) -> Iterator[Simulator]:
    """The simulator for as long as the block lasts. It ends when our end of its input closes, so also when we are killed."""
    arguments = [
        "--leashed", "--port", str(kept.sim_port), "--members", str(MEMBERS), "--days", str(HISTORY_DAYS),
        "--redirect-uri", f"{base_url}/auth/whoop/callback", "--webhook-url", f"{base_url}/v1/webhooks/whoop",
    ]  # fmt: skip
    secrets = {"SIM_CLIENT_ID": kept.client_id, "SIM_CLIENT_SECRET": kept.client_secret, "SIM_CONTROL_TOKEN": kept.control_token}
    with os.fdopen(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as written:
        child = subprocess.Popen(  # noqa: S603 our own program
            [*PROGRAM, *arguments], env={**_environment(), **secrets}, stdin=subprocess.PIPE, stdout=written, stderr=written,
            start_new_session=True,  # the Ctrl-C of a terminal is for us; the simulator ends after us
        )  # fmt: skip
    try:
        yield Simulator(child, log)
    finally:
        _end(child)


def become(arguments: Sequence[str]) -> None:
    """Turns this process into the simulator."""
    sys.stdout.flush()
    os.execv(PROGRAM[0], [*PROGRAM, *arguments])  # noqa: S606 our own program


def _environment() -> dict[str, str]:
    """Of our environment what a program needs to start: the simulated provider has no business with a secret, whoever's it is."""
    return {name: text for name, text in os.environ.items() if name in NEEDED or name.startswith(NEEDED_BEGINNINGS)}


def _end(child: "subprocess.Popen[bytes]") -> None:
    if child.stdin is not None:
        child.stdin.close()
    try:
        child.wait(STOP_PATIENCE_S)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def control(kept: Kept) -> httpx2.AsyncClient:
    """A client of the simulator's control API."""
    headers = {"authorization": f"Bearer {kept.control_token}"}
    return httpx2.AsyncClient(base_url=kept.sim_url, headers=headers, timeout=20, trust_env=False)


async def wait_until_ready(simulator: Simulator, client: httpx2.AsyncClient) -> None:
    """Returns once it answers. Raises Stop with its last line if it does not."""
    give_up = asyncio.get_running_loop().time() + START_PATIENCE_S
    while asyncio.get_running_loop().time() < give_up and simulator.child.poll() is None:
        with suppress(httpx2.TransportError):
            if (await client.get("/control/health")).status_code == 200:
                return
        await asyncio.sleep(LOOK_EVERY_S)
    words = simulator.log.read_text(errors="replace").strip().splitlines()[-1:]
    raise Stop(f"The simulator did not start ({' '.join(words) or 'it said nothing'}). Its log: {simulator.log}")


async def account_with_a_day(client: httpx2.AsyncClient) -> int:
    """The invented account that has the most to show today (a scored night some hours ago, workouts), near to here."""
    members = (await client.get("/control/members")).raise_for_status().json()
    here = datetime.now().astimezone().utcoffset() or timedelta(0)
    nearest = sorted(members, key=lambda m: abs(offset_of(m) - here))
    richness = [await _richness(client, member) for member in nearest]
    return nearest[richness.index(max(richness))]["user_id"]


async def _richness(client: httpx2.AsyncClient, member: dict[str, Any]) -> int:
    """0 without a running day that began with a scored night, else 1 and one more for each workout in it."""
    now, local = datetime.now(UTC), offset_of(member)
    since = {"start": (now - timedelta(days=2)).strftime("%Y-%m-%dT%H:%M:%SZ")}
    found = {}
    for resource in ("cycle", "sleep", "recovery", "workout"):
        answer = (await client.get(f"/control/truth/{member['user_id']}/{resource}", params=since)).raise_for_status()
        found[resource] = answer.json()["records"]
    running = next((c["id"] for c in found["cycle"] if c.get("end") is None), None)
    night = next((s for s in found["sleep"] if s.get("cycle_id") == running and not s["nap"]), None)
    is_scored = any(r["cycle_id"] == running and r["score_state"] == "SCORED" for r in found["recovery"])
    if night is None or not is_scored:
        return 0
    got_up = datetime.fromisoformat(night["end"])
    if (got_up + local).date() != (now + local).date() or now - got_up < LIVED_DAY:
        return 0
    return 1 + sum(datetime.fromisoformat(workout["start"]) > got_up for workout in found["workout"])


def offset_of(member: dict[str, Any]) -> timedelta:
    """A member's offset from UTC now."""
    return timedelta(minutes=offset_min_from_text(member["utc_offset"]))
