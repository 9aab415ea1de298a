"""What a thousand open pages cost while nothing happens, and how soon one is told what does."""

import asyncio
import time
from statistics import median
from uuid import uuid4

import httpx2
import psutil

from bench import members
from bench.children import Child, pss_mib
from bench.report import Line, Run, quantile
from bench.rig import NO_CEILING, NO_QUOTA, SERVICE_KEY, Cloud, Rig, rig, signed

STREAMS, SETTLE_S = 1_000, 20
HOW = (
    f"{STREAMS:,} members' event streams are opened at one `wear api` and left idle for {SETTLE_S} s: its PSS and its CPU time before and "
    "with them; the database's own is not in it. Then deliveries of rescored recoveries for one more, with a real "
    "history: from the POST to the `day` event, hold-down 0."
)


def measure(run: Run) -> tuple[list[Line], str]:
    """KiB for each stream, a share of a core, milliseconds."""
    with rig() as place:
        place.environment.update(NO_CEILING, HOLD_DOWN="0", BACKFILL_DAYS="10")
        cloud = place.cloud(members=60, days=30, **NO_QUOTA)
        api = place.api()
        place.worker()
        client = place.client()
        account = members.awake(cloud, 1)[0]
        members.complete(client, members.code_for(client, cloud, "ann", account))
        members.wait_until(members.history_done(place))
        return asyncio.run(_measured(place, cloud, api, account, run)), HOW


async def _measured(place: Rig, cloud: Cloud, api: Child, account: int, run: Run) -> list[Line]:
    count, settle_s = run.take(STREAMS, 200), run.take(SETTLE_S, 5)
    before_mib, before_cpu = pss_mib(api.tree()), await _cpu(api, settle_s)
    readers = [asyncio.create_task(_read(place, f"idle-{n}", None)) for n in range(count)]
    heard: asyncio.Queue[float] = asyncio.Queue()
    readers.append(asyncio.create_task(_read(place, "ann", heard)))
    try:
        await asyncio.sleep(settle_s / 2)
        cpu = await _cpu(api, settle_s)
        each_kib = (pss_mib(api.tree()) - before_mib) * 1024 / count
        waits = [await _told(place, cloud, account, heard) for _ in range(run.take(30, 8))]
    finally:
        for reader in readers:
            reader.cancel()
        await asyncio.gather(*readers, return_exceptions=True)
    mid, slow = median(waits) * 1000, quantile(waits, 0.9) * 1000
    return [
        Line(
            what=f"{count:,} idle streams, memory", measured=f"{each_kib:.0f} KiB each", goal="none", is_met=True,
            beside=f"the process without them {before_mib:.0f} MiB",
        ),
        Line(
            what=f"{count:,} idle streams, CPU", measured=f"{cpu * 100:.1f} % of a core", goal="none", is_met=True,
            beside=f"without them {before_cpu * 100:.1f} %",
        ),
        Line(
            what="delivery until the event", measured=f"median {mid:.0f} ms, p90 {slow:.0f} ms, {len(waits)} events",
            goal="none", is_met=True, beside=f"with {count:,} other streams open",
        ),
    ]  # fmt: skip


async def _read(place: Rig, user_id: str, heard: "asyncio.Queue[float] | None") -> None:
    """One open page."""
    headers = {"x-api-key": SERVICE_KEY}
    async with (
        httpx2.AsyncClient(base_url=place.base_url, headers=headers, timeout=None, trust_env=False) as client,
        client.stream("GET", f"/api/v1/stream/{user_id}") as answer,
    ):
        answer.raise_for_status()
        async for line in answer.aiter_lines():
            if heard is not None and line == "event: day":
                heard.put_nowait(time.perf_counter())


async def _told(place: Rig, cloud: Cloud, account: int, heard: "asyncio.Queue[float]") -> float:
    wish = {"event": "rescore", "resource": "recovery", "webhooks": False}
    answer = await asyncio.to_thread(cloud.control.post, f"/control/members/{account}/events", json=wish)
    delivery, headers = signed(
        {"user_id": account, "id": str(answer.json()["changed"][0]["id"]), "type": "recovery.updated", "trace_id": str(uuid4())}
    )
    while not heard.empty():
        heard.get_nowait()
    began = time.perf_counter()
    async with httpx2.AsyncClient(base_url=place.base_url, trust_env=False, timeout=10) as client:
        (await client.post("/v1/webhooks/whoop", content=delivery, headers=headers)).raise_for_status()
    async with asyncio.timeout(20):
        return await heard.get() - began


async def _cpu(api: Child, seconds: float) -> float:
    """The share of a core that it took."""

    def spent() -> float:
        return sum(sum(process.cpu_times()[:2]) for process in api.tree() if process.status() != psutil.STATUS_ZOMBIE)

    before, began = spent(), time.perf_counter()
    await asyncio.sleep(seconds)
    return (spent() - before) / (time.perf_counter() - began)
