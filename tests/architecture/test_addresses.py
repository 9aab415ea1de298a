"""What is committed works on every machine: no path of one machine, no address of a package registry."""

import re
import subprocess

from tests.architecture.source import ROOT

FOREIGN = re.compile(
    "|".join(
        [
            r"/root/[\w.]",
            r"/home/\w+/",
            r"/Users/\w+/",
            r"(?<![\w.~$}/-])/work/",
            r"/opt/(wheels|pypi)",
            r"\.pyenv\b",
            r"pythonhosted\.org",
            r"(?<!test\.)pypi\.org",
            r"registry\.npmjs\.org",
            r"deb\.debian\.org",
            r"--(extra-)?index-url",
            r"--find-links",
        ]
    )
)
ITSELF = "tests/architecture/test_addresses.py"
ALLOWED = {"tools/lock.sh"}  # names the options that keep addresses out


def test_no_tracked_file_names_a_machine_or_a_registry() -> None:
    git = ["git", "-c", f"safe.directory={ROOT}", "ls-files", "-z"]  # root may test a clone that belongs to somebody else
    listed = subprocess.run(git, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    found = []
    for name in listed.rstrip("\0").split("\0"):
        if name == ITSELF or name in ALLOWED or not (ROOT / name).is_file():
            continue
        text = (ROOT / name).read_bytes().decode(errors="replace")
        found += [f"{name}: {match[0]}" for match in FOREIGN.finditer(text)]
    assert not found, "\n".join(found)
