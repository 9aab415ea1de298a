"""Every switch of the simulator: a dataclass, read from the environment and the command line."""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import Field, dataclass, field, fields, replace
from typing import Any

from wearbase_sim.clock import parse_ms


class BadOption(ValueError):
    """An option has a value that it cannot have."""


def _option(default: Any, text: str, *, choices: tuple[str, ...] = (), live: bool = False) -> Any:
    metadata = {"text": text, "choices": choices, "live": live}
    return field(default=default, metadata=metadata)


@dataclass(frozen=True, slots=True)
class Options:
    """How the simulated cloud behaves. `live` ones can be changed while it runs."""

    host: str = _option("127.0.0.1", "address to bind")
    port: int = _option(8100, "port; 0 picks a free one")
    seed: int = _option(7, "the world follows from this number")
    members: int = _option(3, "how many members there are")
    days: int = _option(90, "days of history, up to 730")
    now: str = _option("", "start with a clock that stands still at this time (RFC 3339)")
    scenario: str = _option("", "a story to play, e.g. good-morning; /control/scenarios lists them")
    speed: float = _option(-1.0, "how fast the clock runs; default 1, or 0 with --now")
    client_id: str = _option("sim-client", "the app's OAuth client id")
    client_secret: str = _option("sim-client-secret", "the app's OAuth client secret; it also signs webhooks")
    redirect_uri: tuple[str, ...] = _option((), "registered redirect, repeatable; without one any loopback redirect is accepted")
    webhook_url: tuple[str, ...] = _option((), "where webhooks go, repeatable")
    control_token: str = _option("", "bearer token of /control; made up and printed if empty")
    control_host: tuple[str, ...] = _option((), "further host names under which /control answers, repeatable")
    member_cap: int = _option(0, "members that may connect; 0 is no cap", live=True)
    latency_ms: int = _option(0, "delay of every data and token answer", live=True)
    quota_minute: int = _option(100, "calls a minute", live=True)
    quota_day: int = _option(10_000, "calls a day", live=True)
    token_calls: str = _option("apart", "whether token calls use up the quota too", choices=("apart", "counted"), live=True)
    rate_windows: str = _option("fixed", "how quota windows move", choices=("fixed", "sliding"), live=True)
    retry_after: str = _option("off", "Retry-After on 429", choices=("on", "off"), live=True)
    rate_headers: str = _option("on", "the rate limit headers", choices=("on", "off"), live=True)
    nulls: str = _option("explicit", "unavailable members", choices=("explicit", "absent"), live=True)
    percent_recorded: str = _option("fraction", "scale of percent_recorded", choices=("fraction", "percent"), live=True)
    sport_id: str = _option("present", "the old sport number", choices=("present", "null", "absent", "wrong"), live=True)
    v1_id: str = _option("null", "the old activity number", choices=("present", "null", "absent"), live=True)
    step_count: str = _option("present", "steps of cycles since 2026-09-23", choices=("present", "null", "absent"), live=True)
    score_unscored: str = _option("null", "score while there is none", choices=("null", "absent", "present"), live=True)
    odd_state: str = _option("off", "what is not scored yet says so in a word that no contract knows", choices=("on", "off"), live=True)
    zone_member: str = _option("v2", "name of a workout's zones: zone_durations, or v1's zone_duration", choices=("v2", "v1"), live=True)
    consent: str = _option("usual", "approving leads to a code, or to request_forbidden", choices=("usual", "forbidden"), live=True)
    extra_members: str = _option("off", "members that no contract knows, as after a silent change", choices=("on", "off"), live=True)
    error_bodies: str = _option("text", "what is in an error's body", choices=("text", "empty", "json", "html"), live=True)
    member_order: str = _option("contract", "order of JSON members", choices=("contract", "shuffled"), live=True)
    reuse_policy: str = _option("reject", "a spent refresh token or code comes again", choices=("reject", "revoke_family"), live=True)
    client_auth: str = _option("post_only", "where client credentials may be", choices=("post_only", "any"), live=True)
    scope_missing: str = _option("401", "answer to a token without the scope", choices=("401", "403"), live=True)
    v1_routes: str = _option("404", "the remaining v1 routes", choices=("404", "200"), live=True)
    recovery_delay_s: float = _option(0.0, "how long a new recovery is not there yet, though its webhook is sent", live=True)
    access_token_s: int = _option(3600, "lifetime of an access token", live=True)
    code_s: int = _option(600, "lifetime of an authorization code", live=True)
    webhook_retry_minutes: tuple[float, ...] = _option((1, 4, 10, 20, 30), "retries, minutes after the first failure", live=True)
    webhook_retry_scale: float = _option(1.0, "factor on the retry minutes", live=True)
    webhook_retry_signature: str = _option("new", "timestamp and signature of a retry", choices=("new", "kept"), live=True)
    trace_ids: str = _option("each", "whether the notices of one event share a trace", choices=("each", "shared"), live=True)
    webhook_timestamp: str = _option("clock", "clock of the signature timestamp", choices=("clock", "real"), live=True)
    webhook_timeout_s: float = _option(10.0, "how long a receiver may take", live=True)
    sahha_client_id: str = _option("sahha-client", "the app's client id at Sahha")
    sahha_client_secret: str = _option("sahha-client-secret", "and its secret")
    sahha_webhook_url: tuple[str, ...] = _option((), "where Sahha's webhooks go, repeatable")
    sahha_webhook_secret: str = _option("sahha-webhook-secret", "the key that signs Sahha's webhooks")
    sahha_style: str = _option("2025", "whose year's spellings Sahha uses", choices=("2024", "2025", "2026"), live=True)
    sahha_no_results: str = _option("204", "how Sahha says that there is nothing", choices=("204", "empty"), live=True)
    sahha_ids: str = _option("kept", "a biomarker's id once its day is over", choices=("kept", "changed"), live=True)
    sahha_interval_min: float = _option(0.0, "minutes for which Sahha's webhooks are held back; 0 sends at once", live=True)
    sahha_retry_minutes: tuple[float, ...] = _option((), "minutes between Sahha's retries; none is what is known", live=True)
    log_requests: bool = _option(False, "one line per request on stderr")
    leashed: bool = _option(False, "end when standard input closes, so as not to outlive the program that started it")

    def __post_init__(self) -> None:
        for spec in fields(self):
            _check_choice(spec, getattr(self, spec.name))
        for name, low, high in (("members", 1, 100_000), ("days", 1, 730), ("port", 0, 65_535)):
            if not low <= getattr(self, name) <= high:
                raise BadOption(f"{name} must be between {low} and {high}")
        if self.now:
            _start_ms(self.now)

    @property
    def start_ms(self) -> int | None:
        """Where the clock starts, if it does not start at the real time."""
        return _start_ms(self.now) if self.now else None


