"""What a member's history costs: calls, time, memory."""

import time

import psutil
import psycopg

from bench import members
from bench.children import Child
from bench.report import Line, Run
from bench.rig import NO_CEILING, NO_QUOTA, Cloud, rig

PAGE = 25
HOW = (
    "One member, from the code's arrival to the last page of history. The calls of the history walks are counted apart "
    "from today's first ones. "
    "The quota is lifted for the time, not for the calls; the simulator answers at once."
)


def measure(run: Run) -> tuple[list[Line], str]:
    """90 days and 730 days."""
    return [line for days in (90, 730) for line in _lines(days)], HOW


def _lines(days: int) -> list[Line]:
    with rig() as place:
        place.environment.update(NO_CEILING, BACKFILL_DAYS=str(days))
        cloud = place.cloud(members=1, days=days, **NO_QUOTA)
        place.api()
        worker = place.worker()
        client = place.client()
        account = cloud.control.get("/control/members").raise_for_status().json()[0]["user_id"]
        brought = members.code_for(client, cloud, "ann", account)
        is_done = members.history_done(place)
        began = time.perf_counter()
        members.complete(client, brought)
        members.wait_until(is_done, patience_s=120)
        spent = time.perf_counter() - began
        with psycopg.connect(place.url) as connection:
            pages, stored = _counted(connection)
        least, calls, peak = _least(cloud, account), cloud.calls()["data"], _peak_mib(worker)
    goal = ("≤ 18 calls", pages <= 18) if days == 90 else (f"≤ {least + 8} calls (full pages)", pages <= least + 8)
    return [
        Line(
            what=f"{days} days: calls of history", measured=f"{pages}, and {calls - pages} for the profile and today", goal=goal[0],
            is_met=goal[1], beside=f"{stored} records fill {least} pages of {PAGE}",
        ),
        Line(
            what=f"{days} days: time, worker's memory", measured=f"{spent:.1f} s, at most {peak:.0f} MiB resident", goal="none",
            is_met=True, beside=f"{spent / calls * 1000:.0f} ms a call",
        ),
    ]  # fmt: skip


def _counted(connection: psycopg.Connection) -> tuple[int, int]:
    pages = connection.execute("select sum(backfill_pages) from wearbase.sync_state").fetchone()
    stored = connection.execute("select count(*) from wearbase.record").fetchone()
    return int(pages[0]) if pages else 0, int(stored[0]) if stored else 0


def _least(cloud: Cloud, account: int) -> int:
    """Pages that all records of all resources would fill."""
    kinds = ("cycle", "recovery", "sleep", "workout")
    counts = [len(cloud.control.get(f"/control/truth/{account}/{kind}").raise_for_status().json()["records"]) for kind in kinds]
    return sum(-(-count // PAGE) for count in counts)


def _peak_mib(worker: Child) -> float:
    with open(f"/proc/{worker.process.pid}/status") as status:
        found = next((line for line in status if line.startswith("VmHWM")), None)
    return int(found.split()[1]) / 1024 if found else psutil.Process(worker.process.pid).memory_info().rss / 2**20
