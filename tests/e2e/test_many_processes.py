"""Any number of `wear api` and `wear worker` on one PostgreSQL: rolling restarts, lost hints, a worker that stops, a pooler."""

import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest

from tests.e2e.fleet import Fleet, Part, fleet
from tests.e2e.processes import canonical, wait_for
from tests.servers import Server, pooled_server
from tools.needs import find_pgbouncer

PLURAL = {"recovery": "recovery", "sleep": "sleep", "workout": "workouts", "cycle": "cycles"}
MEMBERS, CEILING = 4, 1_000
SIM = ("--members", str(MEMBERS), "--days", "8", "--quota-minute", "5000")
SETTINGS = {"BACKFILL_DAYS": "20", "HOLD_DOWN": "0", "RATE_LIMIT_PER_MINUTE": str(CEILING)}
EVENTS = (
    {"event": "workout"}, {"event": "workout"}, {"event": "edit", "resource": "workout", "shift_s": -60},
    {"event": "rescore", "resource": "recovery"}, {"event": "rescore", "resource": "sleep"}, {"event": "delete", "resource": "workout"},
)  # fmt: skip
BUSY_S = 0.05


@pytest.fixture(scope="module")
def running(server: Server, module_database_url: str) -> Iterator[Fleet]:
    with fleet(module_database_url, module_database_url, SIM, SETTINGS) as made:
        made.start()
        join(made)
        yield made


def user(number: int) -> str:
    return f"member-{number}"


def join(made: Fleet) -> None:
    """Every member connects, by one API or another, and has their history."""
    for n in range(MEMBERS):
        made.apis[n % len(made.apis)].connect(user(n), made.sim.account(n), made.sim)
    wait_for(lambda: is_at_rest(made), "the history is stored")


def is_at_rest(made: Fleet) -> bool:
    """Nothing is open, due or held."""
    return made.ask(
        """select not exists (select from wearbase.delivery where state = 'open')
              and not exists (select from wearbase.sync_state where due_at <= clock_timestamp() or backfill_end is not null)
              and not exists (select from wearbase.connection where lease_until > clock_timestamp())"""
    )


@contextmanager
def busy(made: Fleet) -> Iterator[None]:
    """Members' records change all the time, each change with its webhook."""
    chance, is_over = random.Random(5), threading.Event()
    accounts = [made.sim.account(n) for n in range(MEMBERS)]

    def go_on() -> None:
        while not is_over.wait(BUSY_S):
            account, event = chance.choice(accounts), chance.choice(EVENTS)
            answer = made.sim.control.post(f"/control/members/{account}/events", json={**event, "wait": True})
            assert answer.status_code in (200, 409), answer.text  # 409: there is nothing left to delete

    thread = threading.Thread(target=go_on)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()


def restart(made: Fleet, parts: list[Part]) -> None:
    for part in parts:
        assert part.stop() == 0
        time.sleep(0.2)
        part.start()


def everything_is_there(made: Fleet) -> None:
    """The store is the provider's truth, everybody is connected, and each call was taken from the one budget."""
    wait_for(lambda: is_at_rest(made), "every delivery is settled")
    same(made, "recovery", "sleep", "workout")  # by their deliveries alone; nothing announces a cycle
    for n in range(MEMBERS):
        assert ask_for(made, user(n), wait="false") == 202
    wait_for(lambda: is_at_rest(made), "everybody is read once more")
    same(made, *PLURAL)
    assert made.ask("select count(*) from wearbase.connection where state = 'connected'") == MEMBERS
    calls = made.sim.control.get("/control/calls").json()
    assert calls["by_status"].get("429", 0) == 0
    assert calls["max_in_60s"] <= CEILING
    assert calls["data"] <= made.ask("select day_calls from wearbase.budget"), "a call left that nobody had reserved"


