"""Everything that a soak runs on: PostgreSQL, two servers, two workers, the simulator behind a line, and its members."""

import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psutil
import psycopg

from bench import members
from bench.children import Child, free_port, started
from bench.people import SOURCES, People
from bench.people import settle as settle_people
from bench.rig import NO_CEILING, NO_QUOTA, SERVICE_KEY, Cloud, Rig, private_folder, rig_on
from bench.soaking.line import Line, line
from bench.soaking.postgres import Postgres, postgres
from wearbase.store.postgres import migrate

COPIES, DAYS_EACH = 2_000, 5  # half of the copies are read, the other half idle: their deliveries are kept and followed by no visit
SETTLE_PATIENCE_S = 120.0
DISK_MIB = 64
RETRY_SCALE = 0.05  # 1, 4, 10, 20 and 30 minutes become 3 s to 90 s
AT_REST = """
select not exists (select from wearbase.delivery d join wearbase.connection c using (user_id, provider)
                    where d.state = 'open' and c.refresh_token is not null
                      and (d.next_attempt_at is null or d.next_attempt_at <= %(now)s))
   and not exists (select from wearbase.sync_state s join wearbase.connection c using (user_id, provider)
                    where c.refresh_token is not null and (s.due_at <= %(now)s or s.backfill_end is not null))
   and not exists (select from wearbase.connection where lease_until > %(now)s)
"""
_LATER = "update wearbase.sync_state set due_at = %(later)s where user_id like 'member-%%'"
_IDLE = """update wearbase.connection set looked_at = %(before)s, connected_at = %(before)s
            where user_id like 'member-%%' and user_id >= %(first)s"""


@dataclass
class Stage:
    """What runs, and how it is asked."""

    place: Rig
    server: Postgres
    line: Line
    disk: Path | None  # a small one of its own for the servers' logs; None if this machine lets us make none
    ports: list[int]
    stack: ExitStack
    cloud: Cloud = field(init=False)
    people: People = field(init=False)
    joined: dict[str, int] = field(default_factory=dict)  # members whose data really comes from the simulator: account by name
    apis: list[Child] = field(default_factory=list)
    workers: list[Child] = field(default_factory=list)
    names: list[str] = field(default_factory=list)  # under which the workers sign on
    started_at: dict[str, float] = field(default_factory=dict)

    def ask(self, statement: str, **values: Any) -> Any:
        """The first column of the first row."""
        with psycopg.connect(self.server.url, autocommit=True) as connection:
            found = connection.execute(statement.encode(), values).fetchone()
        return found[0] if found else None

    def tell(self, statement: str, **values: Any) -> None:
        with psycopg.connect(self.server.url, autocommit=True) as connection:
            connection.execute(statement.encode(), values)

    def is_at_rest(self) -> bool:
        """Whether nothing of anybody's is open, due or held, but deliveries of the idle."""
        return bool(self.ask(AT_REST, now=datetime.now(UTC)))

    def start_worker(self, number: int) -> None:
        """Starts a worker in this place, and learns under which name it works."""
        known = self.names_known()
        child = _started(self, "worker", self.place.environment)
        self.workers[number : number + 1] = [child]
        self.started_at[f"worker {number + 1}"] = time.monotonic()
        members.wait_until(lambda: bool(self.names_known() - known))
        self.names[number : number + 1] = sorted(self.names_known() - known)[:1]

    def names_known(self) -> set[str]:
        return set(self.ask("select coalesce(array_agg(id), '{}') from wearbase.worker"))

    def trees(self) -> dict[str, list[psutil.Process]]:
        """The processes of each part, as far as they run."""
        found: dict[str, list[psutil.Process]] = {}
        for name, child in self._children():
            with suppress(psutil.NoSuchProcess):
                found[name] = child.tree()
        with suppress(psutil.NoSuchProcess):
            found["PostgreSQL"] = self.server.tree()
        return found

    def _children(self) -> Iterator[tuple[str, Child]]:
        yield from ((f"server {n + 1}", child) for n, child in enumerate(self.apis))
        yield from ((f"worker {n + 1}", child) for n, child in enumerate(self.workers))
        yield "simulator", self.cloud.child


