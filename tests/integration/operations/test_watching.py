"""Alerts and dashboard: they parse, name only what /metrics prints, and cover what an operator must know."""

import asyncio
import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.integration.api.conftest import Service
from wearbase.access.identity import IdentityTokens
from wearbase.access.keyset import KeySet
from wearbase.providers.registry import PROVIDERS
from wearbase.store import observations
from wearbase.store.postgres.database import rows
from wearbase.store.sealing import KeyRing
from wearbase.sync.upkeep.census import take_census
from wearbase.sync.upkeep.forecast import forecast_all
from wearbase.transport.http import Http
from wearbase.transport.remote import Remote

DEPLOY = Path(__file__).parents[3] / "deploy"
NAME = re.compile(r"\b(?:wearbase|process)_[a-z0-9_]+\b")
LABELS = re.compile(r"\b((?:wearbase|process)_[a-z0-9_]+)\{([^}]*)\}")
SCRAPED = {"job", "instance", "le"}  # labels that Prometheus gives, and a histogram's own
# What is counted for the dashboard only: no value of these alone is a reason to wake anybody.
NOT_ALERTED = {
    "wearbase_budget_calls_today", "wearbase_budget_calls_elsewhere", "wearbase_budget_reset_timestamp_seconds",
    "wearbase_budget_token_calls", "wearbase_budget_slots_left_out", "wearbase_members_idle", "wearbase_deliveries_open",
    "wearbase_grants_refused", "wearbase_http_request_seconds_count", "wearbase_http_request_seconds_sum",
    "wearbase_identity_fetches_total", "wearbase_http_requests_total", "wearbase_build_info", "wearbase_streams_open",
    "wearbase_database_answer_seconds", "wearbase_database_connections_in_use", "wearbase_database_connections_limit",
}  # fmt: skip
NOT_SHOWN = {
    "wearbase_budget_reset_timestamp_seconds", "wearbase_census_timestamp_seconds", "wearbase_http_request_seconds_count",
    "wearbase_http_request_seconds_sum",
}  # fmt: skip


def rules() -> list[dict[str, Any]]:
    content = yaml.safe_load((DEPLOY / "prometheus/alerts.yml").read_text())
    return [rule for group in content["groups"] for rule in group["rules"]]


def panels() -> list[dict[str, Any]]:
    return json.loads((DEPLOY / "grafana/wearbase.json").read_text())["panels"]


def dashboard_expressions() -> list[str]:
    return [target["expr"] for panel in panels() for target in panel.get("targets", [])]


async def text_of(service: Service) -> str:
    return (await service.get("/metrics", headers=await service.key("ops"))).text


async def told(service: Service) -> dict[str, float]:
    lines = (await text_of(service)).splitlines()
    return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines if line and not line.startswith("#")}


@pytest.fixture
async def everything(service: Service) -> dict[str, set[str]]:
    """What /metrics prints when every part has something to say: names, and the labels of each."""
    await service.connected()
    async with service.world.engine.db.transaction() as tx:
        await tx.execute("update wearbase.budget set thinned = '{\"20:00\": 3}', forecast = null")
        await tx.execute("update wearbase.chore set attempts = 1")
        await observations.note(tx, "", "backup", {}, now=service.world.clock.now())
    await forecast_all(service.world.engine)
    await take_census(service.world.engine)
    await service.get("/api/v1/whoop/daily-data/ann")
    identity = IdentityTokens(KeySet("https://auth.example/keys"), issuer="i", audiences=["a"], claim="sub", clock=service.world.clock)
    remote = Remote(PROVIDERS["whoop"], "https://whoop.example", "a-key", Http(), service.world.clock)
    engine = replace(service.services.engine, remotes={"whoop": remote})
    service.app.state.services = replace(service.services, identity=identity, engine=engine)
    service.app.state.metrics.note_refused("limit_key")
    found = dict[str, set[str]]()
    for line in (await text_of(service)).splitlines():
        if line and not line.startswith("#"):
            name = line.partition(" ")[0].partition("{")[0]
            found.setdefault(name, set()).update(re.findall(r'(\w+)="', line))
    return found


async def test_alerts_name_only_metrics_that_exist(everything: dict[str, set[str]]) -> None:
    named = {name for rule in rules() for name in NAME.findall(rule["expr"])}
    assert named - everything.keys() == set()
    assert {name for name in everything if name.startswith("wearbase_")} - named == NOT_ALERTED


@pytest.mark.skipif(shutil.which("promtool") is None, reason="Prometheus's own check, where it is: make check-deploy")
async def test_prometheus_finds_no_fault_with_what_is_printed(service: Service) -> None:
    await service.connected()
    text = (await text_of(service)).encode()
    checked = await asyncio.to_thread(subprocess.run, ["promtool", "check", "metrics"], input=text, capture_output=True, check=False)
    assert (checked.returncode, checked.stderr) == (0, b"")


