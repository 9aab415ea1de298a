"""Samples for the contract suite: every provider's come from `tests/fixtures/<provider>/contract.json` and the files it names.

A test asks for `provider`, or for a kind of sample by its argument's name; it then runs once per provider, or once per sample.
A path such as `recoveries/*/payload` picks from the provider's examples.
"""

import copy
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from wearbase.domain.days import Dated, group_days, lone_day
from wearbase.domain.provider import Grant, Provider, Request, Response, StoredRecord
from wearbase.domain.records import Page, Record
from wearbase.domain.windows import Window
from wearbase.providers.registry import PROVIDERS

FIXTURES = Path(__file__).parents[1] / "fixtures"
NOW = datetime(2026, 11, 4, 12, 20, tzinfo=UTC)
WINDOW = Window(datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 11, 5, tzinfo=UTC))


@dataclass(frozen=True)
class Sample:
    """One sample: whose, its name in the examples, what it is of, and itself."""

    provider: Provider
    name: str
    resource: str
    value: Any


class Samples:
    """What `tests/fixtures/<provider>/` says of one provider."""

    def __init__(self, provider: Provider) -> None:
        self.provider = provider
        self.folder = FIXTURES / provider.name
        self.contract: dict[str, Any] = json.loads((self.folder / "contract.json").read_text())
        self.examples = json.loads((self.folder / self.contract["examples"]).read_text())
        told = self.contract.get("window")
        self.window = Window(*map(datetime.fromisoformat, told)) if told else WINDOW

    def pick(self, *paths: str) -> Iterator[tuple[str, Any]]:
        """Every (name, value) in the examples at those paths; a path that picks nothing is an error."""
        for path in paths:
            found = list(_walk(self.examples, path.split("/"), ""))
            assert found, f"{self.provider.name}: nothing at {path}"
            yield from found

    def one(self, path: str) -> Any:
        """The one value at a path."""
        [(_, value)] = self.pick(path)
        return value

    def records(self) -> Iterator[Sample]:
        """Every wire record of the examples."""
        for resource, paths in self.contract["records"].items():
            yield from (Sample(self.provider, name, resource, value) for name, value in self.pick(*paths))

    def parked(self) -> Iterator[Sample]:
        """Wire records spoilt on purpose, each with the path that the reason must name."""
        for case in self.contract["parked"]:
            raw = copy.deepcopy(self.one(case["from"]))
            for path, value in case.get("put", {}).items():
                _parent(raw, path)[path.rsplit(".")[-1]] = value
            if removed := case.get("remove"):
                del _parent(raw, removed)[removed.rsplit(".")[-1]]
            spoilt = [*case.get("put", {}).values(), "removed"][0]
            yield Sample(self.provider, f"{case['resource']} {case['at']} {spoilt}", case["resource"], (raw, case["at"]))

    def stated(self) -> Iterator[Sample]:
        """Every wire record of a provider that says on the wire whether it has scored it."""
        return self.records() if "score_states" not in self.contract else iter(())

    def cases(self, section: str) -> Iterator[Sample]:
        """The entries of a list in contract.json."""
        for i, case in enumerate(self.contract[section]):
            name = f"{case.get('from', i)} {case.get('status', '')}".strip()
            yield Sample(self.provider, name, section, case)

    def by_id(self) -> Iterator[Sample]:
        yield from (Sample(self.provider, resource, resource, case) for resource, case in self.contract["by_id"].items())

    def alike(self) -> Iterator[Sample]:
        for resource, one, other in self.contract["alike"]:
            yield Sample(self.provider, one, resource, (self.one(one), self.one(other)))

    def accepted(self) -> Iterator[Sample]:
        """Deliveries that the provider signed, headers in lower case."""
        for name, hook in self.pick(*self.contract["webhooks"]["accepted"]):
            if isinstance(hook, dict):
                yield Sample(self.provider, name, "", (*self._posted(hook), hook[self._member("payload")]))

    def rejected(self) -> Iterator[Sample]:
        """Deliveries signed in a way that is not the provider's."""
        hooks = self.contract["webhooks"]
        for name, case in self.pick(*hooks["rejected"]):
            told = {header: case[member] for header, member in hooks.get("rejected_headers", {}).items()}
            yield Sample(self.provider, case.get("why", name), "", self._posted({"headers": told, **case}))

    def _posted(self, hook: dict[str, Any]) -> tuple[dict[str, str], bytes]:
        return {k.lower(): v for k, v in hook["headers"].items()}, hook[self._member("raw_body")].encode()

    def _member(self, name: str) -> str:
        """What the examples call a part of a delivery."""
        return self.contract["webhooks"].get("names", {}).get(name, name)

    def bodies(self, section: str, key: str) -> Iterator[Sample]:
        for i, body in enumerate(self.contract[section][key]):
            yield Sample(self.provider, str(i), section, body.encode())

    @property
    def secret(self) -> str:
        return self.one(self.contract["webhooks"]["secret"])

    def signed_at(self, headers: dict[str, str]) -> datetime:
        """When a sample delivery was signed; now, where the provider does not say."""
        told = self.contract["webhooks"]
        for key, unit in (("signed_at_ms", timedelta(milliseconds=1)), ("signed_at_s", timedelta(seconds=1))):
            if key in told:
                return datetime.fromtimestamp(0, UTC) + int(headers[told[key]]) * unit
        return NOW

    @property
    def is_dated(self) -> bool:
        """Whether a delivery says when it was signed."""
        return bool({"signed_at_ms", "signed_at_s"} & self.contract["webhooks"].keys())

    def page_body(self, records: list[Any], token: str | None = None) -> bytes:
        """A page as the provider would send it."""

        def fill(part: Any) -> Any:
            if isinstance(part, dict):
                return {name: fill(value) for name, value in part.items()}
            return {"$records": records, "$token": token}.get(part, part) if isinstance(part, str) else part

        return json.dumps(fill(self.contract["page"])).encode()

    def in_page(self, body: dict[str, Any], what: str) -> Any:
        """The `$records` or the `$token` of a page of the provider's own."""
        [member] = [name for name, stands_for in self.contract["page"].items() if stands_for == what]
        return body[member]

    async def map(self, resource: str, *raws: Any) -> Page:
        """Those wire records through the provider's own page function."""
        declared = self.provider.resource(resource)
        assert declared
        return await declared.read_page(FakeSend(self.provider, Response(200, {}, self.page_body(list(raws)))), self.window, None)

    def grant(self, response: Response) -> Grant:
        """What a token answer gives, however members are joined."""
        return self.provider.account.token(response) if self.provider.joined_by == "account" else self.provider.oauth.grant(response)

    async def day(self) -> tuple[date, list[StoredRecord]]:
        """One full day's records, as the store would give them back."""
        told = self.contract["day"]
        picked = [(resource, [value for _, value in self.pick(*paths)]) for resource, paths in told["records"].items()]
        records = [record for resource, raws in picked for record in (await self.map(resource, *raws)).records]
        return date.fromisoformat(told["date"]), stored(records)


