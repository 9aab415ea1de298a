"""Every error has an outcome and a status; nothing is swallowed."""

import ast
import importlib
import importlib.util
import inspect
import re
from collections.abc import Iterator, Mapping
from typing import Any

from tests.architecture.source import ROOT, sources
from wearbase.domain import errors

OUTCOMES = (
    errors.RetryLater,
    errors.ReauthorizationRequired,
    errors.NeedsPerson,
    errors.ResourceGone,
    errors.Refused,
    errors.SettingsError,
)
LAST_RESORTS = {"src/wearbase/sync/worker.py": 1, "src/wearbase/api/errors.py": 1}


def test_every_error_says_what_the_caller_must_do() -> None:
    homeless = [leaf.__name__ for leaf in _leaves() if not issubclass(leaf, OUTCOMES)]
    assert not homeless


def test_every_error_has_a_code_and_a_message_of_its_own() -> None:
    codes = [leaf.code for leaf in _leaves()]
    assert len(set(codes)) == len(codes)
    assert all(inspect.cleandoc(leaf.__doc__ or "") for leaf in _leaves())


def test_every_error_has_a_status() -> None:
    table = _status_table()
    without = [leaf.__name__ for leaf in _leaves() if not any(base in table for base in leaf.__mro__[:-4])]
    assert not without, f"no HTTP status for {', '.join(without)}"


def test_catch_alls_are_in_two_places() -> None:
    """A handler that raises again, or hands the error to those who wait for it, swallows nothing."""
    found: dict[str, int] = {}
    for source in sources("src"):
        count = sum(_is_catch_all(node) for node in ast.walk(source.tree) if isinstance(node, ast.ExceptHandler))
        if count > LAST_RESORTS.get(source.name, 0):
            found[source.name] = count
    assert not found


def _leaves() -> Iterator[type[errors.WearbaseError]]:
    classes = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, errors.WearbaseError)]
    return (kind for kind in classes if not any(other is not kind and issubclass(other, kind) for other in classes))


def _status_table() -> Mapping[Any, Any]:
    """The one table in `api/errors.py`; nothing is asked of a tree that has no API yet."""
    if importlib.util.find_spec("wearbase.api.errors") is None:
        modules = [path.name for path in (ROOT / "src/wearbase/api").glob("*.py") if path.name != "__init__.py"]
        assert not modules, "the API has no errors.py"
        return dict.fromkeys(_leaves(), 500)
    module = importlib.import_module("wearbase.api.errors")
    tables = [value for value in vars(module).values() if isinstance(value, Mapping) and any(_is_error(key) for key in value)]
    assert len(tables) == 1, "one table from error to status"
    assert all(400 <= int(status) <= 599 for status in tables[0].values())
    return tables[0]


def _is_error(key: object) -> bool:
    return isinstance(key, type) and issubclass(key, errors.WearbaseError)


def _is_catch_all(handler: ast.ExceptHandler) -> bool:
    kinds = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    is_wide = any(kind is None or ast.unparse(kind) in {"Exception", "BaseException"} for kind in kinds)
    last = handler.body[-1]
    is_raised = isinstance(last, ast.Raise) and last.exc is None
    is_handed_on = handler.name is not None and f".set_exception({handler.name})" in ast.unparse(handler)
    return is_wide and not is_raised and not is_handed_on


def _kinds(of: type[errors.WearbaseError]) -> Iterator[type[errors.WearbaseError]]:
    yield of
    for kind in of.__subclasses__():
        yield from _kinds(kind)


def test_the_documents_table_names_every_code_that_can_be_answered_and_its_status() -> None:
    importlib.import_module("wearbase.api.build")
    answers = importlib.import_module("wearbase.api.errors")
    status_of = answers.STATUS
    kinds = [kind for kind in _kinds(errors.WearbaseError) if kind.__module__.startswith("wearbase.") and kind is not errors.PassedOn]
    answered = {(kind.code, next((status_of[k] for k in kind.__mro__ if k in status_of), 500)) for kind in kinds if "code" in vars(kind)}
    expected = {(code, status) for code, status in answered if status != 500}  # these are told as an internal error
    expected |= {(code, status) for status, (code, _) in answers.HTTP_CODES.items()} | {("internal_error", 500), ("refused", None)}
    expected |= {("timed_out", 408), ("head_too_large", 431), ("too_many_connections", 503)}  # the server's own
    table = (ROOT / "docs/http-api.md").read_text().partition("### Codes\n")[2].partition("\n\n")[0]
    named = [
        (code, int(cells[2]) if cells[2].strip().isdigit() else None)
        for cells in (line.split("|") for line in table.splitlines()[2:])
        for code in re.findall(r"`(\w+)`", cells[1])
    ]
    assert sorted(named, key=str) == sorted(expected, key=str)