def same(made: Fleet, *resources: str) -> None:
    for n in range(MEMBERS):
        for resource in resources:
            stored, truth = made.apis[n % 2].stored(user(n), PLURAL[resource]), made.sim.truth(made.sim.account(n), resource)
            assert canonical(stored) == canonical(truth), (n, resource)


def test_a_rolling_restart_under_load_loses_nothing(running: Fleet) -> None:
    with busy(running):
        killed = running.workers[0]
        assert killed.stop() == 0
        name = running.replace(killed)
        time.sleep(0.5)
        killed.kill()
        forget(running, name)
        killed.start()
        restart(running, [running.apis[0], running.workers[1], running.apis[1]])
    assert set(running.relay.answers) == {204}
    everything_is_there(running)


def forget(made: Fleet, name: str) -> None:
    """What a killed worker held runs out, as it would half a minute later."""
    made.ask("update wearbase.connection set lease_until = clock_timestamp() where lease_holder = %s returning 1", name)


def test_a_listener_that_was_cut_off_comes_back_and_nothing_waits_for_it(running: Fleet) -> None:
    before = wait_for(lambda: len(found := running.listeners()) == 2 and found, "both workers listen")
    for pid in before:
        running.ask("select pg_terminate_backend(%s)", pid)
    assert ask_for(running, user(0)) == 200  # once it is served
    after = wait_for(lambda: len(found := running.listeners()) == 2 and found, "both workers listen again")
    assert not set(after) & set(before)


def test_a_hint_that_nobody_heard_is_covered_by_the_poll(running: Fleet) -> None:
    mark = """update wearbase.sync_state set due_at = clock_timestamp(), priority = 0, reason = 'person', marks = marks + 1
               where user_id = %s and resource = 'workout' returning marks"""
    done = "select served_marks >= %s from wearbase.sync_state where user_id = %s and resource = 'workout'"
    marks = running.ask(mark, user(0))  # and no hint
    wait_for(lambda: running.ask(done, marks, user(0)), "the poll has found it")


def test_a_worker_told_to_stop_gives_back_what_the_provider_holds_up(running: Fleet) -> None:
    """A rolling restart costs no lease: the other worker takes over at once, not after half a minute."""
    names = {running.replace(worker): worker for worker in running.workers if worker.stop() == 0}
    running.sim.set(latency_ms=25_000)
    assert ask_for(running, user(1), wait="false") == 202
    held = "select lease_holder from wearbase.connection where lease_until > clock_timestamp()"
    holder = names[wait_for(lambda: running.ask(held), "a visit has begun")]
    time.sleep(0.3)  # its calls are out
    running.sim.set(latency_ms=0)
    assert holder.stop(patience_s=20) == 0
    wait_for(lambda: is_at_rest(running), "the other worker has done it")
    holder.start()


def ask_for(made: Fleet, name: str, **options: str) -> int:
    """A person's sync, without the limit of one a minute; the status."""
    made.ask("update wearbase.connection set asked_at = null where user_id = %s returning 1", name)
    with made.apis[1].api as api:
        return api.post(f"/api/v1/whoop/sync/{name}", params=options).status_code


@pytest.mark.pgbouncer
def test_behind_a_transaction_pooler_a_rolling_restart_loses_nothing_either(server: Server) -> None:
    program = find_pgbouncer()
    assert program is not None, "deselected without it"
    with server.database() as straight, pooled_server(program, server) as pooler:
        url = urlsplit(pooler.url)._replace(path=urlsplit(straight).path).geturl()
        with fleet(url, straight, SIM, SETTINGS) as made:
            made.workers[1].environment["DATABASE_DIRECT_URL"] = straight
            made.start()
            join(made)
            assert len(made.listeners()) == 1, "LISTEN needs a session of its own, which only the direct address gives"
            with busy(made):
                restart(made, [made.workers[0], made.apis[0]])
                assert made.workers[1].stop() == 0
            assert set(made.relay.answers) == {204}
            everything_is_there(made)