class FakeSend:
    """Answers from a list through the provider's own `check`; remembers what was asked."""

    def __init__(self, provider: Provider, *answers: Response) -> None:
        self.provider, self.answers, self.requests = provider, list(answers), list[Request]()

    async def __call__(self, request: Request) -> Response:
        self.requests.append(request)
        return self.provider.rules.check(self.answers.pop(0), now=NOW)


def stored(records: list[Record]) -> list[StoredRecord]:
    """Mapped records with the days that the day rule gives them."""
    dated = [
        Dated(
            resource=r.resource, external_id=r.external_id, dating=r.dating, start_at=r.start_at, end_at=r.end_at,
            utc_offset_min=r.utc_offset_min, given_day=r.given_day, parent_id=r.parent_id,
        )
        for r in records
    ]  # fmt: skip
    groups = {r.group_id: [d for d, of in zip(dated, records, strict=True) if of.group_id == r.group_id] for r in records if r.group_id}
    days = {key: day for group in groups.values() for key, day in group_days(group).items()}
    found = [days.get((d.resource, d.external_id)) if r.group_id else lone_day(d) for d, r in zip(dated, records, strict=True)]
    return [
        StoredRecord(
            resource=r.resource, external_id=r.external_id, group_id=r.group_id, parent_id=r.parent_id, dating=r.dating,
            start_at=r.start_at, end_at=r.end_at, utc_offset_min=r.utc_offset_min, day=day, revision_at=r.revision.at,
            score_state=r.score_state, values=r.values,
        )
        for r, day in zip(records, found, strict=True) if day
    ]  # fmt: skip


