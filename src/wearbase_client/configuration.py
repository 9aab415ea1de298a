"""Where the service is and who is calling: from arguments, else from the environment."""

import os
from collections.abc import Mapping
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any

import httpx2

URL_VARIABLE = "WEARBASE_URL"
KEY_VARIABLE = "WEARBASE_API_KEY"
CONNECT_TIMEOUT_S = 5.0


class Credential(httpx2.Auth):
    """Signs each request with a service key or a member's token. Its repr shows neither."""

    def __init__(self, header: str, value: str) -> None:
        self._header = header
        self._value = value

    def auth_flow(self, request: httpx2.Request) -> Any:
        request.headers[self._header] = self._value
        yield request

    def __repr__(self) -> str:
        return f"<Credential in {self._header}>"


def http_options(
    base_url: str | None, api_key: str | None, token: str | None, timeout_s: float, environ: Mapping[str, str] = os.environ
) -> dict[str, Any]:
    """The options of the HTTP client. Raises: ValueError naming what is missing or unusable, without its value.

    Redirects are not followed, since they could carry the key elsewhere. Cookies are not kept, since one client speaks for
    many members.
    """
    return {
        "base_url": service_url(base_url or environ.get(URL_VARIABLE)),
        "auth": credential(api_key, token, environ),
        "timeout": httpx2.Timeout(timeout_s, connect=min(timeout_s, CONNECT_TIMEOUT_S)),
        "headers": {"Accept": "application/json", "User-Agent": "wearbase-client"},
        "cookies": CookieJar(DefaultCookiePolicy(allowed_domains=[])),
        "follow_redirects": False,
    }


def service_url(value: str | None) -> httpx2.URL:
    if not value:
        raise ValueError(f"Give base_url, or set {URL_VARIABLE}.")
    try:
        url = httpx2.URL(value.strip())
    except httpx2.InvalidURL:
        raise ValueError("base_url is not a URL.") from None
    if url.scheme not in ("http", "https") or not url.host or url.userinfo or url.query or url.fragment:
        raise ValueError("base_url must be http(s)://host[:port][/path], without credentials, query or fragment.")
    return url


def credential(api_key: str | None, token: str | None, environ: Mapping[str, str]) -> Credential:
    """A token wins over the key in the environment; giving both as arguments is an error."""
    if api_key and token:
        raise ValueError("Give api_key or token, not both.")
    if token:
        return Credential("Authorization", f"Bearer {_secret('token', token)}")
    key = api_key or environ.get(KEY_VARIABLE)
    if not key:
        raise ValueError(f"Give api_key or token, or set {KEY_VARIABLE}.")
    return Credential("X-API-Key", _secret("api_key", key))


def _secret(name: str, value: str) -> str:
    """Without surrounding space. Checked here, because the transport's error would show it."""
    value = value.strip()
    if not value or not all("!" <= character <= "~" for character in value):
        raise ValueError(f"{name} must be printable ASCII without spaces.")
    return value
