"""What no log may hold: every folder of processes is searched for it before it is thrown away."""

import re
from collections.abc import Collection
from pathlib import Path

KEY = "service-key-of-the-end-to-end-tests"
SECRET = "client-secret-of-the-tests"
CONTROL = "control-token-of-the-tests"
MEMBERS = ("ann", "anna", "bob", "cleo", "canary-member")  # how members are called in these tests

PATTERNS = {
    "a service key": rf"{KEY}|\bwb_[a-z0-9]{{8}}_\w",
    "a secret": rf"{SECRET}|{CONTROL}",
    "a provider's token": r"\b[\w-]{43}\.[\w-]{43}\b",
    "a member's token": r"\beyJ[\w-]{8,}\.",
    "an e-mail address": r"[\w.+-]+@[\w-]+\.[a-z]{2,}",
    "a code, a state, a link or an id in an address": r"[?&#](?:code|state|link|token|user_id)=",
    "a member's id": rf"(?<![\w/-])(?:{'|'.join(MEMBERS)})(?![\w.])",
    "a health value": r'"(?:\w*(?:hrv|heart|strain|spo2|temp|sleep|score|percent|kilojoule|calor)\w*)": ?"?\d',
}
TO_THE_TERMINAL = re.compile(r"^  (?:App|Key|Data|Source|Connect|DEMO|Stop)\b")  # what `wear up` says to whoever starts it


class Sung(AssertionError):
    """A log holds what no log may hold. The value itself is not repeated."""


def search(text: str, *, also: Collection[str] = (), where: str = "the log") -> None:
    """Raises Sung for the first line that holds a canary, or one of the values that a test has planted."""
    patterns = {**PATTERNS, **({"a planted value": "|".join(map(re.escape, also))} if also else {})}
    for number, line in enumerate(text.splitlines(), start=1):
        for what, pattern in patterns.items():
            if (found := re.search(pattern, line)) and not TO_THE_TERMINAL.match(line):
                told = f"{line[: found.start()]}<here>{line[found.end() :]}"
                raise Sung(f"{where}, line {number}: {what}: {told[:400]}")


def search_folder(folder: Path) -> None:
    """Every log below a folder: our processes', and the embedded PostgreSQL's."""
    for path in sorted(folder.rglob("*log")):
        if path.is_file():
            search(path.read_text(errors="replace"), where=path.name)