async def test_the_dashboard_names_only_metrics_that_exist(everything: dict[str, set[str]]) -> None:
    named = {name for expression in dashboard_expressions() for name in NAME.findall(expression)}
    assert named - everything.keys() == set()
    assert {name for name in everything if name.startswith("wearbase_")} - named == NOT_SHOWN


async def test_every_label_that_is_asked_for_exists(everything: dict[str, set[str]]) -> None:
    expressions = [rule["expr"] for rule in rules()] + dashboard_expressions()
    for expression in expressions:
        for name, inside in LABELS.findall(expression):
            asked = set(re.findall(r"(\w+)\s*(?:=~|!=|!~|=)", inside))
            assert asked <= everything[name] | SCRAPED, expression
        by = set(re.findall(r"\w+", " ".join(re.findall(r"\bby \(([^)]*)\)", expression))))
        known = set[str]().union(*(everything[name] for name in NAME.findall(expression)), SCRAPED)
        assert by <= known, expression


def test_every_alert_says_how_bad_it_is_and_what_is_the_matter() -> None:
    names = [rule["alert"] for rule in rules()]
    assert len(names) == len(set(names))
    for rule in rules():
        assert rule["labels"]["severity"] in ("critical", "warning", "info"), rule["alert"]
        assert rule["annotations"]["summary"]
        used = set(re.findall(r"\$labels\.(\w+)", rule["annotations"]["summary"])) - {"instance"}
        assert used <= set(re.findall(r"\w+", " ".join(re.findall(r"\bby \(([^)]*)\)", rule["expr"])))), rule["alert"]


def test_every_alert_is_in_the_runbook() -> None:
    book = (DEPLOY.parent / "docs/operations.md").read_text()
    assert [rule["alert"] for rule in rules() if f"`{rule['alert']}`" not in book] == []
    assert set(re.findall(r"`(Wearbase\w+)`", book)) <= {rule["alert"] for rule in rules()}


def test_every_rule_is_tried_where_it_must_fire_and_where_it_must_not() -> None:
    """promtool runs these (make check-deploy)."""
    cases = [
        case for one in yaml.safe_load((DEPLOY / "prometheus/alerts_test.yml").read_text())["tests"] for case in one["alert_rule_test"]
    ]
    known = {rule["alert"] for rule in rules()}
    assert {case["alertname"] for case in cases if case.get("exp_alerts")} == known
    assert {case["alertname"] for case in cases if not case.get("exp_alerts")} == known


def test_the_example_scrape_loads_the_rules() -> None:
    scrape = yaml.safe_load((DEPLOY / "prometheus/prometheus.yml").read_text())
    assert [(DEPLOY / "prometheus" / name).exists() for name in scrape["rule_files"]] == [True]
    assert {job["job_name"] for job in scrape["scrape_configs"]} == {"wearbase"}  # WearbaseDown asks for it by this name


def test_panels_have_a_place_of_their_own() -> None:
    taken = set[tuple[int, int]]()
    for panel in panels():
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & taken, panel["title"]
        assert at["x"] + at["w"] <= 24
        taken |= cells
    assert len({panel["id"] for panel in panels()}) == len(panels())


async def test_tokens_that_no_key_at_hand_opens_are_counted(service: Service) -> None:
    await service.connected()
    await take_census(service.world.engine)
    assert (await told(service))["wearbase_sealed_values_unopenable"] == 0
    foreign = KeyRing.from_text(KeyRing.new_key_text()).seal("a", user_id="ann", provider="whoop", kind="refresh")
    async with service.world.engine.db.transaction() as tx:
        await tx.execute("update wearbase.connection set refresh_token = %s", (foreign,))
    await take_census(service.world.engine)
    assert (await told(service))["wearbase_sealed_values_unopenable"] == 1


