"""What every test may ask for: databases, a browser. What cannot be had fails the run at its end; nothing is skipped."""

import os
from collections import defaultdict
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
import structlog

from tests.servers import Server, embedded_server
from tools.needs import NEEDS, find_browser, install_command, left_out, missing

TESTS = Path(__file__).parent
FIXTURES_NEED = {"chromium_path": "browser"}
# Half a minute or so each, with few tests: begun last, one of them would leave the other processes of a divided run with nothing to do.
LONGEST = (
    "e2e/test_many_processes.py",
    "integration/storm/test_storm.py",
    "integration/test_simulated_day.py",
    "e2e/test_demo_ends.py",
    "e2e/test_crash.py",
    "e2e/test_two_services.py",
    "e2e/test_cli.py",
    "integration/engine/test_many_connecting.py",
)
_left_out: dict[str, int] = defaultdict(int)
_missing: dict[str, int] = defaultdict(int)


@pytest.fixture(autouse=True)
def _log_of_its_own(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What a command sets for its log ends with the test: loggers that kept it would write to its closed streams ever after."""
    configure = structlog.configure
    monkeypatch.setattr(structlog, "configure", lambda **given: configure(**{**given, "cache_logger_on_first_use": False}))
    yield
    structlog.reset_defaults()


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """The embedded PostgreSQL of this run, in a folder of its own."""
    with embedded_server() as running:
        yield running


@pytest.fixture
def database_url(server: Server) -> Iterator[str]:
    """A fresh migrated database on the embedded PostgreSQL, for one test."""
    with server.database() as url:
        yield url


@pytest.fixture(scope="module")
def module_database_url(server: Server) -> Iterator[str]:
    """A fresh migrated database, shared by the tests of one file."""
    with server.database() as url:
        yield url


@pytest.fixture
def empty_database_url(server: Server) -> Iterator[str]:
    """A fresh database without any migration."""
    with server.database(is_migrated=False) as url:
        yield url


@pytest.fixture(scope="session")
def chromium_path() -> Path:
    """The browser, for Playwright's `executable_path`."""
    found = find_browser()
    assert found is not None, "deselected without a browser"
    return found


@pytest.fixture(scope="session")
def chromium_args() -> list[str]:
    """Arguments for a browser that keeps to this machine; root has no sandbox."""
    quiet = ["--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update"]
    return [*quiet, "--disable-sync", *(["--no-sandbox"] if os.geteuid() == 0 else [])]


def pytest_configure(config: pytest.Config) -> None:
    try:
        left_out()
    except ValueError as error:
        raise pytest.UsageError(str(error)) from None


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Takes out what cannot run here, and remembers why."""
    chosen_out = left_out()
    not_here = {need.name for need in missing(name for name in NEEDS if name not in chosen_out)}
    kept, taken = [], []
    for item in items:
        needs = _needs_of(item)
        for name in needs & chosen_out:
            _left_out[name] += 1
        for name in needs & not_here:
            _missing[name] += 1
        (taken if needs & (chosen_out | not_here) else kept).append(item)
    items[:] = sorted(kept, key=_is_begun_later)
    if taken:
        config.hook.pytest_deselected(items=taken)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: object, error: object) -> None:
    """Every process of a divided run collects all tests: what one of them left out, each did."""
    output: dict[str, dict[str, int]] = getattr(node, "workeroutput", {})
    _left_out.update(output.get("left_out", {}))
    _missing.update(output.get("missing", {}))


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    output: dict[str, dict[str, int]] | None = getattr(session.config, "workeroutput", None)
    if output is not None:
        output.update(left_out=dict(_left_out), missing=dict(_missing))
        return
    if _missing and exitstatus in {pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED}:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> Generator[None, None, None]:
    """Says at the very end what did not run."""
    yield
    for name, count in _left_out.items():
        terminalreporter.write_line(f"Left out as asked (WITHOUT): {count} tests that need {NEEDS[name].title}", yellow=True)
    if not _missing:
        return
    for name, count in _missing.items():
        terminalreporter.write_line(f"FAILED: {count} tests could not run without {NEEDS[name].title}", red=True)
    terminalreporter.write_line(f"Run:  {install_command(NEEDS[name] for name in _missing)}", red=True)
    terminalreporter.write_line(f'or leave them out:  make test WITHOUT="{" ".join(_missing)}"', red=True)


def _is_begun_later(item: pytest.Item) -> bool:
    return item.path.relative_to(TESTS).as_posix() not in LONGEST


def _needs_of(item: pytest.Item) -> set[str]:
    fixtures = getattr(item, "fixturenames", ())
    return {mark.name for mark in item.iter_markers() if mark.name in NEEDS} | {
        FIXTURES_NEED[name] for name in fixtures if name in FIXTURES_NEED
    }
