"""`wear new-provider`: the skeleton of a source, written into a clone of the repository."""

import re
from keyword import iskeyword
from pathlib import Path
from typing import Annotated

import typer

from wearbase.cli.exits import Code, Stop
from wearbase.cli.output import say
from wearbase.providers.registry import NAMES

LONGEST_NAME = 32
TAKEN = ("registry", "health", "trends", "users", "wearbase", "keys")  # modules and addresses that would be in its way
SKELETON, CONTRACT = Path("tools/skeleton"), Path("tests/contract")
REGISTRY = Path("src/wearbase/providers/registry.py")


def new_provider(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Its name everywhere: in addresses, settings and the database.")],
    register: Annotated[bool, typer.Option("--register", help="Add its line to the registry.")] = False,
) -> None:
    """Write the skeleton of a source into this clone: six files and its samples, all still to be filled in."""
    root = _clone()
    check_name(name)
    files = _files(root, name)
    _check_free(root, name, list(files))
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        say(f"  wrote {path.relative_to(root)}")
    line = f'    "{name}",'
    if register:
        _register(root / REGISTRY, line)
        say(f"  added to {REGISTRY}:  {line.strip()}")
    else:
        say(f"Now add one line to NAMES in {REGISTRY}:")
        say(line)
    say(f"What is still to do, one failing test for each:  python -m pytest -q --tb=line {CONTRACT}/test_complete.py -k {name}")
    say(f"What every source promises:  python -m pytest -q {CONTRACT} -k {name}")
    say("In which order one works: docs/adding-a-provider.md", style="dim")


def _clone() -> Path:
    """The root of the clone that this program runs from. Raises Stop for an installed package, which has no tests to pass."""
    root = Path(__file__).resolve().parents[4]
    missing = [path for path in (SKELETON, CONTRACT, REGISTRY) if not (root / path).exists()]
    if missing:
        raise Stop("A source is added in a clone of the repository: this wearbase is an installed package, without the contract tests.")
    return root


def check_name(name: str) -> None:
    """Raises Stop for what cannot be a module, a setting's beginning and a part of an address, or is taken."""
    is_word = len(name) <= LONGEST_NAME and re.fullmatch(r"(?a)[a-z][a-z0-9_]*", name) is not None
    if not is_word or iskeyword(name) or name.endswith("_"):
        raise Stop(f"{name[:40]!r} is no name for a source: give a word of small letters, such as acme.", Code.USAGE)
    if name in TAKEN:
        raise Stop(f"{name!r} has another meaning here: give another name.", Code.USAGE)
    if name in NAMES:
        raise Stop(f"There is a source named {name!r} already.", Code.USAGE)


def _files(root: Path, name: str) -> dict[Path, str]:
    """Every file of the skeleton, by where it goes."""
    package, samples = root / REGISTRY.parent / name, root / "tests" / "fixtures" / name
    own_names = {"examples.json": f"{name}-examples.json"}
    found = {}
    for kind, folder in (("src", package), ("samples", samples)):
        for template in sorted((root / SKELETON / kind).glob("*.txt")):
            own = template.name.removesuffix(".txt")
            found[folder / own_names.get(own, own)] = _filled(template.read_text(), name)
    return found


def _filled(text: str, name: str) -> str:
    return text.replace("{{name}}", name).replace("{{Title}}", name.replace("_", " ").title())


def _check_free(root: Path, name: str, files: list[Path]) -> None:
    there = [folder for folder in dict.fromkeys(path.parent for path in files) if folder.exists()]
    if there:
        raise Stop(f"{there[0].relative_to(root)} is there already: nothing was written for {name!r}.", Code.USAGE)


def _register(registry: Path, line: str) -> None:
    text = registry.read_text()
    found = re.search(r"^NAMES = \(.*?^\)$", text, re.MULTILINE | re.DOTALL)
    if found is None:
        raise Stop(f"The skeleton is written, but NAMES was not found in {REGISTRY}. Add this line there:{line}")
    registry.write_text(f"{text[: found.end() - 1]}{line}\n{text[found.end() - 1 :]}")
