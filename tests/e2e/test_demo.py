"""`wear up --demo` as a newcomer meets it: ready, a day, an event that changes it, the other commands beside it."""

import json
import re
import shlex
import subprocess
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx2
import pytest

from tests.e2e.processes import Home, approve, home, wait_for, wear

READY = "Stop with Ctrl-C"


@pytest.fixture(scope="module")
def demo() -> Iterator[Home]:
    """A demo that has read its history."""
    with home() as place:
        del place.environment["SERVICE_API_KEY"]
        place.start()
        wait_for(lambda: READY in place.log(), "the history is there")
        yield place
        assert place.stop() == 0
        assert "Traceback" not in place.log()


def command(place: Home, *arguments: str, typed: str = "", **settings: str) -> subprocess.CompletedProcess[str]:
    """One short `wear` command, on the same settings."""
    environment = {**place.environment, **settings}
    return subprocess.run(
        [wear(), *arguments], env=environment, cwd=place.folder.parent, input=typed, capture_output=True, text=True, timeout=60, check=False
    )


def printed_calls(place: Home) -> list[tuple[dict[str, str], str, str]]:
    """Headers, body and address of the `curl` lines that were printed, in order."""
    calls = []
    for line in re.findall(r"^ +(curl .+)$", place.log(), re.MULTILINE):
        words = shlex.split(line)[1:]
        options = dict(zip(words[:-1:2], words[1:-1:2], strict=True))
        name, _, text = options["-H"].partition(": ")
        calls.append(({name: text}, options.get("-d", ""), words[-1]))
    return calls


