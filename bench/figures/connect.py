"""How long after a consent a member sees today, with a provider that takes its time."""

import time
from statistics import median

from bench import members
from bench.report import Line, Run, spread
from bench.rig import NO_CEILING, NO_QUOTA, rig

LATENCY_MS = 120
CALLS_IN_A_ROW = 3  # the token, whose account it is, and the resources side by side
HOW = (
    "From the code's arrival (POST /v1/oauth/callback) until today's document with its recovery is readable; the "
    f"simulator takes {LATENCY_MS} ms "
    "a call. `wear api`, `wear worker` and the simulator are processes; history follows behind, and is not waited for."
)


def measure(run: Run) -> tuple[list[Line], str]:
    """Seconds from code to today, and how they stand to the calls that cannot be avoided."""
    times: list[float] = []
    with rig() as place:
        place.environment.update(NO_CEILING, BACKFILL_DAYS="90")
        cloud = place.cloud(members=200, days=100, **NO_QUOTA)
        place.api()
        place.worker()
        client = place.client()
        for account in members.awake(cloud, run.take(8, 3)):
            user_id = f"member-{account}"
            brought = members.code_for(client, cloud, user_id, account)
            is_ready = members.today_ready(place, user_id)
            cloud.control.post("/control/options", json={"latency_ms": LATENCY_MS}).raise_for_status()
            began = time.perf_counter()
            members.complete(client, brought)
            members.wait_until(is_ready)
            times.append(time.perf_counter() - began)
            cloud.control.post("/control/options", json={"latency_ms": 0}).raise_for_status()
            members.wait_until(members.history_done(place))
    least = CALLS_IN_A_ROW * LATENCY_MS / 1000
    line = Line(
        what="connect until today is visible", measured=f"{spread(times, '{:.2f}')} s", goal="< 1.5 s", is_met=median(times) < 1.5,
        beside=f"{median(times) / least:.1f} times the {least:.2f} s of {CALLS_IN_A_ROW} calls in a row",
    )  # fmt: skip
    return [line], HOW
