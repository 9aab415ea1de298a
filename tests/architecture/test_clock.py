"""Time is a parameter: no SQL statement asks the server for it, but for the clock itself."""

import re

from tests.architecture.source import ROOT, sources

ASKS_THE_TIME = re.compile(
    r"\b(now|clock_timestamp|statement_timestamp|transaction_timestamp|timeofday)\s*\(|\b(current_(timestamp|date|time)|localtime(stamp)?)\b",
    re.IGNORECASE,
)
CLOCK = "src/wearbase/store/clock.py"


def test_no_statement_asks_the_time() -> None:
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


def _without_comments(sql: str) -> str:
    return re.sub(r"--[^\n]*", "", sql)
