"""Who may use the control API."""

import hmac
from urllib.parse import urlsplit

from starlette.requests import Request

from wearbase_sim.options import Options

LOOPBACK = ("localhost", "127.0.0.1", "::1")


def refusal(request: Request, options: Options, *, is_open: bool) -> tuple[int, str] | None:
    """Status and reason if a request may not pass."""
    if not _is_known(_name(f"//{request.headers.get('host', '')}"), options):
        return 403, "unknown host"
    origin = request.headers.get("origin")
    if origin is not None and not _is_known(_name(origin), options):
        return 403, "unknown origin"
    given = request.headers.get("authorization", "").removeprefix("Bearer ")
    if is_open or hmac.compare_digest(given.encode(), options.control_token.encode()):
        return None
    return 401, "the control token is missing or wrong"


def _name(url: str) -> str:
    try:
        return (urlsplit(url).hostname or "").lower()
    except ValueError:
        return ""


def _is_known(name: str, options: Options) -> bool:
    # A page that rebinds its own name to this address sends that name, which has a dot; a name without one
    # (localhost, a container's) cannot be bought.
    is_plain = name != "" and "." not in name and ":" not in name
    return is_plain or name in (*LOOPBACK, options.host, *options.control_host)