def _walk(node: Any, steps: list[str], name: str) -> Iterator[tuple[str, Any]]:
    if not steps:
        yield name.strip("/"), node
        return
    step, *rest = steps
    members = list(node.items()) if isinstance(node, dict) else [(str(i), v) for i, v in enumerate(node)] if isinstance(node, list) else []
    for key, value in members:
        if step in ("*", key) or (step == "*_*" and "_" in key):
            yield from _walk(value, rest, f"{name}/{key}")


def _parent(raw: dict[str, Any], path: str) -> dict[str, Any]:
    for step in path.split(".")[:-1]:
        raw = raw[step]
    return raw


ALL = [Samples(p) for p in PROVIDERS.values()]
# Who a test is for, by its argument: every provider, or those of one kind.
GROUPS: dict[str, Callable[[Samples], bool]] = {
    "samples": lambda s: True,
    "joined_by_consent": lambda s: s.provider.joined_by == "oauth",
    "joined_by_account": lambda s: s.provider.joined_by == "account",
    "paged_by_token": lambda s: "token_parameter" in s.contract["paging"],
    "paged_by_slices": lambda s: "token_parameter" not in s.contract["paging"],
    "known_by_own_id": lambda s: "ids" in s.contract,
}
KINDS: dict[str, Callable[[Samples], Iterator[Sample]]] = {
    "record_sample": Samples.records,
    "parked_sample": Samples.parked,
    "stated_sample": Samples.stated,
    "alike_sample": Samples.alike,
    "by_id_sample": Samples.by_id,
    "answer_sample": lambda s: s.cases("answers"),
    "grant_sample": lambda s: s.cases("grants"),
    "quota_sample": lambda s: s.cases("quota"),
    "no_quota_sample": lambda s: s.cases("no_quota"),
    "broken_page": lambda s: s.bodies("paging", "broken"),
    "accepted_delivery": Samples.accepted,
    "rejected_delivery": Samples.rejected,
    "malformed_delivery": lambda s: s.bodies("webhooks", "malformed"),
    "unknown_delivery": lambda s: s.bodies("webhooks", "unknown"),
}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One run per provider or sample, by the names of a test's arguments."""
    for group, has in GROUPS.items():
        if group in metafunc.fixturenames and not KINDS.keys() & set(metafunc.fixturenames):
            chosen = [s for s in ALL if has(s)]
            metafunc.parametrize(group, chosen, ids=[s.provider.name for s in chosen])
    for kind, of in KINDS.items():
        if kind in metafunc.fixturenames:
            cases = [(sample, samples) for samples in ALL for sample in of(samples)]
            ids = [f"{sample.provider.name}-{sample.name}" for sample, _ in cases]
            if "samples" in metafunc.fixturenames:
                metafunc.parametrize((kind, "samples"), cases, ids=ids)
            else:
                metafunc.parametrize(kind, [sample for sample, _ in cases], ids=ids)


@pytest.fixture
def provider(samples: Samples) -> Provider:
    return samples.provider


@pytest.fixture
def fake_send() -> type[FakeSend]:
    return FakeSend


@pytest.fixture
def now() -> datetime:
    return NOW


@pytest.fixture
def window(samples: Samples) -> Window:
    return samples.window
