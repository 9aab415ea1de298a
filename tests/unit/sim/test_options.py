"""Options: from the command line, from the environment, and what they refuse; and the same steps give the same bytes."""

import signal
import subprocess
import sys

import pytest

from tests.unit.sim.harness import PATHS, Sim
from wearbase_sim.options import BadOption, Options, from_args


def test_defaults_are_the_provider_s() -> None:
    options = from_args([], {})
    assert options == Options()
    assert (options.host, options.port, options.quota_minute, options.quota_day) == ("127.0.0.1", 8100, 100, 10_000)
    assert (options.nulls, options.percent_recorded, options.v1_id, options.step_count) == ("explicit", "fraction", "null", "present")
    assert (options.reuse_policy, options.client_auth, options.rate_windows) == ("reject", "post_only", "fixed")


def test_the_command_line_wins_over_the_environment() -> None:
    environ = {"SIM_PORT": "9000", "SIM_SEED": "3", "SIM_REDIRECT_URI": "http://a.example/,http://b.example/", "OTHER": "x"}
    args = ["--port", "9100", "--webhook-url", "http://c.example/", "--webhook-url", "http://d.example/"]
    options = from_args([*args, "--webhook-retry-minutes", "0.5,1", "--nulls", "absent"], environ)
    assert (options.port, options.seed, options.nulls) == (9100, 3, "absent")
    assert options.redirect_uri == ("http://a.example/", "http://b.example/")
    assert options.webhook_url == ("http://c.example/", "http://d.example/")
    assert options.webhook_retry_minutes == (0.5, 1.0)


@pytest.mark.parametrize("values", [{"days": 731}, {"members": 0}, {"nulls": "x"}, {"now": "noon"}, {"port": 70_000}])
def test_what_cannot_be(values: dict) -> None:
    with pytest.raises(BadOption):
        Options(**values)
    environ = {f"SIM_{name.upper()}": str(value) for name, value in values.items()}
    with pytest.raises(BadOption):
        from_args([], environ)


async def session(seed: int) -> list[bytes]:
    """The answers to a fixed list of steps."""
    sim = Sim(seed=seed)
    tokens = await sim.connect()
    answers = [str(tokens).encode()]
    answers += [str(await sim.event(name)).encode() for name in ("workout", "nap", "rescore", "extend")]
    await sim.advance(30 * 3600)
    token = (await sim.refresh(tokens["refresh_token"])).json()["access_token"]
    paths = (*PATHS.values(), "/v2/user/profile/basic", "/v2/user/measurement/body")
    return answers + [(await sim.get(path, token)).content for path in paths]


async def test_same_seed_and_steps_same_bytes() -> None:
    assert await session(7) == await session(7)
    assert await session(7) != await session(8)


def test_a_leashed_one_ends_with_its_input() -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "wearbase_sim", "--port", "0", "--leashed"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        assert "ready" in child.stdout.readline()
        child.stdin.close()
        assert child.wait(10) in (0, -signal.SIGTERM)
