"""Image, compose file and units: what makes them safe to run is written in them. (No engine is needed to know that.)"""

import configparser
import re
import shutil
import stat
import subprocess
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import pytest
import yaml

from wearbase.settings import Settings
from wearbase.store.sealing import KeyRing

ROOT = Path(__file__).parents[3]
UNITS = sorted((ROOT / "deploy/systemd").glob("*.service"))
SECRETS = {"database_url", "token_encryption_keys", "service_api_key", "whoop_client_secret"}


def stages() -> dict[str, list[list[str]]]:
    """Instructions by stage, each as [NAME, the rest]."""
    text = re.sub(r"\\\n", " ", re.sub(r"^#.*\n", "", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE))
    found, name = dict[str, list[list[str]]](), ""
    for line in filter(None, map(str.strip, text.splitlines())):
        instruction = line.split(None, 1)
        if instruction[0] == "FROM":
            name = instruction[1].split()[-1]
        found.setdefault(name, []).append(instruction)
    return found


def of(stage: str, name: str) -> list[str]:
    return [rest for instruction, rest in stages()[stage] if instruction == name]


def compose() -> dict[str, Any]:
    return yaml.safe_load((ROOT / "compose.yaml").read_text())


def test_the_service_is_the_last_stage_and_takes_only_what_was_installed() -> None:
    assert list(stages()) == ["simulator", "build", "service"]
    assert of("service", "COPY") == ["--from=build /opt/wearbase /opt/wearbase"]
    assert of("build", "COPY") == ["requirements.lock pyproject.toml LICENSE ./", "src src"]
    installs = " ".join(of("build", "RUN"))
    assert "--require-hashes" in installs
    assert "--no-deps --no-build-isolation" in installs  # nothing that is not locked
    assert "pip check" in installs
    assert "uninstall --yes hatchling editables pathspec pluggy trove-classifiers" in installs  # what only the building needed


def test_the_service_runs_as_nobody_in_particular_and_says_how_it_is() -> None:
    assert of("service", "USER") == ["10001:10001"]
    order = [name for name, _ in stages()["service"]]
    assert order.index("USER") > max(n for n, name in enumerate(order) if name == "RUN")
    assert "/health/live" in of("service", "HEALTHCHECK")[0]
    assert of("service", "ENTRYPOINT") == ['["wear"]']
    assert of("service", "CMD") == ['["api"]']
    assert of("service", "STOPSIGNAL") == ["SIGTERM"]


def test_no_secret_can_get_into_a_layer() -> None:
    for stage, instructions in stages().items():
        names = {name for name, _ in instructions}
        assert names <= {"FROM", "WORKDIR", "COPY", "RUN", "ENV", "USER", "EXPOSE", "HEALTHCHECK", "STOPSIGNAL", "ENTRYPOINT", "CMD"}, stage
        for _, rest in instructions:
            assert not re.search(r"(?i)secret|token|password|_key\b|\.env\b", rest), rest
    ignored = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")]
    assert ignored[0] == "*"
    assert {line for line in ignored if line.startswith("!")} == {"!requirements.lock", "!pyproject.toml", "!LICENSE", "!src"}
    assert not [path.name for path in (ROOT / "src").rglob(".env*")]


