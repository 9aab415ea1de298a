"""`wear` from outside: exit codes, one clear line, servers that stop when told."""

import json
import os
import re
import signal
import socket
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

import httpx2

from tests.e2e.processes import Home, free_port, home, wait_for, wear

CREDENTIALS = {"WHOOP_CLIENT_ID": "app", "WHOOP_CLIENT_SECRET": "client-secret-of-the-tests"}
NOBODY = "postgresql://nobody:a-secret-password@127.0.0.1:1/none"

STOPS_WITHIN_S = 60  # a hang is longer; on a busy machine each part may take the time that it is given


def command(place: Home, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    environment = {**place.environment, **settings}
    return subprocess.run(
        [wear(), *arguments], env=environment, cwd=place.folder.parent, capture_output=True, text=True, timeout=60, check=False
    )


def test_bad_settings_are_named_and_end_with_4() -> None:
    cases = [
        ({"WHOOP_CLIENT_ID": "app"}, "WHOOP_CLIENT_SECRET"),
        ({"WHOOP_CLIENT_SECRET": "hidden-value"}, "WHOOP_CLIENT_ID"),
        ({"SERVICE_API_KEY": "hidden-value"}, "SERVICE_API_KEY"),
        ({"PORT": "many"}, "PORT"),
        ({"HOST": "0.0.0.0"}, "HOST"),
    ]
    with home() as place, ThreadPoolExecutor(3) as pool:
        for (settings, name), done in zip(cases, pool.map(lambda case: command(place, "up", **case[0]), cases), strict=True):
            assert done.returncode == 4, settings
            assert name in done.stderr
            assert len(done.stderr.strip().splitlines()) == 1
            assert "hidden-value" not in done.stdout + done.stderr
            assert done.stdout == ""


def test_other_ends_have_their_own_codes() -> None:
    with home() as place, socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        unreachable = command(place, "status", DATABASE_URL=NOBODY)
        assert unreachable.returncode == 5
        assert "a-secret-password" not in unreachable.stderr
        assert len(unreachable.stderr.strip().splitlines()) == 1
        assert command(place, "day", "ann", "2026-02-30").returncode == 2
        assert command(place, "nothing").returncode == 2
        assert command(place, "day", "ann").returncode == 3
        busy = command(place, "up", PORT=port, **CREDENTIALS)
        assert (busy.returncode, f"PORT: {port}" in busy.stderr) == (4, True)
        assert command(place, "--version").stdout.startswith("wearbase ")
        checked = command(place, "doctor", "--json", DATABASE_URL=NOBODY)
        assert checked.returncode == 1
        failed = [f["name"] for f in json.loads(checked.stdout)["findings"] if f["level"] == "fail"]
        assert failed == ["database"]


def test_the_first_start_shows_a_key_once_and_interrupting_ends_well() -> None:
    with home(**CREDENTIALS) as place:
        del place.environment["SERVICE_API_KEY"]
        place.start()
        key = wait_for(lambda: re.search(r"Key +(wb_\S+)", place.log()), "a key is shown")[1]
        assert httpx2.get(f"{place.url}/api/v1/whoop/sync-status/ann", headers={"x-api-key": key}).status_code == 200
        assert httpx2.get(f"{place.url}/health/ready").json() == {"status": "ready", "demo": False}
        assert place.process is not None
        place.process.send_signal(signal.SIGINT)
        assert place.process.wait(STOPS_WITHIN_S) == 0
        place.start()
        wait_for(lambda: place.log().count("Stop with Ctrl-C") == 2, "it is up again")
        assert place.log().count("wb_") == 1
        assert place.process is not None
        place.process.send_signal(signal.SIGINT)
        time.sleep(0.02)
        place.process.send_signal(signal.SIGINT)  # a second one does not wait
        assert place.process.wait(STOPS_WITHIN_S) in (0, 130)
        assert "Traceback" not in place.log()


def test_api_and_worker_share_one_database() -> None:
    with home(**CREDENTIALS) as place:
        environment = {**place.environment, "PORT": str(free_port())}
        log = os.open(place.folder.parent / "log", os.O_WRONLY | os.O_CREAT)
        servers = [
            subprocess.Popen([wear(), name], env=environment, cwd=place.folder.parent, stdout=log, stderr=log) for name in ("api", "worker")
        ]
        os.close(log)
        headers = {"x-api-key": place.environment["SERVICE_API_KEY"]}
        url = f"http://127.0.0.1:{environment['PORT']}/health/ready"
        wait_for(lambda: httpx2.get(url, headers=headers).json()["reasons"] == {"database": "usable", "worker": "alive"}, "both are up")
        for server in servers:
            server.terminate()
        assert [server.wait(20) for server in servers] == [0, 0]
