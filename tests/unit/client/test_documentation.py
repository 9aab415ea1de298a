"""The examples of the documentation run as they are written."""

import re
from pathlib import Path

import httpx2
import pytest

PAGE = Path(__file__).parents[3] / "docs" / "python-client.md"
EXAMPLES = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
PRINTED = ["Recovery 66 %, HRV 58.31 ms", "running 6412.0", "Open within 300 s", "1530000101 52.0", "sleep None None"]


@pytest.fixture
def _a_service(monkeypatch, day_body):
    start = {"user_id": "member-42", "authorization_url": "https://provider.test/auth", "state": "s", "expires_in": 300}
    bodies = {
        "daily-data": day_body,
        "days": [day_body],
        "connect": start,
        "workouts": {"records": day_body["workouts"], "next_cursor": None},
        "recovery": {"records": [day_body["recovery"]], "next_cursor": None},
        "sync": {"synced": {"recovery": 1, "sleep": 2}, "total_api_calls": 2},
        "sync-status": {"user_id": "member-42", "state": "ok", "resources": {"sleep": {"error": None}}},
    }

    def answer(_: object, request: httpx2.Request) -> httpx2.Response:
        parts = request.url.path.split("/")
        return httpx2.Response(200, json=bodies[parts[-1] if parts[1] == "v1" else parts[4]])

    async def answer_async(transport: object, request: httpx2.Request) -> httpx2.Response:
        return answer(transport, request)

    monkeypatch.setattr(httpx2.HTTPTransport, "handle_request", answer)
    monkeypatch.setattr(httpx2.AsyncHTTPTransport, "handle_async_request", answer_async)
    monkeypatch.setenv("WEARBASE_URL", "https://wearbase.test")
    monkeypatch.setenv("WEARBASE_API_KEY", "key")


@pytest.mark.usefixtures("_a_service")
@pytest.mark.parametrize(("example", "printed"), list(zip(EXAMPLES, PRINTED, strict=True)))
def test_the_examples_run(example, printed, capsys):
    exec(compile(example, PAGE.name, "exec"), {"__name__": "example"})
    assert printed in capsys.readouterr().out
