"""Known vulnerabilities of the locked packages, as far as the services that know them can be reached.

`audit.py` ends with 1 if there is one. Where nothing could be asked it says so in a line, which is no success: with `--strict` it then
ends with 2.
"""

import json
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
LOCKS = ("requirements.lock", "requirements-dev.lock")
SERVICES = ("pypi", "osv")
PATIENCE_S = 30


@dataclass(frozen=True)
class Audit:
    """How many packages were looked up, how many were not, and what was found, a line each."""

    asked: int = 0
    not_asked: int = 0
    found: list[str] = field(default_factory=list)

    @property
    def is_complete(self) -> bool:
        return self.asked > 0 and self.not_asked == 0


def read(report: str) -> Audit:
    """pip-audit's report; one that is none tells of nothing that was asked."""
    try:
        packages: list[dict[str, Any]] = json.loads(report)["dependencies"]
    except (ValueError, KeyError, TypeError):
        return Audit()
    asked = [package for package in packages if "skip_reason" not in package]
    found = [
        f"{package['name']} {package['version']}: {one['id']}, repaired in {', '.join(one['fix_versions']) or 'no version yet'}"
        for package in asked
        for one in package["vulns"]
    ]
    return Audit(len(asked), len(packages) - len(asked), found)


def ask(lock: str, service: str) -> Audit:
    command = [
        sys.executable, "-m", "pip_audit", "--requirement", str(ROOT / lock), "--disable-pip", "--require-hashes", "--format", "json",
        "--progress-spinner", "off", "--timeout", "10", "--vulnerability-service", service,
    ]  # fmt: skip
    try:
        ran = subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=PATIENCE_S)
    except (OSError, subprocess.TimeoutExpired):
        return Audit()
    return read(ran.stdout)


def told(lock: str, audit: Audit) -> str:
    if audit.found:
        return "\n".join([f"{lock}: known vulnerabilities", *(f"  {line}" for line in audit.found)])
    if audit.is_complete:
        return f"{lock}: no known vulnerability in {audit.asked} packages"
    of = f"only {audit.asked} of {audit.asked + audit.not_asked} packages" if audit.asked else "no package"
    return f"NOT AUDITED: {lock}: {of} could be looked up; run `make audit` where PyPI or osv.dev can be reached"


def main(arguments: list[str]) -> int:
    codes, reached = [0], list(SERVICES)
    for lock in LOCKS:
        answers = {service: ask(lock, service) for service in reached}
        reached = [service for service, audit in answers.items() if audit.asked]  # who does not answer is not waited for again
        audit = max(answers.values(), key=lambda one: (len(one.found), one.asked), default=Audit())
        print(told(lock, audit))
        codes.append(1 if audit.found else 0 if audit.is_complete else 2 if "--strict" in arguments else 0)
    return 1 if 1 in codes else max(codes)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
