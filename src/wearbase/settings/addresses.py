"""Forms of addresses, hosts, origins and networks. What is refused is shown only where it cannot hold a password."""

import re
from collections.abc import Callable
from ipaddress import ip_network
from typing import Annotated, Any
from urllib.parse import SplitResult, urlsplit

from pydantic import BeforeValidator
from pydantic_settings import NoDecode

from wearbase.access.redirects import NEVER_SENT_TO
from wearbase.api.door.hosts import ANYBODY, is_address, plain
from wearbase.settings.values import listed, shown

ANY_HOST = "*"
_NAME = re.compile(r"(?=.{1,253}\Z)(?!-)[A-Za-z0-9_-]{1,63}(\.(?!-)[A-Za-z0-9_-]{1,63})*\.?")
_NUMERIC = re.compile(r"(?i)(.*\.)?(\d+|0x[0-9a-f]*)\.?")
_DEFAULT_PORTS = {"http": 80, "https": 443}


def _parts(text: str) -> SplitResult | None:
    """The parts of an http or https address; None if it is none."""
    try:
        parts = urlsplit(text)
        parts.port  # noqa: B018 raises if it is none
    except ValueError:
        return None
    is_clean = text.isascii() and text.isprintable() and not set(' \\"<>^`{|}') & set(text)
    is_whole = is_clean and parts.scheme in _DEFAULT_PORTS and is_host(parts.hostname or "") and not parts.netloc.endswith(":")
    return parts if is_whole else None


def is_host(name: str) -> bool:
    """Whether it is the name of a host, or an IP address without brackets."""
    if ":" in name or _NUMERIC.fullmatch(name):  # a resolver takes 0 for every address there is
        return is_address(name)
    return bool(_NAME.fullmatch(name))


def _address(*, with_query: bool) -> Callable[[Any], Any]:
    def check(text: Any) -> Any:
        parts = _parts(text) if isinstance(text, str) else None
        if parts is None:
            raise ValueError("give an http or https address, such as https://wear.example.com")
        if "@" in parts.netloc or parts.fragment or "#" in text or (not with_query and "?" in text):
            raise ValueError("give the bare address, such as https://wear.example.com, without @, ? and #")
        return text.rstrip("/")

    return check


def _redirects(given: Any) -> Any:
    """Addresses that a provider sends browsers to: https ones, or those of an app."""
    urls = listed(given)
    for url in urls if isinstance(urls, tuple) else ():
        scheme, found, rest = url.partition("://")
        is_web, is_never = scheme in _DEFAULT_PORTS, scheme.lower() in NEVER_SENT_TO
        if (
            is_never
            or not found
            or not rest
            or "@" in rest
            or "#" in rest
            or not url.isprintable()
            or " " in url
            or (is_web and _parts(url) is None)
        ):
            raise ValueError("give each address in full, such as https://wear.example.com/auth/whoop/callback, without @ and #")
    return urls


def _hosts(given: Any) -> Any:
    """Names of hosts, without a port."""
    names = listed(given)
    if not isinstance(names, tuple):
        return names
    bare = tuple(name[1:-1] if name.startswith("[") and name.endswith("]") else name for name in names)
    for name in bare:
        if name != ANY_HOST and not is_host(name):
            hint = "There are no patterns: each by its name, or * alone for any." if "*" in name else ""
            raise ValueError(
                f"{shown(name)} is not the name of a host. Give names such as api.example.com, without scheme and port. {hint}".rstrip()
            )
    if ANY_HOST in bare and len(bare) > 1:
        raise ValueError("* lets every name in: give it alone, or the names without it.")
    return tuple(plain(name.lower().removesuffix(".")) for name in bare)


def _origins(given: Any) -> Any:
    """Exact origins, in the form in which browsers send them."""
    origins = listed(given)
    for origin in origins if isinstance(origins, tuple) else ():
        parts = _parts(origin.lower())
        if parts is None or "@" in origin:
            raise ValueError(f"{shown(origin)} is not an origin. Give exact ones such as https://app.example.com; there is no wildcard.")
        host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
        sent = f"{parts.scheme}://{host}" + (f":{parts.port}" if parts.port not in (None, _DEFAULT_PORTS[parts.scheme]) else "")
        if origin != sent:
            raise ValueError(f"{shown(origin)} is not as browsers send it and would never match. Write {sent}")
    return origins


def _networks(given: Any) -> Any:
    """Addresses and networks of proxies, or `*`."""
    names = listed(given)
    if not isinstance(names, tuple):
        return names
    for name in names:
        try:
            if name != ANYBODY:
                ip_network(name)
        except ValueError:
            hint = ""
            if "/" in name and (network := _loosely(name)):
                hint = f" The network is {network}."
            raise ValueError(
                f"{shown(name)} is neither an address nor a network. Give those of your proxies, such as 10.0.0.7 or 10.0.0.0/24.{hint}"
            ) from None
    if ANYBODY in names and len(names) > 1:
        raise ValueError("* believes everybody: give it alone, or the addresses without it.")
    return names


def _loosely(name: str) -> str | None:
    try:
        return str(ip_network(name, strict=False))
    except ValueError:
        return None


def _listening(given: Any) -> Any:
    """A name or an address to listen on."""
    text = str(given)
    bare = text[1:-1] if text.startswith("[") and text.endswith("]") else text
    if not is_host(bare):
        raise ValueError(f"{shown(text)} is nothing to listen on. Give an address such as 127.0.0.1 or 0.0.0.0; the port is PORT.")
    return bare


def _bind(given: Any) -> Any:
    """An address and a port to listen on."""
    host, _, port = str(given).rpartition(":")
    bare = host.removeprefix("[").removesuffix("]")
    is_port = port.isascii() and port.isdigit() and len(port) <= 5 and 1 <= int(port) <= 65_535
    if not is_port or not (bare == "localhost" or is_address(bare)):
        raise ValueError(f"{shown(given)} is not an address and a port. Give one such as 127.0.0.1:9100 or [::1]:9100.")
    return bare, int(port)


Address = Annotated[str, BeforeValidator(_address(with_query=False))]
AddressWithQuery = Annotated[str, BeforeValidator(_address(with_query=True))]
Redirects = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_redirects)]
Hosts = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_hosts)]
Origins = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_origins)]
Networks = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_networks)]
Listening = Annotated[str, BeforeValidator(_listening)]
Bind = Annotated[tuple[str, int], NoDecode, BeforeValidator(_bind)]
