"""A new source is begun with one command in a clone, and its contract run then names what is missing, one by one."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
NAME = "acme"
WEAR = (sys.executable, "-c", "from wearbase.cli.main import app; app()")
LEFT_OUT = shutil.ignore_patterns("__pycache__", "*.pyc", ".pytest_cache")
FILES = {"__init__.py", "auth.py", "client.py", "mapping.py", "schema.py", "webhook.py"}


def run(where: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """A command in that copy, with the copy's own packages before the installed ones."""
    env = {**os.environ, "PYTHONPATH": str(where / "src"), "PYTHONDONTWRITEBYTECODE": "1", "COLUMNS": "200"}
    return subprocess.run(command, cwd=where, env=env, capture_output=True, text=True, check=False)


def contents(where: Path) -> dict[str, str]:
    found = (path for part in ("src", "tests", "tools") for path in (where / part).rglob("*") if path.is_file())
    return {str(path.relative_to(where)): path.read_bytes().decode(errors="replace") for path in found if "__pycache__" not in path.parts}


def copy_to(where: Path) -> Path:
    for part in ("src", "tests", "tools"):
        shutil.copytree(ROOT / part, where / part, ignore=LEFT_OUT)
    shutil.copy(ROOT / "pyproject.toml", where)
    return where


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of this clone with a new source in it, registered."""
    where = copy_to(tmp_path_factory.mktemp("clone"))
    made = run(where, *WEAR, "new-provider", NAME, "--register")
    assert made.returncode == 0, made.stderr
    return where


@pytest.fixture(scope="module")
def contract_run(clone: Path) -> str:
    """What the contract suite says right afterwards."""
    ran = run(clone, sys.executable, "-m", "pytest", "-q", "--tb=line", "-p", "no:cacheprovider", "tests/contract")
    assert ran.returncode == 1, ran.stdout[-2000:] + ran.stderr
    return ran.stdout


def test_it_writes_six_files_their_samples_and_one_line_and_touches_nothing_else(clone: Path) -> None:
    before, after = contents(ROOT), contents(clone)
    package, samples = f"src/wearbase/providers/{NAME}/", f"tests/fixtures/{NAME}/"
    new = after.keys() - before.keys()
    assert new == {package + name for name in FILES} | {
        samples + n for n in ("contract.json", f"{NAME}-examples.json", "day-document.json")
    }
    changed = [name for name in before if after.get(name) != before[name]]
    assert changed == ["src/wearbase/providers/registry.py"]
    added = set(after[changed[0]].splitlines()) - set(before[changed[0]].splitlines())
    assert added == {f'    "{NAME}",'}


def test_no_place_holder_is_left_and_the_style_is_ours(clone: Path) -> None:
    written = [clone / "src/wearbase/providers" / NAME / name for name in sorted(FILES)]
    assert all("{{" not in path.read_text() for path in (clone / "tests/fixtures" / NAME).iterdir())
    assert all("{{" not in path.read_text() for path in written)
    for check in (("check",), ("format", "--check")):
        ran = run(clone, sys.executable, "-m", "ruff", *check, "--no-cache", *map(str, written))
        assert ran.returncode == 0, ran.stdout + ran.stderr


def test_the_contract_run_names_what_is_missing_one_by_one(clone: Path, contract_run: str) -> None:
    todo = json.loads((clone / "tests/fixtures" / NAME / "contract.json").read_text())["todo"]
    for section, text in todo.items():
        assert f"{NAME}/contract.json: {section}: {text}" in contract_run, section
    source = "".join((clone / "src/wearbase/providers" / NAME / name).read_text() for name in FILES)
    tasks = re.findall(r"TODO ([^\n\"]+)", source)
    assert len(tasks) >= 18
    for task in tasks:
        assert task in contract_run, task
    named = re.findall(rf"test_complete.py::test_nothing_is_left_to_do\[{NAME}-([^\]]+)\]", contract_run)
    assert len(named) == len(set(named)) == len(todo) + len(tasks) + 2  # and what the examples and the day document say of themselves


def test_only_the_new_source_fails_and_nothing_stops_the_run(contract_run: str) -> None:
    summary = contract_run.strip().splitlines()[-1]
    found = re.search(r"(\d+) failed, (\d+) passed", summary)
    assert found, summary
    assert "error" not in summary
    assert "skipped" not in summary
    failed = [line for line in contract_run.splitlines() if line.startswith("FAILED")]
    assert len(failed) == int(found[1]) > 100
    assert [line for line in failed if NAME not in line] == []
    assert int(found[2]) > 1500


def test_a_function_that_is_not_written_says_so_itself(contract_run: str) -> None:
    assert "NotImplementedError: TODO mapping.empty_day" in contract_run
    assert "NotImplementedError: TODO webhook.verify" in contract_run


def test_without_the_option_the_line_is_printed_and_the_registry_left_alone(tmp_path: Path) -> None:
    where = copy_to(tmp_path)
    before = (where / "src/wearbase/providers/registry.py").read_text()
    made = run(where, *WEAR, "new-provider", "ring_two")
    assert made.returncode == 0
    assert '\n    "ring_two",\n' in made.stdout
    assert "src/wearbase/providers/registry.py" in made.stdout
    assert (where / "src/wearbase/providers/registry.py").read_text() == before
    assert 'title="Ring Two"' in (where / "src/wearbase/providers/ring_two/__init__.py").read_text()
    again = run(where, *WEAR, "new-provider", "ring_two", "--register")
    assert again.returncode == 2
    assert "is there already" in again.stderr
    assert (where / "src/wearbase/providers/registry.py").read_text() == before


@pytest.mark.parametrize(("name", "said"), [("../acme", "is no name"), ("whoop", "already")])
def test_a_name_that_will_not_do_is_refused_and_nothing_written(clone: Path, name: str, said: str) -> None:
    before = contents(clone)
    made = run(clone, *WEAR, "new-provider", name, "--register")
    assert made.returncode == 2
    assert said in made.stderr
    assert "Traceback" not in made.stderr
    assert contents(clone) == before


def test_an_installed_package_says_that_it_takes_a_clone(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "src", tmp_path / "src", ignore=LEFT_OUT)
    before = contents(tmp_path)
    made = run(tmp_path, *WEAR, "new-provider", NAME)
    assert made.returncode == 1
    assert "in a clone of the repository" in made.stderr
    assert contents(tmp_path) == before