def ask(place: Home) -> dict[str, Any]:
    """What the first printed line answers."""
    headers, _, url = printed_calls(place)[0]
    answer = httpx2.get(url, headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_it_says_that_it_is_a_demo(demo: Home) -> None:
    assert httpx2.get(f"{demo.url}/health/ready").json() == {"status": "ready", "demo": True}
    assert "DEMO" in demo.log()
    assert demo.folder.with_name("data-demo").is_dir()
    assert not demo.folder.exists()


def test_its_secrets_are_private_and_not_on_any_command_line(demo: Home) -> None:
    kept_file = demo.folder.with_name("data-demo") / "demo.json"
    assert kept_file.stat().st_mode & 0o077 == 0
    kept = json.loads(kept_file.read_text())
    lines = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    assert not [name for name in ("service_key", "client_secret", "control_token") if kept[name] in lines]


def test_the_printed_line_answers_today(demo: Home) -> None:
    day = ask(demo)
    assert day["user_id"] == "demo"
    assert day["recovery"]["score_state"] == "SCORED"
    assert day["cycle"]["is_open"] is True
    assert day["sync"]["state"] == "ok"


@contextmanager
def signed_in(place: Home, address: str) -> Iterator[httpx2.Client]:
    """A browser that has opened a sign-in address."""
    origin, _, link = address.partition("/app/sign-in#")
    assert origin == place.url
    with httpx2.Client(base_url=origin, headers={"x-wearbase": "app", "origin": origin}) as browser:
        answer = browser.post("/app/session", json={"link": link})
        assert answer.status_code == 200, answer.text
        yield browser


def test_the_printed_address_signs_in_once(demo: Home) -> None:
    address = re.findall(r"^ +(http\S+/app/sign-in#\S+)$", demo.log(), re.MULTILINE)[0]
    with signed_in(demo, address) as browser:
        session = browser.get("/app/session").json()
        assert (session["user_id"], session["is_demo"], session["sources"]) == ("demo", True, ["whoop"])
        assert browser.get("/api/v1/app/demo/day").json()["day"]["recovery"]["score_state"] == "SCORED"
        again = browser.post("/app/session", json={"link": address.partition("#")[2]})
        assert again.json()["error"]["code"] == "link_used"


def test_another_address_is_had_from_the_command_line(demo: Home) -> None:
    made = command(demo, "link", "demo", "--json")
    assert made.returncode == 0, made.stderr
    with signed_in(demo, json.loads(made.stdout)["url"]) as browser:
        assert browser.get("/api/v1/app/demo/month", params={"month": "2026-05"}).status_code == 200
    assert command(demo, "link", "demo").stdout.strip().splitlines()[-1].startswith(f"{demo.url}/app/sign-in#")
    assert command(demo, "link", "a b").returncode == 2


def test_everything_is_taken_away_in_one_file(demo: Home) -> None:
    path = demo.folder.with_name("mine.zip")
    made = command(demo, "user", "export", "demo", "--to", str(path), "--json")
    assert made.returncode == 0, made.stderr
    assert json.loads(made.stdout) == {"user_id": "demo", "file": str(path), "bytes": path.stat().st_size}
    assert path.stat().st_mode & 0o077 == 0
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        files = {file["name"]: file["rows"] for file in json.loads(archive.read("manifest.json"))["files"]}
    assert files["days/whoop.jsonl"] > 100
    assert files["records/whoop/recovery.csv"] > 100
    again = command(demo, "user", "export", "demo", "--to", str(path))
    assert (again.returncode, again.stderr.startswith("wear: ")) == (2, True)
    assert not path.with_name("mine.zip.part").exists()


def test_an_event_at_the_provider_changes_the_day(demo: Home) -> None:
    before = ask(demo)
    headers, body, url = printed_calls(demo)[1]
    assert httpx2.post(url, headers=headers, content=body).status_code == 200
    after = wait_for(lambda: (day := ask(demo))["workouts"] != before["workouts"] and day, "the workout arrives", patience_s=10)
    assert len(after["workouts"]) == len(before["workouts"]) + 1
    assert after["workouts"][-1]["sport"] == "running"


def test_a_second_one_on_the_folder_is_refused_by_name_and_process(demo: Home) -> None:
    assert demo.process is not None
    refused = command(demo, "up", "--demo", PORT="0")
    assert refused.returncode == 4
    assert "`wear up`" in refused.stderr
    assert str(demo.process.pid) in refused.stderr


def test_a_public_address_is_refused(demo: Home) -> None:
    refused = command(demo, "up", "--demo", HOST="0.0.0.0", DATA_DIR=str(demo.folder.with_name("other")))
    assert refused.returncode == 4
    assert refused.stderr.startswith("wear: HOST")


def test_other_commands_attach_to_it(demo: Home) -> None:
    status = command(demo, "status", "demo", "--json")
    assert status.returncode == 0, status.stderr
    found = json.loads(status.stdout)
    assert found["is_demo"] is True
    assert found["sources"]["whoop"]["state"] == "ok"
    assert found["sources"]["whoop"]["days_stored"] > 100
    day = command(demo, "day", "demo", "--json")
    assert {k: v for k, v in json.loads(day.stdout).items() if k not in ("sync", "last_sync")} == {
        k: v for k, v in ask(demo).items() if k not in ("sync", "last_sync")
    }
    assert json.loads(command(demo, "doctor", "--json").stdout)["ok"] is True


def days_stored(demo: Home, user_id: str) -> int:
    return json.loads(command(demo, "status", user_id, "--json").stdout)["sources"]["whoop"]["days_stored"]


def test_a_member_is_connected_pulled_and_erased_by_commands(demo: Home) -> None:
    kept = json.loads((demo.folder.with_name("data-demo") / "demo.json").read_text())
    joining = subprocess.Popen(
        [wear(), "connect", "anna", "--no-browser"], env=demo.environment, cwd=demo.folder.parent, stdout=subprocess.PIPE, text=True
    )
    assert joining.stdout is not None
    url = next(line.strip() for line in joining.stdout if line.startswith("http"))
    state = httpx2.URL(url).params["state"]
    body = {"code": approve(url, (kept["account"] % 10) + 1), "state": state}
    answer = httpx2.post(f"{demo.url}/v1/oauth/callback", headers={"x-api-key": kept["service_key"]}, json=body)
    assert answer.status_code == 200, answer.text
    assert joining.wait(30) == 0
    assert "is connected" in joining.stdout.read()
    joining.stdout.close()

    pulled = command(demo, "pull", "anna", "--resource", "sleep", "--json")
    assert pulled.returncode == 0, pulled.stderr
    answer = json.loads(pulled.stdout)
    assert list(answer["synced"]) == ["sleep"]
    assert answer["errors"] == {}
    assert answer["total_api_calls"] >= 1
    again = command(demo, "pull", "anna")
    assert (again.returncode, again.stdout) == (1, "")

    asked = {"url": f"{demo.url}/api/v1/whoop/sync-status/anna", "headers": {"x-api-key": kept["service_key"]}}
    wait_for(lambda: httpx2.get(**asked).json()["days_stored"] > 100, "the history is read")
    stored = days_stored(demo, "anna")
    assert stored > 100
    refused = command(demo, "user", "erase", "anna")
    assert refused.returncode == 2
    assert "--yes" in refused.stderr
    erased = command(demo, "user", "erase", "anna", "--yes", "--json")
    receipt = json.loads(erased.stdout)
    assert receipt.pop("days") >= stored
    assert receipt.pop("records") > 3 * stored
    assert receipt.pop("at").endswith("Z")
    assert receipt == {"user_id": "anna", "erased": True, "connections_ended": 1, "revoked": True}
    assert command(demo, "status", "anna").returncode == 3


def test_keys_are_made_listed_and_revoked(demo: Home) -> None:
    made = json.loads(command(demo, "keys", "create", "--name", "app", "--scope", "read", "--expires", "90d", "--json").stdout)
    headers = {"x-api-key": made["key"]}
    assert httpx2.get(f"{demo.url}/api/v1/whoop/sync-status/demo", headers=headers).status_code == 200
    listed = json.loads(command(demo, "keys", "list", "--json").stdout)["keys"]
    assert [key["prefix"] for key in listed] == [made["prefix"]]
    assert made["key"] not in json.dumps(listed)
    assert command(demo, "keys", "revoke", made["prefix"]).returncode == 0
    wait_for(
        lambda: httpx2.get(f"{demo.url}/api/v1/whoop/sync-status/demo", headers=headers).status_code == 401, "it is refused", patience_s=5
    )
    assert command(demo, "keys", "revoke", made["prefix"]).returncode == 1
