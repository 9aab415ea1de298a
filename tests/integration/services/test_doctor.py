"""What `wear doctor` finds at an entry point, of the service behind it."""

import httpx2
import pytest

from tests.integration.services.conftest import FAR, Pair
from wearbase.cli.examining import Finding, of_service
from wearbase.providers.registry import PROVIDERS
from wearbase.transport.http import Http
from wearbase.transport.remote import Remote


async def found(two: Pair, *scopes: str) -> Finding:
    """With a key of those scopes."""
    key = (await two.far.services.keys.create("tried", scopes)).secret
    http = Http(two.wire)
    try:
        return await of_service(Remote(PROVIDERS["whoop"], FAR, key, http, two.near.world.clock))
    finally:
        await http.close()


async def test_a_key_with_every_scope_is_well(two: Pair) -> None:
    assert (await found(two, "read", "sync", "connect", "erase", "ops")).level == "ok"


@pytest.mark.parametrize(
    ("scopes", "missing"),
    [(("read",), "sync, connect, erase"), (("read", "sync", "connect"), "erase"), (("read", "erase"), "sync, connect")],
)
async def test_a_key_that_lacks_a_scope_fails_and_says_which(two: Pair, scopes: tuple[str, ...], missing: str) -> None:
    finding = await found(two, *scopes)
    assert (finding.level, finding.text) == ("fail", f"{FAR} takes our key, but it lacks {missing}")
    assert "--scope read --scope sync --scope connect --scope erase" in (finding.todo or "")


async def test_a_key_that_may_not_even_read_is_refused(two: Pair) -> None:
    finding = await found(two, "ops")
    assert (finding.level, "refuses our key" in finding.text) == ("fail", True)


async def test_a_service_that_does_not_tell_scopes_is_not_accused(two: Pair) -> None:
    async def of_old(request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, json={"status": "ready"}, request=request)

    two.between(of_old)
    assert (await found(two, "read")).level == "ok"
