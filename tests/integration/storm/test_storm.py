"""Storms that nobody has thought of: random members, records, webhooks, faults and deaths, until all of it has come right again.

STORM_SECONDS (default 15) is the time that they may take, STORM_STEPS (default 30) how much happens in each, STORM_SEED repeats a run,
STORM_SHRINK=1 looks for the shortest storm that fails. For an hour of it: STORM_SECONDS=3600 ARGS="tests/integration/storm -s" make test
"""

import os
import random

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.integration.storm.machine import Box, Machine
from tests.servers import Server

SECONDS = float(os.environ.get("STORM_SECONDS", "15"))
STEPS = int(os.environ.get("STORM_STEPS", "30"))
SEED = int(os.environ.get("STORM_SEED") or random.SystemRandom().randrange(10**6))
PHASES = [Phase.generate, *([Phase.shrink] if os.environ.get("STORM_SHRINK") else [])]


@pytest.mark.timeout(0)
def test_after_any_storm_the_store_equals_the_truth_and_nothing_was_overspent_lost_or_called_a_success(server: Server) -> None:
    box = Box(SECONDS)
    sized = settings(
        max_examples=max(8, int(SECONDS)), stateful_step_count=STEPS, deadline=None, database=None, phases=PHASES, print_blob=True,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large], report_multiple_bugs=False,
    )  # fmt: skip

    class Here(Machine):
        def __init__(self) -> None:
            super().__init__(server, box)

    print(f"To repeat this run: STORM_SEED={SEED}")
    run_state_machine_as_test(seed(SEED)(Here), settings=sized)
    print(f"{box.storms} storms of {box.turns} turns in all")
