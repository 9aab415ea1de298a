"""Every operation of the OpenAPI document, with inputs that it allows and inputs that it does not, from every kind of caller.

Whatever is asked by whomever: no defect, only documented answers, each as the document says.
"""

from datetime import timedelta
from typing import Any
from urllib.parse import unquote, urlsplit

import httpx2
import pytest
import pytest_asyncio
import requests
import schemathesis
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import load_all_checks, not_a_server_error
from schemathesis.generation.case import Case
from schemathesis.specs.openapi import checks

from tests.integration.api.conftest import BASE, SCOPES
from tests.integration.attacks.arena import FROM_APP, Arena, Headers
from tests.integration.attacks.test_matrix import DOORS, ENDS_SESSIONS

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.usefixtures("quiet")]

PAGES = ("/auth/", "/docs", "/openapi.json", "/ops", "/app", "GET /v1/oauth/callback", "/v1/webhooks/oura")
IN_DOCUMENT = ("/ops/session", "/app/session", "/app/opening")
CHECKS = [
    not_a_server_error, checks.status_code_conformance, checks.content_type_conformance, checks.response_headers_conformance,
    checks.response_schema_conformance,
]  # fmt: skip
# Not made smaller when one fails: that would take minutes, and what is printed is small enough.
BOUNDED = settings(max_examples=6, derandomize=True, database=None, deadline=None, phases=[Phase.generate])
SOURCES = ("whoop", "sahha", "oura")


def is_page(route: str) -> bool:
    path = route.split()[1]
    return not path.startswith(IN_DOCUMENT) and (route in PAGES or path.startswith(tuple(p for p in PAGES if p.startswith("/"))))


# What ends something comes last.
OPERATIONS = sorted((route for route in DOORS if not is_page(route)), key=lambda route: route.startswith("DELETE"))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def lively(everybody: Arena) -> Arena:
    """With a member whose days are stored."""
    await everybody.service.connected("ann")
    return everybody


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def document(lively: Arena) -> Any:
    load_all_checks()
    answer = await lively.call("GET", "/openapi.json", await lively.key("read"))
    return schemathesis.openapi.from_dict(answer.json())


async def callers(arena: Arena, route: str) -> dict[str, Headers]:
    """Who calls: where nobody is asked, one is enough."""
    if DOORS[route].asks in ("open", "signature", "app's page"):
        return {"nobody": FROM_APP}
    return {
        "a key": await arena.key(*SCOPES), "a reader's key": await arena.key("read"), "the member": arena.token("ann"),
        "the provider's member": arena.identity("ann"), "a session": {**await arena.session("ann"), **FROM_APP},
        "an operator": {**await arena.operator(), **FROM_APP}, "nobody": {},
    }  # fmt: skip


async def answered(arena: Arena, case: Case, headers: Headers) -> httpx2.Response:
    """The answer to a case, as the tool would have sent it."""
    prepared = requests.Request(**case.as_transport_kwargs(base_url=BASE)).prepare()
    parts, body = urlsplit(prepared.url or ""), prepared.body or b""
    assert isinstance(body, bytes | str)
    sent = {name.lower(): value for name, value in prepared.headers.items() if name.lower() not in ("cookie", "content-length")} | headers
    path, pairs = unquote(parts.path, errors="replace"), [(_bytes(name), _bytes(value)) for name, value in sent.items()]
    answer = await arena.raw(case.method.upper(), path, parts.query.encode(), pairs, _bytes(body))
    answer.request, answer.elapsed = httpx2.Request(case.method, f"{BASE}{parts.path}"), timedelta()
    return answer


def _bytes(text: str | bytes) -> bytes:
    return text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass")


@pytest.mark.parametrize("route", OPERATIONS)
@BOUNDED
@given(data=st.data())
async def test_every_answer_is_as_the_document_says(lively: Arena, document: Any, route: str, data: st.DataObject) -> None:
    method, path = route.split()
    operation = document[path][method]
    mode = data.draw(st.sampled_from([GenerationMode.POSITIVE, GenerationMode.NEGATIVE]))
    case: Case = data.draw(operation.as_strategy(generation_mode=mode))
    if data.draw(st.integers(0, 3)):  # mostly about somebody who is there
        for place in (case.path_parameters, case.query):
            if place and "user_id" in place:
                place["user_id"] = "ann"
        if "provider" in (case.path_parameters or {}):
            case.path_parameters["provider"] = data.draw(st.sampled_from(SOURCES))
    who = await callers(lively, route)
    for kind in who:
        if route in ENDS_SESSIONS:
            who = await callers(lively, route)
        answer = await answered(lively, case, who[kind])
        # The tool would have the schema of a stream describe each event; here it is the text.
        case.validate_response(answer, checks=CHECKS[:-1] if "/stream" in route else CHECKS)
        if answer.status_code >= 400 and method != "HEAD":
            assert {"code", "message", "request_id"} <= set(answer.json()["error"]), kind


async def test_every_operation_of_the_document_is_asked(document: Any) -> None:
    described = {f"{method.upper()} {path}" for path in document for method in document[path]}
    assert described == set(OPERATIONS)