async def test_what_goes_wrong_is_counted(service: Service) -> None:
    world = service.world
    await service.connected()
    await take_census(world.engine)
    fine = await told(service)
    assert fine['wearbase_members{provider="whoop",state="connected"}'] == 1
    assert fine['wearbase_members_stale{provider="whoop"}'] == 0
    assert fine['wearbase_resources_failing{provider="whoop",resource="sleep"}'] == 0
    assert fine['wearbase_records_parked{provider="whoop",resource="sleep"}'] == 0
    assert fine['wearbase_queue_age_seconds{waiting="delivery"}'] == 0
    assert fine['wearbase_lines_lost_total{of="audit"}'] == fine["wearbase_defects_total"] == 0
    assert fine['wearbase_deliveries_received_total{outcome="bad_signature",provider="whoop"}'] == 0
    assert fine["wearbase_database_connections_in_use"] < fine["wearbase_database_connections_limit"] == 8
    assert "wearbase_backup_timestamp_seconds" not in fine
    service.services.readers.lost = 3
    service.app.state.metrics.note("GET", "/health/live", 500, 0.1)
    assert (await service.post("/v1/webhooks/whoop", content=b"{}")).status_code == 401
    async with world.engine.db.transaction() as tx:
        await tx.execute("update wearbase.sync_state set error = 'provider_unavailable', attempts = 3 where resource = 'sleep'")
        await tx.execute("update wearbase.sync_state set backfill_error = 'broken' where resource = 'cycle'")
        await tx.execute(
            "update wearbase.sync_state set last_success_at = last_success_at - interval '27 hours' where resource = 'workout'"
        )
        late = world.clock.now() - timedelta(seconds=600)
        await tx.execute("update wearbase.sync_state set due_at = %s, priority = 1 where resource = 'recovery'", (late,))
        await tx.execute("update wearbase.connection set refresh_attempts = 2, token_expires_at = token_expires_at - interval '2 days'")
        await tx.execute(
            "insert into wearbase.parked_record (user_id, provider, resource, external_id, reason, raw, parked_at) "
            "values ('ann', 'whoop', 'sleep', 'x', 'odd', '{}', %s)", (late,),
        )  # fmt: skip
        await tx.execute(
            "insert into wearbase.delivery (user_id, provider, dedup_key, event_type, sent_at, received_at, state) "
            "values ('ann', 'whoop', '\\x01', 'sleep.updated', %s, %s, 'open')", (late, late),
        )  # fmt: skip
    await take_census(world.engine)
    found = await told(service)
    assert found['wearbase_lines_lost_total{of="audit"}'] == 3
    assert found["wearbase_defects_total"] == 1
    assert found['wearbase_deliveries_received_total{outcome="bad_signature",provider="whoop"}'] == 1
    assert found['wearbase_members_stale{provider="whoop"}'] == 1
    assert found['wearbase_resources_failing{provider="whoop",resource="sleep"}'] == 1
    assert found['wearbase_resources_failing{provider="whoop",resource="cycle"}'] == 0
    assert found['wearbase_histories_failing{provider="whoop",resource="cycle"}'] == 1
    assert found['wearbase_records_parked{provider="whoop",resource="sleep"}'] == 1
    assert found['wearbase_grants_unknown{provider="whoop"}'] == 1
    assert found['wearbase_grants_overdue{provider="whoop"}'] == 1
    assert found['wearbase_deliveries_open{provider="whoop"}'] == 1
    assert found['wearbase_delivery_age_seconds{provider="whoop"}'] == 600
    assert found['wearbase_queue_age_seconds{waiting="delivery"}'] == 600
    assert not any("ann" in re.findall(r'"([^"]*)"', name) for name in found)


async def test_an_idle_member_is_not_stale_and_keeps_nobody_waiting(service: Service) -> None:
    await service.connected()
    service.world.clock.advance(timedelta(days=5))
    await take_census(service.world.engine)
    found = await told(service)
    assert found['wearbase_members_idle{provider="whoop"}'] == 1
    assert found['wearbase_members_stale{provider="whoop"}'] == 0


async def test_without_a_database_what_the_process_counts_is_told_all_the_same(service: Service) -> None:
    header = await service.key("ops")
    assert "wearbase_database_up 1.0" in (await service.get("/metrics", headers=header)).text
    await service.world.engine.db.close()
    book = service.services.keys
    book._read_at = float("inf")  # the keys are known still
    found = (await service.get("/metrics", headers=header)).text
    assert "wearbase_database_up 0.0" in found
    assert "wearbase_workers_alive" not in found
    assert "wearbase_http_requests_total" in found


async def test_asking_costs_no_look_at_every_member(service: Service) -> None:
    """The page is read twice a minute: only few and first rows are looked at, however many members there are."""
    async with service.world.engine.db.transaction() as tx:
        await tx.execute(
            "insert into wearbase.sync_state (user_id, provider, resource, due_at, priority) "
            "select 'm' || n, 'whoop', 'sleep', '2026-11-18', n %% 4 from generate_series(1, 20000) n", (),
        )  # fmt: skip
    async with service.world.engine.db.connection() as tx:
        await tx.execute("analyze wearbase.sync_state")
    plans = list(_scans(await _plan(service)))
    assert not [plan for plan in plans if plan["Node Type"] == "Seq Scan" and plan["Relation Name"] == "sync_state"]


async def _plan(service: Service) -> dict[str, Any]:
    from wearbase.store.work import census

    async with service.world.engine.db.connection() as tx:
        found = await rows(tx, f"explain (format json) {census._VITALS}", {"alive_since": service.world.clock.now()})
    return found[0]["QUERY PLAN"][0]["Plan"]


def _scans(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for inner in plan.get("Plans", []):
        yield from _scans(inner)
