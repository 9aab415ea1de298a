"""`make check-deploy`: what runs wearbase, tried with the programs that will read it. Ends with 2 where one of them is missing."""

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PROMETHEUS = ROOT / "deploy" / "prometheus"
CHECKS = (
    ("check", "config", "prometheus.yml"),  # and the rules that it names
    ("test", "rules", "alerts_test.yml"),
)
TESTS = ("tests/unit/deploy", "tests/integration/operations")  # the units by systemd's own check, /metrics by Prometheus's
NEEDED = {"promtool": "apt-get install --no-install-recommends prometheus", "systemd-analyze": "apt-get install systemd"}


def main() -> int:
    missing = [f"{name} is not here ({how})" for name, how in NEEDED.items() if shutil.which(name) is None]
    if missing:
        print("Not checked: " + "; ".join(missing), file=sys.stderr)
        return 2
    commands = [["promtool", *check] for check in CHECKS]
    ran = [subprocess.run(command, cwd=PROMETHEUS, check=False).returncode for command in commands]
    ran.append(subprocess.run([sys.executable, "-m", "pytest", "-q", *TESTS], cwd=ROOT, check=False).returncode)
    return 1 if any(ran) else 0


if __name__ == "__main__":
    sys.exit(main())
