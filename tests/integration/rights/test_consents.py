"""What a member agreed to is kept with version, time and who asked: shown, exported, and a row more each time."""

import pytest

from tests.integration.api.conftest import Service, problem, service  # noqa: F401 a fixture
from tests.integration.api.test_consents import code_for


async def connected(made: Service, **body: str) -> dict:
    started = (await made.post("/api/v1/whoop/connect/ann", json=body)).json()
    code = await code_for(made, started)
    assert (await made.post("/v1/oauth/callback", json={"code": code, "state": started["state"]})).status_code == 200
    return (await made.get("/v1/data/ann/profile")).json()["consent"]


async def test_each_connection_is_a_consent_with_its_version_and_time(service: Service) -> None:  # noqa: F811
    at = service.world.clock.now().isoformat(timespec="milliseconds").replace("+00:00", "Z")
    assert await connected(service) == {"version": None, "given_at": at, "given_by": "key"}
    assert (await connected(service, consent_version="2026-05"))["version"] == "2026-05"
    rows = await service.world.rows("select * from wearbase.consent order by id")
    assert [(row["version"], row["provider"], row["given_by"]) for row in rows] == [(None, "whoop", "key"), ("2026-05", "whoop", "key")]
    assert set(rows[1]["scopes"]) == set(rows[1]["asked_scopes"]) > {"read:sleep"}


async def test_what_a_member_starts_is_the_members(service: Service) -> None:  # noqa: F811
    token = service.token("ann")
    answer = await service.get("/v1/oauth/authorize?user_id=ann&consent_version=v7", headers=token)
    code = await code_for(service, answer.json())
    body = {"code": code, "state": answer.json()["state"]}
    assert (await service.post("/v1/oauth/callback", json=body, headers=token)).status_code == 200
    [row] = await service.world.rows("select version, given_by from wearbase.consent")
    assert row == {"version": "v7", "given_by": "member"}


@pytest.mark.parametrize("version", ["", "a b", "x" * 65, "ann@example.org", "<b>"])
async def test_a_version_is_a_short_name(service: Service, version: str) -> None:  # noqa: F811
    problem(await service.post("/api/v1/whoop/connect/ann", json={"consent_version": version}), 422, "invalid_field", "consent_version")


async def test_the_setting_holds_where_nobody_says(service: Service) -> None:  # noqa: F811
    object.__setattr__(service.world.engine, "consent_version", "terms-1")
    assert (await connected(service))["version"] == "terms-1"
    assert (await connected(service, consent_version="terms-2"))["version"] == "terms-2"