@contextmanager
def stage(count: int) -> Iterator[Stage]:
    """A running one with so many members of the simulator."""
    with ExitStack() as stack:
        server = stack.enter_context(postgres(stack.enter_context(private_folder())))
        migrate.upgrade(server.url)
        place = stack.enter_context(rig_on(server.url))
        far = free_port()
        wire = stack.enter_context(line(place.sim_port, far))
        disk = stack.enter_context(_small_disk(place.folder / "logs"))
        made = Stage(place, server, wire, disk, [place.api_port, free_port()], stack)
        _cloud(made, far, count)
        made.people = settle_people(place, made.cloud, members=COPIES, days_each=DAYS_EACH)
        now = datetime.now(UTC)
        made.tell(_LATER, later=now + timedelta(hours=8))
        made.tell(_IDLE, before=now - timedelta(days=30), first=made.people.user_ids[COPIES // 2])
        for number, port in enumerate(made.ports):
            made.apis.append(_started(made, "api", {**place.environment, "PORT": str(port)}))
            made.started_at[f"server {number + 1}"] = time.monotonic()
        for number in range(2):
            made.start_worker(number)
        _join(made, count)
        yield made


def _cloud(made: Stage, port: int, count: int) -> None:
    """The simulator, which the service reaches over the line only."""
    place, wire_port = made.place, made.place.sim_port
    place.environment |= {**NO_CEILING, "BACKFILL_DAYS": str(DAYS_EACH + 10)}
    place.sim_port = port
    made.cloud = place.cloud(members=SOURCES + count, days=DAYS_EACH + 9, webhook_retry_scale=RETRY_SCALE, **NO_QUOTA)
    place.sim_port = wire_port


def _started(made: Stage, program: str, variables: dict[str, str]) -> Child:
    """One of ours, its log on the small disk."""
    child = made.stack.enter_context(started("-m", "bench.wear", program, folder=made.disk or made.place.folder, variables=variables))
    child.wait_for("is ready")
    return child


def _join(made: Stage, count: int) -> None:
    """Members who really connect, all at once, until their history is there."""
    accounts = [m["user_id"] for m in made.cloud.control.get("/control/members").raise_for_status().json()]
    made.joined = {f"source-{n + 1}": accounts[n] for n in range(SOURCES)}
    new = {f"soak-{n:04d}": accounts[SOURCES + n] for n in range(count)}
    client = made.place.client()

    def one(name: str) -> None:
        brought = members.code_for(client, made.cloud, name, new[name])
        for _ in range(20):  # one that is told to come later does
            answer = client.post("/v1/oauth/callback", json=brought)
            if answer.status_code not in (429, 503):
                answer.raise_for_status()
                return
            time.sleep(1)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(one, new))
    made.joined |= new
    settle(made)


def settle(made: Stage) -> bool:
    """Waits until nothing is left to do; False if that takes too long."""
    give_up = time.monotonic() + SETTLE_PATIENCE_S
    while time.monotonic() < give_up:
        if made.is_at_rest():
            return True
        time.sleep(0.25)
    return False


@contextmanager
def _small_disk(folder: Path) -> Iterator[Path | None]:
    """A file system of its own, small enough to be filled; only root may make one."""
    folder.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_MIB}m,mode=0755", "tmpfs", folder], capture_output=True, check=False)
    try:
        yield folder if made.returncode == 0 else None
    finally:
        if made.returncode == 0:
            subprocess.run(["umount", "-l", folder], check=False)


def plan_for(made: Stage, **more: Any) -> dict[str, Any]:
    """What the load is told."""
    readers = [*made.people.user_ids[: COPIES // 2], *made.joined]
    paths = [f"/api/v1/whoop/daily-data/{user}?date={day}" for user in readers for day in made.people.days]
    return {
        "ports": made.ports, "key": SERVICE_KEY, "secret": made.place.environment["WHOOP_CLIENT_SECRET"], "reads": paths,
        "accounts": made.people.accounts[COPIES // 2 :], "members": [name for name in made.joined if name.startswith("soak-")], **more,
    }  # fmt: skip
