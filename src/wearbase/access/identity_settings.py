"""What the settings of an identity provider must be. Apart from what verifies its tokens: every command reads the settings."""

from collections.abc import Sequence
from ipaddress import ip_address
from urllib.parse import urlsplit

DEFAULT_CLAIM = "sub"
TOGETHER = ("AUTH_JWKS_URL", "AUTH_ISSUER", "AUTH_AUDIENCE")


def problems(url: str | None, issuer: str | None, audiences: Sequence[str], claim: str) -> list[str]:
    """What is wrong with the settings of an identity provider, naming them."""
    given = dict(zip(TOGETHER, (url, issuer, audiences), strict=True))
    missing = [name for name, value in given.items() if not value]
    if len(missing) == len(TOGETHER) and claim == DEFAULT_CLAIM:
        return []
    if missing or url is None:
        more = ", and AUTH_USER_CLAIM is of their tokens" if len(missing) == len(TOGETHER) else ""
        return [f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing: {', '.join(TOGETHER)} belong together{more}"]
    parts = urlsplit(url)
    if parts.scheme != "https" and not _is_loopback(parts.hostname or ""):
        return ["AUTH_JWKS_URL must be https: whoever could change the keys on their way could be any member"]
    if "@" in parts.netloc or parts.fragment or not parts.hostname:
        return ["AUTH_JWKS_URL: give the bare address of the key set, such as https://auth.example/.well-known/jwks.json"]
    for name, values in (("AUTH_ISSUER", [issuer]), ("AUTH_AUDIENCE", audiences), ("AUTH_USER_CLAIM", [claim])):
        if any(not value or not value.isprintable() or value != value.strip() for value in values):
            return [f"{name} has characters that no token has"]
    return []


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
