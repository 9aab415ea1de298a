"""Exit codes and the one line that goes with them."""

import asyncio
import json
import os
import signal
import sys
from contextlib import nullcontext
from typing import Any

import pytest
from typer.testing import CliRunner

from wearbase.cli import main, servers, session
from wearbase.cli.custody import copies
from wearbase.cli.exits import Code, Stop, code_of
from wearbase.cli.main import app, report_defect
from wearbase.domain import errors

COMMANDS = (
    "up",
    "connect",
    "link",
    "status",
    "day",
    "pull",
    "disconnect",
    "user",
    "keys",
    "budget",
    "grants",
    "doctor",
    "api",
    "worker",
    "db",
    "audit",
    "backup",
    "restore",
    "new-provider",
    "sim",
)


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    """No setting of this machine, and no `.env`."""
    monkeypatch.chdir(tmp_path)
    for name in ("WHOOP_CLIENT_ID", "WHOOP_CLIENT_SECRET", "DATABASE_URL", "SERVICE_API_KEY", "HOST", "ENVIRONMENT"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.SettingsError(), 4),
        (errors.DatabaseUnavailable(), 5),
        (errors.ReauthorizationRequired(), 3),
        (errors.BadRequest(), 2),
        (errors.NotFound(), 1),
        (errors.TooManyRequests(), 1),
        (errors.ProviderUnavailable(), 1),
    ],
)
def test_every_error_has_a_code(error: errors.WearbaseError, code: int) -> None:
    assert code_of(error) == code


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (errors.DatabaseUnavailable("It is away."), 5, "wear: It is away.\n"),
        (Stop("Not connected.", Code.NOT_CONNECTED), 3, "wear: Not connected.\n"),
        (KeyboardInterrupt(), 130, "wear: interrupted\n"),
    ],
)
def test_a_failed_command_says_one_line(monkeypatch: pytest.MonkeyPatch, error: BaseException, code: int, line: str) -> None:
    def fail(*arguments: Any, **more: Any) -> Any:
        raise error

    monkeypatch.setattr(session, "load", fail)
    done = CliRunner().invoke(app, ["keys", "list"])
    assert (done.exit_code, done.stdout, done.stderr) == (code, "", line)


def test_a_bad_setting_is_named_before_anything_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WHOOP_CLIENT_ID", "app")
    for arguments in (["up"], ["api"], ["worker"], ["status"], ["pull", "ann"]):
        done = CliRunner().invoke(app, arguments)
        assert done.exit_code == 4
        assert "WHOOP_CLIENT_SECRET" in done.stderr
    found = json.loads(CliRunner().invoke(app, ["doctor", "--json"]).stdout)
    assert (found["ok"], found["findings"][0]["name"]) == (False, "settings")


def test_the_demo_is_refused_on_a_public_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOST", "0.0.0.0")
    done = CliRunner().invoke(app, ["up", "--demo"])
    assert done.exit_code == 4
    assert done.stderr.startswith("wear: HOST")


def test_help_names_every_command() -> None:
    done = CliRunner().invoke(app, ["--help"])
    assert done.exit_code == 0
    assert not [name for name in COMMANDS if f"  {name} " not in done.stdout]


@pytest.mark.parametrize("arguments", [["nothing"], ["day"], ["keys", "create"], ["status", "--nothing"], ["day", "ann", "tomorrow"]])
def test_misuse_ends_with_2(arguments: list[str]) -> None:
    assert CliRunner().invoke(app, arguments).exit_code == 2


def test_erasing_asks_and_without_a_terminal_refuses() -> None:
    for arguments in (["user", "erase", "ann"], ["disconnect", "ann", "--erase"]):
        done = CliRunner().invoke(app, arguments)
        assert done.exit_code == 2
        assert "--yes" in done.stderr


@pytest.mark.parametrize(("command", "step"), [("backup", "dump"), ("restore", "put_back")])
def test_a_copy_that_is_told_to_stop_puts_things_in_order_first(monkeypatch: pytest.MonkeyPatch, command: str, step: str) -> None:
    """As systemd, a container engine and Kubernetes tell it: with SIGTERM."""
    put_in_order = list[str]()

    def told_to_stop(*given: Any, **named: Any) -> None:
        try:
            os.kill(os.getpid(), signal.SIGTERM)
        finally:
            put_in_order.append(step)

    monkeypatch.setattr(copies, "_direct", lambda choice: nullcontext("postgresql://"))
    monkeypatch.setattr(copies, step, told_to_stop)
    before = signal.signal(signal.SIGTERM, lambda number, frame: pytest.fail("it would have ended in the middle"))
    try:
        ended = CliRunner().invoke(app, [command, "a.backup"])
    finally:
        signal.signal(signal.SIGTERM, before)
    assert (ended.exit_code, put_in_order) == (Code.INTERRUPTED, [step])


def test_the_simulator_is_given_its_own_options(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[list[str]] = []
    monkeypatch.setattr(servers.simulator, "become", given.append)
    assert CliRunner().invoke(app, ["sim", "--port", "0", "--help"]).exit_code == 0
    assert given == [["--port", "0", "--help"]]


def test_a_defect_is_told_without_its_values(capsys: pytest.CaptureFixture[str]) -> None:
    try:
        raise KeyError("a-secret-value")
    except KeyError as error:
        report_defect(type(error), error, sys.exc_info()[2])
    said = capsys.readouterr().err
    assert said.startswith(f"{main.LEADING}a defect of wearbase: KeyError in test_a_defect")
    assert "a-secret-value" not in said
    assert "Traceback" not in said


def test_sigterm_ends_a_command_as_ctrl_c_does() -> None:
    """What it had begun is tidied up: a file half written, a database that it had started."""
    seen: list[str] = []

    async def work() -> None:
        try:
            os.kill(os.getpid(), signal.SIGTERM)
            await asyncio.sleep(60)
        finally:
            seen.append("tidied up")

    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt):
        session.run(work())
    assert seen == ["tidied up"]
    assert signal.getsignal(signal.SIGTERM) is before
