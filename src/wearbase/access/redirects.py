"""Where a browser may be sent after a consent: addresses of the allow-list, by exact origin and path."""

from collections.abc import Iterable
from urllib.parse import parse_qsl, urlencode, urlsplit

from wearbase.domain.errors import BadRequest, SettingsError

OURS = {"status", "user_id"}
NEVER = {"code", "state"}  # of a consent: nothing that looks like them goes to another site
_PORTS = {"http": 80, "https": 443}
NEVER_SENT_TO = {"javascript", "data", "vbscript", "file", "blob", "about"}


class RedirectAllowList:
    """The addresses that an operator has named. Raises SettingsError for one that is none."""

    def __init__(self, allowed: Iterable[str]) -> None:
        places = {url: _place(url) for url in allowed}
        if bad := [url for url, place in places.items() if place is None]:
            shown = "one of them" if set("@?#=") & set(bad[0]) else f"{bad[0][:40]!r}"  # it may hold a password
            raise SettingsError(
                f"REDIRECT_URL_ALLOWLIST: {shown} is not an address; give each in full, such as https://app.example/connected"
            )
        self._places = set(places.values())

    def check(self, url: str) -> str:
        """The address, if it is on the list. Raises BadRequest."""
        place = _place(url)
        if place is None or place not in self._places:
            raise BadRequest("redirect_url is not on the allow-list (REDIRECT_URL_ALLOWLIST).", field="redirect_url")
        if {name for name, _ in parse_qsl(urlsplit(url).query, keep_blank_values=True)} & (OURS | NEVER):
            raise BadRequest("redirect_url may not carry status, user_id, code or state.", field="redirect_url")
        return url

    @staticmethod
    def with_outcome(url: str, *, status: str, user_id: str) -> str:
        """The address with what the app is told: `status` and `user_id`, nothing else."""
        return f"{url}{'&' if urlsplit(url).query else '?'}{urlencode({'status': status, 'user_id': user_id})}"


def origin_of(url: str) -> str:
    """Scheme, host and port, or the bare scheme of an app's own address; for a content security policy."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}" if parts.scheme in _PORTS else f"{parts.scheme}:"


def _place(url: str) -> tuple[str, str, int | None, str] | None:
    """Scheme, host, port and path; None for what a browser and we might read differently."""
    if not url.isascii() or any(c <= " " or c in "\\\x7f<>\"'`^{|}" for c in url) or "#" in url:
        return None
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    if not parts.scheme or parts.scheme in NEVER_SENT_TO or "@" in parts.netloc or url.partition(":")[2][:2] != "//":
        return None
    if parts.scheme in _PORTS and not parts.hostname:
        return None
    return parts.scheme, parts.hostname or "", port or _PORTS.get(parts.scheme), parts.path or "/"
