"""What `wear doctor` finds at the sources, and a gate that is opened by hand."""

import base64
import hashlib
import hmac
from datetime import timedelta
from typing import Any

import httpx2
import pytest

from tests.integration.engine.conftest import visits
from tests.integration.harness import SAHHA_SECRET, Bench
from tests.integration.sahha.conftest import ANN, Sahha
from wearbase.app.running import CEILINGS
from wearbase.cli.examining import Finding, of_sources
from wearbase.cli.showing.budgets import reopen
from wearbase.domain.errors import BadSignature
from wearbase.store import observations
from wearbase.store.work import budget

BODY = b'{"externalId": "u-7f0c2a4e-0001", "id": "1"}'


async def found(world: Bench, name: str) -> Finding | None:
    told = await of_sources(world.engine, is_demo=False)
    return next((finding for finding in told if finding.name == name), None)


async def refused(world: Bench, signature: str, **headers: str) -> None:
    with pytest.raises(BadSignature):
        await world.receiver.receive("sahha", {"x-signature": signature, **headers}, BODY)


def signed(secret: str) -> bytes:
    return hmac.digest(secret.encode(), BODY, hashlib.sha256)


async def test_a_gate_that_is_closed_is_said_with_its_end_and_the_way_to_open_it(sahha: Sahha) -> None:
    world = sahha.world
    await world.connect("ann")
    await visits(world, 40)
    calls = await found(world, "whoop calls")
    assert calls is not None
    assert calls.level == "ok"
    await world.fault("/v2/activity/sleep", "status", status=429, count=1)
    await world.mark()
    await visits(world, 12)
    calls = await found(world, "whoop calls")
    assert calls is not None
    assert (calls.level, calls.todo) == ("warn", "wait; or, if it was closed wrongly: wear budget --reopen whoop")
    assert f"{world.clock.now() + timedelta(minutes=1):%Y-%m-%d %H:%M} UTC" in calls.text
    waiting = await world.rows(
        "select resource from wearbase.sync_state where provider = 'whoop' and waits_until > %s", (world.clock.now(),)
    )
    assert waiting, "one at least: those read beside it may have had their calls before the refusal"
    until, resumed = await reopen(world.engine, "whoop", by="op@host")
    assert (until, resumed) == (world.clock.now() + timedelta(minutes=1), len(waiting))
    before = (await world.calls())["data"]
    await visits(world, 12)
    assert (await world.calls())["data"] > before
    assert (await world.status())["sleep"]["error"] is None
    assert (await found(world, "whoop calls")).level == "ok"  # type: ignore[union-attr]
    assert await reopen(world.engine, "whoop", by="op@host") == (None, 0)


async def test_a_day_without_calls_a_pause_and_an_alarm_are_said(sahha: Sahha) -> None:
    world = sahha.world
    await world.connect("ann")
    world.limit(per_day=1)
    calls = await found(world, "whoop calls")
    assert calls is not None
    assert (calls.level, "used up" in calls.text) == ("warn", True)
    world.limit(per_day=10_000)
    app, now = world.engine.app("whoop"), world.clock.now()
    async with world.engine.db.transaction() as tx:
        await budget.pause(tx, app.name, app.key, until=now + timedelta(minutes=3))
        await tx.execute("update wearbase.budget set alarm_since = %s where provider = 'whoop'", (now,))
    told = [f.text for f in await of_sources(world.engine, is_demo=False) if f.name == "whoop calls"]
    assert any("failed in a row" in text for text in told)
    assert any("many members are refused" in text for text in told)


async def test_ceilings_that_differ_from_the_servers_are_said(sahha: Sahha) -> None:
    world = sahha.world
    app = world.engine.app("whoop")
    for per_day, is_told in ((app.per_day, False), (77, True)):
        async with world.engine.db.transaction() as tx:
            said = {"per_minute": app.per_minute, "per_day": per_day, "host": "other"}
            await observations.note(tx, "whoop", CEILINGS, said, now=world.clock.now())
        ceilings = await found(world, "whoop ceilings")
        assert (ceilings is not None) is is_told
    assert ceilings is not None
    assert "77 a day in the server that started last (other" in ceilings.text


@pytest.mark.parametrize(
    ("answers", "level", "words"),
    [(None, "ok", "are accepted"), (401, "fail", "does not accept"), (503, "warn", "could not be asked")],
)
async def test_the_accounts_credentials_are_tried(sahha: Sahha, answers: int | None, level: str, words: str) -> None:
    async def meddle(request: httpx2.Request, cloud: Any) -> httpx2.Response:
        return await cloud(request) if answers is None else httpx2.Response(answers)

    sahha.world.wire.meddle = meddle
    account = await found(sahha.world, "sahha account")
    assert account is not None
    assert (account.level, words in account.text, account.todo is None) == (level, True, answers is None)
    assert await found(sahha.world, "whoop account") is None


async def test_another_form_of_signature_is_found_out_by_a_delivery(sahha: Sahha) -> None:
    world = sahha.world
    await sahha.settled()
    await refused(world, base64.b64encode(signed(SAHHA_SECRET)).decode())
    told = await found(world, "sahha signed")
    assert told is not None
    assert (told.level, told.todo) == ("fail", "set SAHHA_SIGNATURE=base64-text and restart the servers")
    world.clock.advance(timedelta(minutes=1))
    await sahha.tell({"externalId": ANN, "id": "2"})
    told = await found(world, "sahha signed")
    assert told is not None
    assert told.level == "ok"


async def test_what_our_secret_did_not_sign_is_another_matter(sahha: Sahha) -> None:
    await refused(sahha.world, signed("another secret").hex())
    told = await found(sahha.world, "sahha signed")
    assert told is not None
    assert (told.level, "did not sign it in any form" in told.text) == ("warn", True)


async def test_a_delivery_that_is_well_signed_and_refused_for_its_header_says_nothing_of_the_form(sahha: Sahha) -> None:
    await refused(sahha.world, signed(SAHHA_SECRET).hex(), **{"x-external-id": "somebody-else"})
    told = await found(sahha.world, "sahha signed")
    assert told is not None
    assert (told.level, "no delivery has come yet" in told.text) == ("ok", True)


async def test_a_flood_of_bad_signatures_writes_once_a_minute(sahha: Sahha) -> None:
    for second in range(0, 50, 10):
        await refused(sahha.world, "0" * 64)
        sahha.world.clock.advance(timedelta(seconds=10))
        (seen,) = await sahha.world.rows("select seen_at from wearbase.observation where provider = 'sahha'")
        assert seen["seen_at"] == sahha.world.clock.now() - timedelta(seconds=10 + second)
