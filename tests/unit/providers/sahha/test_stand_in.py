"""Our rules against the stand-in for Sahha's cloud: joining, reads in the styles of three years, deliveries."""

from datetime import UTC, datetime

import httpx2
import pytest

from tests.unit.sim.harness import Sim
from wearbase.domain.errors import AccessTokenRejected, BadRequest, ResourceGone
from wearbase.domain.provider import Credentials, Response
from wearbase.domain.windows import Window
from wearbase.providers.sahha import PROVIDER

NOW = datetime(2026, 11, 21, 15, tzinfo=UTC)
WINDOW = Window(datetime(2026, 11, 10, tzinfo=UTC), NOW)
APP = Credentials(client_id="sahha-client", client_secret="sahha-client-secret", api_url="http://127.0.0.1/sahha/sandbox")
RESOURCES = [resource.name for resource in PROVIDER.resources]


class Cloud(Sim):
    """The simulator, called as the transport would call Sahha."""

    account = ""

    async def call(self, request, member=""):
        request = request.of_member(member)
        url = request.path if request.path.startswith("http") else APP.api_url + request.path
        answer = await self.http.request(request.method, url, params=dict(request.params), json=request.json, headers=dict(request.headers))
        return Response(answer.status_code, {k.lower(): v for k, v in answer.headers.items()}, answer.content)

    def sender(self, member=""):
        async def send(request):
            if not self.account:
                self.account = PROVIDER.account.token(await self.call(PROVIDER.account.token_request(APP))).access_token
            return PROVIDER.rules.check(await self.call(PROVIDER.rules.authorized(request, self.account), member), now=NOW)

        return send

    async def read(self, member, resource, window=WINDOW):
        """Every record of a window, by its key."""
        declared, found, token = PROVIDER.resource(resource), {}, None
        assert declared
        while True:
            page = await declared.read_page(self.sender(member), window, token)
            assert page.unmappable == []
            found |= {record.external_id: record for record in page.records}
            token = page.next_token
            if token is None:
                return found


async def joined(sim, source="whoop"):
    await sim.control("POST", "/sahha/profiles", external_id=f"u-{source}", source=source)
    return f"u-{source}"


def facts(records):
    """What was measured, apart from how it was written: one year wrote times without their seconds."""
    shown = {key: r.values["score"] if r.resource == "score" else r.values["value"] for key, r in records.items()}
    return {key: (str(records[key].given_day), v[:16] if "_time/" in key else v) for key, v in shown.items()}


async def test_a_member_joins_anew_and_again():
    sim = Cloud()
    for _ in range(2):
        assert (await PROVIDER.account.join(sim.sender(), "auth|ann é?#%")).external_user_id == "auth|ann é?#%"
    assert await sim.read("auth|ann é?#%", "score")


async def test_a_member_whom_nobody_registered_is_gone():
    for resource in RESOURCES:
        with pytest.raises(ResourceGone):
            await Cloud().read("nobody", resource)


async def test_a_dead_token_is_rejected_and_not_taken_for_no_data():
    sim = Cloud()
    member = await joined(sim)
    sim.account = "dead"
    with pytest.raises(AccessTokenRejected):
        await sim.read(member, "score")


@pytest.mark.parametrize("results", ["empty", "204"])
async def test_a_profile_without_data_gives_empty_pages(results):
    sim = Cloud(sahha_no_results=results)
    await sim.control("POST", "/sahha/profiles", external_id="hollow", source="whoop", is_empty=True)
    for resource in RESOURCES:
        assert await sim.read("hollow", resource) == {}


@pytest.mark.parametrize("style", ["2024", "2026"])
async def test_the_styles_of_all_years_tell_the_same_facts(style):
    sim, other = Cloud(sahha_style="2025"), Cloud(sahha_style=style)
    members = await joined(sim), await joined(other)
    for resource in RESOURCES:
        ours, theirs = await sim.read(members[0], resource), await other.read(members[1], resource)
        assert len(ours) > 3
        known, again = facts(ours), facts(theirs)
        unlike = {key for key in known.keys() | again.keys() if known.get(key) != again.get(key)}
        assert {key.split("/")[1] for key in unlike} <= {"sleep_regularity"}  # an index in 2024


async def test_a_long_window_brings_each_day_once():
    sim = Cloud()
    member = await joined(sim)
    window = Window(datetime(2026, 9, 20, tzinfo=UTC), NOW)
    days = {str(record.given_day) for record in (await sim.read(member, "score", window)).values()}
    assert len(days) > 55
    assert {str(r.given_day) for r in (await sim.read(member, "biomarker", window)).values()} >= days


async def test_the_newest_day_runs_and_stays_out_of_the_trends(stored):
    sim = Cloud()
    member = await joined(sim)
    records = [r for resource in ("score", "biomarker") for r in (await sim.read(member, resource)).values()]
    days = sorted({r.given_day for r in records if r.given_day})
    newest, before = ([stored(r) for r in records if r.given_day == day] for day in (days[-1], days[-2]))
    assert PROVIDER.assemble_day(newest)["intraday"]
    assert PROVIDER.day_metrics(PROVIDER.assemble_day(newest)) == {}
    metrics = PROVIDER.day_metrics(PROVIDER.assemble_day(before))
    assert {"hrv_rmssd_ms", "sleep_duration_s", "steps_count", "sahha_readiness_score"} <= metrics.keys()
    assert "hrv_sdnn_ms" not in metrics


async def test_what_is_delivered_is_what_is_read():
    posted = []

    def take(request):
        posted.append(({k.lower(): v for k, v in request.headers.items()}, request.content))
        return httpx2.Response(200)

    sim = Cloud(transport=httpx2.MockTransport(take), sahha_webhook_url=["http://127.0.0.1:9/hook"], sahha_webhook_secret="s" * 32)
    await sim.control("POST", "/sahha/profiles", external_id="u-1", source="whoop")
    await sim.control("POST", "/sahha/push", external_id="u-1")
    assert len(posted) > 20
    read = await sim.read("u-1", "score") | await sim.read("u-1", "biomarker")
    delivered = set()
    for headers, body in posted:
        PROVIDER.webhook.verify(headers, body, "s" * 32, NOW)
        [notice] = PROVIDER.webhook.parse(body, headers)
        delivered |= {(notice.resource, notice.external_id, str(notice.records[0].values)) for _ in notice.records}
    told = {(r.resource, r.external_id, str(r.values)) for r in read.values()}
    assert len(delivered & told) > 20


async def test_an_id_that_the_stand_in_refuses_is_bad():
    with pytest.raises(BadRequest):
        await PROVIDER.account.join(Cloud().sender(), "x" * 101)
