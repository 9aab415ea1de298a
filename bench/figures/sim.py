"""How fast the simulator answers, how soon it is there, and what many members take of the memory."""

import time
from statistics import median

import httpx2

from bench import load
from bench.children import Child, free_port, pss_mib, started
from bench.load import Load, Request
from bench.report import Line, Run, spread
from bench.rig import private_folder

WARM, MEMBERS = 100, 10_000
TOKEN = "bench"
WINDOW = "limit=25&start=2026-11-18T00:00:00Z&end=2026-11-21T15:00:00Z"
PATHS = (
    *(f"/developer/v2/{path}?{WINDOW}" for path in ("cycle", "recovery", "activity/sleep", "activity/workout")),
    "/developer/v2/recovery",
    "/developer/v2/user/profile/basic",
)
HOW = (
    f"One simulator with {MEMBERS:,} members and 90 days, its clock standing still; {WARM} of them connected. Reads of the last days of "
    "all four collections, of the first page of all recoveries and of the profile, in random order, over 16 connections, after a warm-up. "
    "Beside it the profile alone, which is made of nothing. Load by {tool}."
)


def measure(run: Run) -> tuple[list[Line], str]:
    """Requests a second, seconds to the first answer, MiB."""
    seconds, times = run.take(5, 2), run.take(3, 1)
    starts, results, plain, memory = [], [], [], 0.0
    with private_folder() as folder:
        port, began = free_port(), time.perf_counter()
        with started(*_program(port), folder=folder, variables={"SIM_LOG_REQUESTS": "no"}) as child:
            base_url = _wait(child, port)
            starts.append(time.perf_counter() - began)
            tokens = _connected(base_url)
            for _ in range(times + 1):
                results.append(load.load(base_url, _requests(tokens, PATHS), seconds=seconds, folder=folder))
                plain.append(load.load(base_url, _requests(tokens, PATHS[-1:]), seconds=seconds, folder=folder))
            memory = pss_mib(child.tree())
    return _lines(starts, results[1:], plain[1:], memory), HOW.format(tool=load.tool())


def _program(port: int) -> list[str]:
    quota = ["--quota-minute", "100000000", "--quota-day", "1000000000"]
    world = ["--members", str(MEMBERS), "--now", "2026-11-21T15:00:00Z", "--control-token", TOKEN]
    return ["-m", "wearbase_sim", "--port", str(port), *world, *quota]


def _wait(child: Child, port: int) -> str:
    child.wait_for("ready on")
    return f"http://127.0.0.1:{port}"


def _connected(base_url: str) -> list[str]:
    headers = {"authorization": f"Bearer {TOKEN}"}
    with httpx2.Client(base_url=base_url, headers=headers, trust_env=False) as client:
        answers = [client.post(f"/control/members/{number}/connect", json={}).json() for number in range(1, WARM + 1)]
    return [answer["access_token"] for answer in answers]


def _requests(tokens: list[str], paths: tuple[str, ...]) -> list[Request]:
    return [Request(path, (("authorization", f"Bearer {token}"),)) for token in tokens for path in paths]


def _lines(starts: list[float], results: list[Load], plain: list[Load], memory: float) -> list[Line]:
    rates, bare = [each.per_s for each in results], median(each.per_s for each in plain)
    failed = sum(each.failed for each in results)
    return [
        Line(
            what=f"reads of {WARM} warm members", measured=f"{spread(rates)} requests/s, {failed} failed", goal=">= 3,000",
            is_met=median(rates) >= 3000 and not failed, beside=f"{median(rates) / bare:.2f} of the profile alone ({bare:,.0f}/s)",
        ),
        Line(
            what="start", measured=f"{spread(starts, '{:.2f}')} s", goal="< 1 s", is_met=median(starts) < 1,
            beside="from starting the process until it says that it is ready",
        ),
        Line(
            what="memory", measured=f"{memory:,.0f} MiB", goal="< 1,024 MiB", is_met=memory < 1024,
            beside=f"{MEMBERS:,} members, of whom {WARM} were read",
        ),
    ]  # fmt: skip
