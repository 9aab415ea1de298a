"""Forms of values: durations, whole numbers, lists, addresses, each with its bounds in the message."""

import re
from datetime import timedelta
from ipaddress import ip_address
from math import nan
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, SecretStr
from pydantic_settings import NoDecode

LONGEST_SHOWN = 40  # of a bad value in its message
MOST_CALLS = 2**31 - 1  # what the database counts in
PRIVATE_NAMES = (".internal", ".local", ".localhost", ".svc")  # no public name ends so
_UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86_400}


def _seconds(text: str) -> float:
    """Seconds of a number, or of one with ms, s, m, h or d. Raises ValueError."""
    found = re.fullmatch(r"(?a)(-?\d+(?:\.\d+)?)\s*(ms|s|m|h|d)?", text.strip())
    if not found:
        raise ValueError("not a duration")
    return float(found[1]) * _UNITS[found[2] or "s"]


def duration(least: str, most: str) -> BeforeValidator:
    """Takes a duration within these bounds."""
    shortest_s, longest_s = _seconds(least), _seconds(most)

    def read(given: Any) -> Any:
        try:
            seconds = given.total_seconds() if isinstance(given, timedelta) else _seconds(str(given))
        except ValueError:
            seconds = nan
        if not shortest_s <= seconds <= longest_s:
            shown = f"{str(given)[:LONGEST_SHOWN]!r}"
            raise ValueError(f"{shown} is not a duration from {least} to {most}. Give one, such as {most}, or leave it out.")
        return timedelta(seconds=seconds)

    return BeforeValidator(read)


def whole(least: int, most: int) -> AfterValidator:
    """Takes a whole number within these bounds."""

    def check(given: int) -> int:
        if not least <= given <= most:
            raise ValueError(f"{str(given)[:LONGEST_SHOWN]} is out of bounds. Give a whole number from {least} to {most}, or leave it out.")
        return given

    return AfterValidator(check)


def listed(text: Any) -> Any:
    """A comma-separated list."""
    return tuple(part.strip() for part in text.split(",") if part.strip()) if isinstance(text, str) else text


def address(text: Any) -> Any:
    """An http or https address without a slash at its end."""
    parts = urlsplit(text) if isinstance(text, str) else None
    if parts is None or parts.scheme not in ("http", "https") or not parts.netloc:
        raise ValueError("give an http or https address")
    return text.rstrip("/")


Texts = Annotated[tuple[str, ...], NoDecode, BeforeValidator(listed)]
Address = Annotated[str, BeforeValidator(address)]


def is_private(host: str) -> bool:
    """Whether a host is of this machine or of a network of its own, by its name or address alone."""
    try:
        address = ip_address(host)
    except ValueError:
        return host == "localhost" or "." not in host or host.endswith(PRIVATE_NAMES)
    return address.is_loopback or address.is_private


def text_of(secret: SecretStr | None) -> str | None:
    """What a secret hides."""
    return None if secret is None else secret.get_secret_value()


def told(error: Any, *, prefix: str = "") -> str:
    """What a validator found wrong, with the setting's name."""
    name = "_".join(filter(None, (prefix, *(str(part) for part in error["loc"])))).upper()
    text = str(error["msg"]).removeprefix("Value error, ")
    return f"{name}: {text}" if name else text
