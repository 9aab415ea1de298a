"""Forms of values: durations, whole numbers, lists, each with its bounds in the message."""

import re
from datetime import timedelta
from math import nan
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, SecretStr
from pydantic_settings import NoDecode

LONGEST_SHOWN = 40  # of a bad value in its message
MOST_CALLS = 2**31 - 1  # what the database counts in
_TELLTALE = frozenset("@?#=")  # what stands before or after a password
_UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86_400}


def shown(text: object) -> str:
    """A bad value for its message, cut; nothing of one that looks as if it held a secret."""
    said = str(text)
    return "what is given" if _TELLTALE & set(said) else f"{said[:LONGEST_SHOWN]!r}"


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
            raise ValueError(f"{shown(given)} is not a duration from {least} to {most}. Give one, such as {most}, or leave it out.")
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


def _folder(given: Path) -> Path:
    """A folder, there or not."""
    if not given.name or not str(given).isprintable() or given.is_file():
        raise ValueError("give the path of a folder of its own, which need not be there yet")
    return given


Folder = Annotated[Path, AfterValidator(_folder)]
Texts = Annotated[tuple[str, ...], NoDecode, BeforeValidator(listed)]


def text_of(secret: SecretStr | None) -> str | None:
    """What a secret hides."""
    return None if secret is None else secret.get_secret_value()


def told(error: Any, *, prefix: str = "") -> str:
    """What a validator found wrong, with the setting's name."""
    name = "_".join(filter(None, (prefix, *(str(part) for part in error["loc"])))).upper()
    text = str(error["msg"]).removeprefix("Value error, ")
    return f"{name}: {text}" if name else text
