"""Imports go down only; providers stand alone."""

import subprocess
import sys
from pathlib import Path

from tests.architecture.source import ROOT, Source, sources

PROVIDERS = ROOT / "src/wearbase/providers"


def test_contracts() -> None:
    checked = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_only_the_registry_names_a_provider() -> None:
    """Nobody else imports a provider's package, providers included: each is a folder that can be deleted."""
    names = {path.parent.name for path in PROVIDERS.glob("*/__init__.py")}
    strays = [
        f"{source.name}: {module}"
        for source in sources("src/wearbase")
        for module in source.imported_modules()
        for name in names
        if f"{module}.".startswith(f"wearbase.providers.{name}.") and not _may_name(source, name)
    ]
    assert not strays, "\n".join(strays)


def test_providers_and_domain_open_nothing() -> None:
    """What the contract cannot name: parts of the standard library that share a package with harmless ones."""
    forbidden = ("urllib.request.", "http.client.", "http.server.", "os.", "pathlib.", "threading.", "time.sleep.")
    strays = [
        f"{source.name}: {module}"
        for source in sources("src/wearbase/providers", "src/wearbase/domain")
        for module in source.imported_modules()
        if f"{module}.".startswith(forbidden)
    ]
    assert not strays, "\n".join(strays)


def _may_name(source: Source, name: str) -> bool:
    return source.path == PROVIDERS / "registry.py" or source.path.is_relative_to(PROVIDERS / name)
