"""JSON values to the frozen values of `models.py`, checked by their type annotations and never coerced."""

import datetime as dt
import math
from collections.abc import Callable
from dataclasses import MISSING, fields, is_dataclass
from functools import cache
from types import NoneType, UnionType
from typing import Any, get_args, get_origin, get_type_hints

from wearbase_client.errors import Unavailable, unexpected

Decoder = Callable[[Any, str], Any]


def decode(kind: Any, value: Any, path: str = "answer") -> Any:
    """The value as `kind`. Unknown fields are ignored; a missing or null one takes its default.

    Raises: Unavailable (`unexpected_answer`) naming the path of a value of another type, or of a required one that is missing.
    """
    return _decoder(kind)(value, path)


@cache
def _decoder(kind: Any) -> Decoder:
    """The function that reads one kind, built once."""
    if is_dataclass(kind):
        return _dataclass(kind)
    origin, args = get_origin(kind), get_args(kind)
    if origin is UnionType:
        return _union([_decoder(arg) for arg in args if arg is not NoneType], is_optional=NoneType in args)
    if origin is tuple:
        return _tuple(_decoder(args[0]))
    if origin is dict:
        return _dict(_decoder(args[1]))
    return _SCALARS[kind]


def _dataclass(kind: Any) -> Decoder:
    hints = get_type_hints(kind)
    members = [(item.name, item.metadata.get("wire", item.name), _decoder(hints[item.name]), _is_required(item)) for item in fields(kind)]

    def read(value: Any, path: str) -> Any:
        if not isinstance(value, dict):
            raise _not("an object", path)
        values = {}
        for name, wire, decoder, is_required in members:
            member = value.get(wire)
            if member is not None:
                values[name] = decoder(member, f"{path}.{wire}")
            elif is_required:
                raise unexpected(f"The answer lacks {path}.{wire}.")
        return kind(**values)

    return read


def _is_required(item: Any) -> bool:
    return item.default is MISSING and item.default_factory is MISSING


def _union(options: list[Decoder], *, is_optional: bool) -> Decoder:
    def read(value: Any, path: str) -> Any:
        if value is None and is_optional:
            return None
        for option in options[:-1]:
            try:
                return option(value, path)
            except Unavailable:
                continue
        return options[-1](value, path)

    return read


def _tuple(item: Decoder) -> Decoder:
    def read(value: Any, path: str) -> Any:
        if not isinstance(value, list):
            raise _not("a list", path)
        return tuple(item(member, f"{path}[{index}]") for index, member in enumerate(value))

    return read


def _dict(item: Decoder) -> Decoder:
    def read(value: Any, path: str) -> Any:
        if not isinstance(value, dict):
            raise _not("an object", path)
        return {name: item(member, f"{path}.{name}") for name, member in value.items()}

    return read


def _text(value: Any, path: str) -> str:
    if not isinstance(value, str):
        raise _not("a string", path)
    return value


def _flag(value: Any, path: str) -> bool:
    if not isinstance(value, bool):
        raise _not("true or false", path)
    return value


def _number(value: Any, path: str) -> float:
    """The number as it came: a whole number stays an int."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or (isinstance(value, float) and not math.isfinite(value)):
        raise _not("a number", path)
    return value


def _whole(value: Any, path: str) -> int:
    number = _number(value, path)
    if number != int(number):
        raise _not("a whole number", path)
    return int(number)


def _instant(value: Any, path: str) -> dt.datetime:
    try:
        instant = dt.datetime.fromisoformat(_text(value, path))
    except ValueError:
        raise _not("an RFC 3339 instant", path) from None
    if instant.tzinfo is None:
        raise _not("an instant with an offset", path)
    return instant.astimezone(dt.UTC)


def _date(value: Any, path: str) -> dt.date:
    try:
        return dt.date.fromisoformat(_text(value, path))
    except ValueError:
        raise _not("a date", path) from None


def _not(what: str, path: str) -> Unavailable:
    return unexpected(f"The answer has something other than {what} at {path}.")


_SCALARS: dict[Any, Decoder] = {
    Any: lambda value, path: value,
    str: _text,
    bool: _flag,
    float: _number,
    int: _whole,
    dt.datetime: _instant,
    dt.date: _date,
}
