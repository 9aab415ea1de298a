"""Killing wearbase at any moment of the backfill loses nothing."""

import random
import time

from tests.e2e.processes import canonical, cloud, home, pointed_at, wait_for

PLURAL = {"recovery": "recovery", "sleep": "sleep", "workout": "workouts", "cycle": "cycles"}
KILLS = 5


def test_killed_again_and_again_the_backfill_ends_with_exactly_the_providers_records() -> None:
    chance = random.Random(11)
    settings = {"BACKFILL_DAYS": "200", "RATE_LIMIT_PER_MINUTE": "100000", "HOLD_DOWN": "0"}
    slow = ("--days", "180", "--latency-ms", "40", "--quota-minute", "100000")
    with home(**settings) as place, cloud(place.url, *slow) as sim:
        place.environment |= pointed_at(sim)
        place.start()
        account = sim.account()
        place.connect("ann", account, sim)
        for _ in range(KILLS):
            time.sleep(chance.uniform(0.0, 0.5))
            place.kill()
            place.start()
        wait_for(lambda: is_at_rest(place.status("ann")), "the history is stored")
        for resource, plural in PLURAL.items():
            assert canonical(place.stored("ann", plural)) == canonical(sim.truth(account, resource)), resource
        assert place.stop() == 0


def is_at_rest(status: dict) -> bool:
    return all(r["state"] == "idle" and r["last_success_at"] for r in status["resources"].values())
