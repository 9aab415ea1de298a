"""The simulator's image holds every package that the simulator imports. (No Docker is needed to know that.)"""

import ast
import re
import sys
from importlib.metadata import requires
from pathlib import Path

ROOT = Path(__file__).parents[3]
DOCKERFILE = (ROOT / "Dockerfile").read_text().partition("# The service:")[0]


def _kept() -> set[str]:
    found = re.search(r"/\^\(([\w|-]+)\)==/", DOCKERFILE)
    assert found
    return set(found[1].split("|"))


def _imported() -> set[str]:
    names = set[str]()
    for path in (ROOT / "src/wearbase_sim").rglob("*.py"):
        if path.name == "testing.py":
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                names |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                names.add(node.module.partition(".")[0])
    return names - set(sys.stdlib_module_names) - {"wearbase_sim"}


def _needed(name: str, seen: set[str]) -> set[str]:
    """A package and what it needs everywhere, without extras and markers."""
    seen.add(name)
    for line in requires(name) or ():
        needed = re.split(r"[^\w.-]", line)[0].lower().replace("_", "-")
        if ";" not in line and needed not in seen:
            _needed(needed, seen)
    return seen


def test_the_image_has_what_is_imported() -> None:
    needed = set[str]()
    for name in _imported():
        _needed(name, needed)
    assert needed <= _kept()


def test_everything_it_keeps_is_locked() -> None:
    locked = re.findall(r"^([a-z][\w-]*)==", (ROOT / "requirements.lock").read_text(), re.MULTILINE)
    assert _kept() <= set(locked)


def test_it_copies_what_exists_and_is_not_root() -> None:
    copied = re.findall(r"^COPY (\S+)", DOCKERFILE, re.MULTILINE)
    assert [name for name in copied if not (ROOT / name).exists()] == []
    assert "\nUSER 65534" in DOCKERFILE