@pytest.mark.parametrize("name", ["database", "api", "worker"])
def test_every_container_is_shut_in(name: str) -> None:
    service = compose()["services"][name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "cap_add" not in service
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["restart"] == "unless-stopped"
    assert service["pids_limit"] <= 256
    assert not {"privileged", "network_mode", "pid", "ipc", "devices", "env_file"} & service.keys()
    assert all("noexec" in place for place in service["tmpfs"])
    assert not [place for place in service["tmpfs"] if re.search(r"\b[ug]id=", place)]  # not every engine takes these


def test_only_the_api_is_reached_and_only_from_this_machine() -> None:
    found = compose()
    ports = {name: service.get("ports", []) for name, service in found["services"].items()}
    assert ports == {"database": [], "worker": [], "api": ["127.0.0.1:8000:8000"]}
    assert found["services"]["database"]["networks"] == ["inside"]
    assert found["networks"]["inside"] == {"internal": True}


def test_only_the_gateway_is_believed_and_nobody_but_this_machine_comes_from_there() -> None:
    found = compose()
    [network] = found["networks"]["outside"]["ipam"]["config"]
    gateway, subnet = default_of(network["gateway"]), default_of(network["subnet"])
    assert ip_address(gateway) in ip_network(subnet)
    for name in ("api", "worker"):
        assert default_of(found["services"][name]["environment"]["FORWARDED_ALLOW_IPS"]) == gateway
    assert all(port.startswith("127.0.0.1:") for service in found["services"].values() for port in service.get("ports", []))


def default_of(text: str) -> str:
    """What a variable of the file is unless it is set."""
    return text.partition(":-")[2].removesuffix("}")


def test_a_stop_waits_for_as_long_as_a_process_may_take() -> None:
    for name in ("api", "worker"):
        assert int(compose()["services"][name]["stop_grace_period"].removesuffix("s")) > 30
    lasting = [unit.read_text() for unit in UNITS if "Restart=always" in unit.read_text()]
    assert len(lasting) == 2
    assert all("TimeoutStopSec=35" in text for text in lasting)
    assert all("StartLimitIntervalSec=0" in text for text in lasting)  # a database that is away for long stops nobody for good


def test_each_starts_when_the_database_is_healthy() -> None:
    services = compose()["services"]
    assert services["database"]["healthcheck"]["test"][:2] == ["CMD", "pg_isready"]
    for name in ("api", "worker"):
        assert services[name]["depends_on"] == {"database": {"condition": "service_healthy"}}
    assert services["worker"]["healthcheck"] == {"disable": True}
    assert "healthcheck" not in services["api"]  # the image's own


def test_secrets_come_as_files_and_every_setting_is_one() -> None:
    found = compose()
    for name, service in found["services"].items():
        values = [str(value) for value in service["environment"].values()]
        assert not [value for value in values if re.search(r"(?i)\$\{\w*(secret|password|token|api_key|url:-)", value)], name
    for name in ("api", "worker"):
        assert set(found["services"][name]["secrets"]) == SECRETS
        assert found["services"][name]["environment"]["SECRETS_DIR"] == "/run/secrets"
        settings = {key.lower() for key in found["services"][name]["environment"]} - {"secrets_dir"}
        assert settings <= Settings.model_fields.keys()
    assert Settings.model_fields.keys() >= SECRETS
    assert found["secrets"].keys() == SECRETS | {"database_password"}
    ignored = (ROOT / ".gitignore").read_text().splitlines()
    assert {"secrets/", ".env"} <= set(ignored)


def test_the_secrets_are_made_once_and_fit(tmp_path: Path) -> None:
    (tmp_path / "deploy").mkdir()
    shutil.copy(ROOT / "deploy/make-secrets.sh", tmp_path / "deploy")
    made = subprocess.run(["sh", "deploy/make-secrets.sh"], cwd=tmp_path, capture_output=True, text=True, check=True)
    folder = tmp_path / "secrets"
    first = {path.name: path.read_text() for path in folder.iterdir()}
    assert first.keys() == compose()["secrets"].keys()
    assert not [value for value in first.values() if value and value in made.stdout + made.stderr]
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    KeyRing.from_text(first["token_encryption_keys"])
    assert len(first["service_api_key"]) >= 40
    assert first["database_url"] == f"postgresql://wearbase:{first['database_password']}@database/wearbase"
    subprocess.run(["sh", "deploy/make-secrets.sh"], cwd=tmp_path, capture_output=True, check=True)
    assert {path.name: path.read_text() for path in folder.iterdir()} == first


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
def test_every_unit_is_shut_in(path: Path) -> None:
    unit = configparser.RawConfigParser(strict=False, interpolation=None)
    unit.optionxform = str  # pyright: ignore[reportAttributeAccessIssue]
    unit.read(path)
    service = unit["Service"]
    assert service["User"] == "wearbase"
    assert service["CapabilityBoundingSet"] == ""
    assert service["ProtectSystem"] == "strict"
    for name in (
        "NoNewPrivileges", "ProtectHome", "PrivateTmp", "PrivateDevices", "ProtectKernelModules", "RestrictSUIDSGID", "LockPersonality",
        "MemoryDenyWriteExecute", "RestrictNamespaces",
    ):  # fmt: skip
        assert service[name] == "yes", name
    text = path.read_text()
    assert set(re.findall(r"LoadCredential=(\w+):", text)) == SECRETS
    assert not re.search(r"^Environment=.*(?i:secret|token|password|url)", text, re.MULTILINE)
    command = re.search(r"/opt/wearbase/bin/wear (\w+)", service["ExecStart"])
    assert command
    assert command[1] in ("api", "worker", "backup")


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd's own check, where there is one")
def test_systemd_understands_the_units(tmp_path: Path) -> None:
    for path in (ROOT / "deploy/systemd").iterdir():
        text = path.read_text().replace("/opt/wearbase/bin/wear", "/bin/true")
        (tmp_path / path.name.replace("@.", "@1.")).write_text(text)
    units = [str(path) for path in sorted(tmp_path.iterdir())]
    checked = subprocess.run(["systemd-analyze", "verify", *units], capture_output=True, text=True, check=False)
    said = [line for line in checked.stderr.splitlines() if any(name in line for name in ("wearbase",))]
    assert (checked.returncode, said) == (0, [])