def _start_ms(text: str) -> int:
    try:
        return parse_ms(text)
    except ValueError:
        raise BadOption(f"now must be an RFC 3339 time, not {text!r}") from None


def _check_choice(spec: "Field[Any]", value: Any) -> None:
    choices = spec.metadata["choices"]
    if choices and value not in choices:
        raise BadOption(f"{spec.name} must be one of {', '.join(choices)}")


def _element(spec: "Field[Any]") -> type:
    if isinstance(spec.default, tuple):
        return float if spec.name.endswith("_minutes") else str
    return type(spec.default)


def coerce(spec: "Field[Any]", value: Any) -> Any:
    """A value from text or JSON as the option's type. Raises BadOption."""
    kind = _element(spec)
    try:
        if isinstance(spec.default, tuple):
            parts = value.split(",") if isinstance(value, str) else value
            return tuple(kind(part.strip() if isinstance(part, str) else part) for part in parts if part != "")
        if kind is bool:
            return value if isinstance(value, bool) else str(value).lower() in ("1", "true", "yes", "on")
        return kind(value)
    except (TypeError, ValueError):
        raise BadOption(f"{spec.name} cannot be {value!r}") from None


def changed(options: Options, wish: Mapping[str, Any]) -> Options:
    """The options with some live ones changed. Raises BadOption."""
    live = {spec.name: spec for spec in fields(options) if spec.metadata["live"]}
    unknown = sorted(set(wish) - set(live))
    if unknown:
        raise BadOption(f"cannot be changed while running: {', '.join(unknown)}")
    return replace(options, **{name: coerce(live[name], value) for name, value in wish.items()})


def from_args(args: Sequence[str], environ: Mapping[str, str]) -> Options:
    """Options of a command line; what it leaves out comes from `SIM_...` in the environment. Raises BadOption."""
    given = vars(_parser().parse_args(args))
    values: dict[str, Any] = {}
    for spec in fields(Options):
        value = given[spec.name]
        value = environ.get(f"SIM_{spec.name.upper()}") if value is None else value
        if value is not None:
            values[spec.name] = coerce(spec, value)
    return Options(**values)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m wearbase_sim",
        description="A stand-in for the WHOOP cloud. Every option can also be set as SIM_... in the environment.",
    )
    for spec in fields(Options):
        _add_argument(parser, spec)
    return parser


def _add_argument(parser: argparse.ArgumentParser, spec: "Field[Any]") -> None:
    flag, text = f"--{spec.name.replace('_', '-')}", spec.metadata["text"]
    shown = "" if spec.default in ((), "") else f" (default: {_shown(spec.default)})"
    more: dict[str, Any] = {"default": None, "help": text + shown, "dest": spec.name}
    if isinstance(spec.default, bool):
        parser.add_argument(flag, action=argparse.BooleanOptionalAction, **more)
    elif spec.default == ():
        parser.add_argument(flag, action="append", metavar="VALUE", **more)
    else:
        more |= {"choices": spec.metadata["choices"]} if spec.metadata["choices"] else {"metavar": "VALUE"}
        parser.add_argument(flag, **more)


def _shown(value: Any) -> str:
    return ",".join(f"{part:g}" for part in value) if isinstance(value, tuple) else str(value)
