"""Values, time among them, reach a statement as parameters."""

import ast
import re
from collections.abc import Iterator

from tests.architecture.source import ROOT, Source, sources

ASKS_THE_TIME = re.compile(
    r"\b(now|clock_timestamp|statement_timestamp|transaction_timestamp|timeofday)\s*\(|\b(current_(timestamp|date|time)|localtime(stamp)?)\b",
    re.IGNORECASE,
)
STATEMENT = re.compile(r"\b(select|insert\s+into|update|delete\s+from|create|alter|drop|listen|notify)\b", re.IGNORECASE)
CONSTANT = re.compile(r"_?[A-Z][A-Z0-9_]*")
STATED = "noqa: S608"  # ruff's rule would refuse constants as well; where a text is fixed in another way, the line says so
CLOCK = "src/wearbase/store/postgres/clock.py"


def test_only_constants_are_written_into_a_statement() -> None:
    """Everything else is a parameter; a text that is fixed in another way says so with STATED."""
    strays = [stray for source in sources("src/wearbase/store") for stray in _written_in(source)]
    assert not strays, "\n".join(strays)


def test_no_statement_asks_the_time() -> None:
    """But for the clock itself."""
    asking = [
        f"{source.name}:{line}: {found[0]}"
        for source in sources("src/wearbase")
        if source.name != CLOCK
        for line, text in source.strings()
        for found in ASKS_THE_TIME.finditer(_without_comments(text))
    ]
    for path in sorted((ROOT / "src/wearbase").rglob("*.sql")):
        asking += [f"{path.relative_to(ROOT)}: {found[0]}" for found in ASKS_THE_TIME.finditer(_without_comments(path.read_text()))]
    assert not asking, "\n".join(asking)


def test_the_rule_sees_what_it_must() -> None:
    for statement in ("select now()", "default CURRENT_TIMESTAMP", "clock_timestamp() + interval '1 s'"):
        assert ASKS_THE_TIME.search(statement), statement
    for statement in ("select known(1)", "select now_at from due", "-- never now()"):
        assert not ASKS_THE_TIME.search(_without_comments(statement)), statement


def _written_in(source: Source) -> Iterator[str]:
    lines = source.text.splitlines()
    for node in ast.walk(source.tree):
        if not isinstance(node, ast.JoinedStr) or not STATEMENT.match(_fixed_text(node).lstrip()):
            continue
        if STATED in " ".join(lines[node.lineno - 1 : node.end_lineno]):
            continue
        for part in node.values:
            if isinstance(part, ast.FormattedValue) and not CONSTANT.fullmatch(ast.unparse(part.value)):
                yield f"{source.name}:{part.lineno}: {ast.unparse(part.value)}"


def _fixed_text(node: ast.JoinedStr) -> str:
    return "".join(part.value for part in node.values if isinstance(part, ast.Constant) and isinstance(part.value, str))


def _without_comments(sql: str) -> str:
    return re.sub(r"--[^\n]*", "", sql)
