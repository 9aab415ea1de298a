"""The threat model names tests that exist; no tracked file holds a secret; an audit that was not made is not called clean."""

import re
import subprocess
from collections.abc import Iterator

import pytest
from detect_secrets.core.scan import scan_file, scan_line
from detect_secrets.settings import transient_settings

from tests.architecture.source import ROOT, sources
from tools import audit

MODEL = (ROOT / "SECURITY.md").read_text()
# Detectors by shape. The one that looks for words like "password" would name every test, and entropy every fixture.
DETECTORS = [
    {"name": name}
    for name in (
        "ArtifactoryDetector", "AWSKeyDetector", "AzureStorageKeyDetector", "CloudantDetector", "DiscordBotTokenDetector",
        "GitHubTokenDetector", "GitLabTokenDetector", "JwtTokenDetector", "MailchimpDetector", "NpmDetector", "OpenAIDetector",
        "PrivateKeyDetector", "PypiTokenDetector", "SendGridDetector", "SlackDetector", "SquareOAuthDetector", "StripeDetector",
        "TelegramBotTokenDetector", "TwilioKeyDetector",
    )
]  # fmt: skip
# Our own: a service key, and a key of 32 bytes for TOKEN_ENCRYPTION_KEYS.
OURS = re.compile(r"\bwb_[a-z0-9]{8}_[A-Za-z0-9_-]{43}\b|(?<![\w+/-])[A-Za-z0-9_-]{43}=(?![\w=])")
SIGNATURES = {"tests/fixtures/whoop/whoop-examples.json"}  # as long as a key: of webhooks signed with an invented secret
NOT_READ = re.compile(r"\.(lock|woff2|png)$|/vendor/")
PLANTED = [
    "key = 'AKIA" + "IOSFODNN7EXAMPLE'", "-----BEGIN RSA PRIVATE " + "KEY-----", "token = 'ghp_" + "a1B2" * 9 + "'",
    "x = 'xoxb-" + "123456789012-123456789012-abcdefghijklmnopqrstuvwx'", "s = 'sk_live_" + "4eC39HqLyjWDarjtT1zdp7dc'",
]  # fmt: skip
PLANTED_OURS = ["wb_abcd1234_" + "Ab-_" * 10 + "xyz", "Ab-_" * 10 + "xyz" + "="]


def tracked() -> Iterator[str]:
    git = ["git", "-c", f"safe.directory={ROOT}", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(git, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return (name for name in listed.rstrip("\0").split("\0") if (ROOT / name).is_file() and not NOT_READ.search(name))


def test_no_tracked_file_holds_a_secret() -> None:
    found = []
    with transient_settings({"plugins_used": DETECTORS}):
        for name in tracked():
            found += [f"{name}:{secret.line_number} {secret.type}" for secret in scan_file(str(ROOT / name))]
            text = "" if name in SIGNATURES else (ROOT / name).read_bytes().decode(errors="replace")
            found += [f"{name}:{text.count(chr(10), 0, m.start()) + 1} a key of wearbase" for m in OURS.finditer(text)]
    assert not found, "\n".join(found)


def test_no_file_that_holds_settings_or_secrets_is_tracked() -> None:
    listed = subprocess.run(
        ["git", "-c", f"safe.directory={ROOT}", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    assert [name for name in listed if re.search(r"(^|/)(\.env|secrets/|token\.keys|.*\.(pem|key|p12|backup))$", name)] == []


def test_the_scan_sees_what_it_must() -> None:
    with transient_settings({"plugins_used": DETECTORS}):
        missed = [line for line in PLANTED if not list(scan_line(line))]
    assert missed == []
    assert [line for line in PLANTED_OURS if not OURS.search(line)] == []


def test_every_test_that_the_threat_model_names_exists() -> None:
    written = {node.name for source in sources("tests") for node in source.functions() if node.name.startswith("test_")}
    named = set(re.findall(r"`(test_\w+)`", MODEL))
    assert len(named) > 50
    assert named - written == set()


def test_every_threat_has_a_defence_and_a_test() -> None:
    section = MODEL.partition("## Threats")[2].partition("## What is not defended")[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in section.splitlines() if line.startswith("|")]
    threats = [row for row in rows if row[0] not in ("threat", "---")]
    assert len(threats) > 30
    assert [row[0] for row in threats if len(row) != 3 or not row[1] or not re.search(r"`test_\w+`", row[2])] == []


@pytest.mark.parametrize(
    ("report", "code", "line"),
    [
        ('{"dependencies": [{"name": "a", "version": "1", "vulns": []}]}', 0, "no known vulnerability in 1 packages"),
        ('{"dependencies": [{"name": "a", "skip_reason": "not found"}]}', 2, "NOT AUDITED: requirements.lock: no package"),
        ('{"dependencies": [{"name": "a", "skip_reason": "x"}, {"name": "b", "version": "1", "vulns": []}]}', 2, "only 1 of 2"),
        ("", 2, "NOT AUDITED"),
        ("[]", 2, "NOT AUDITED"),
        ('{"dependencies": []}', 2, "NOT AUDITED"),
        (
            '{"dependencies": [{"name": "a", "version": "1", "vulns": [{"id": "X-1", "fix_versions": ["2"]}]}]}',
            1,
            "a 1: X-1, repaired in 2",
        ),
    ],
)
def test_an_audit_that_could_not_be_made_is_never_said_to_be_clean(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], report: str, code: int, line: str
) -> None:
    monkeypatch.setattr(audit, "ask", lambda lock, service: audit.read(report))
    assert audit.main(["--strict"]) == code
    assert line in capsys.readouterr().out
    assert audit.main([]) == (0 if code == 2 else code)


def test_every_table_of_the_threat_model_is_one_table() -> None:
    lines, columns = MODEL.splitlines(), 0
    for number, line in enumerate(lines):
        if line.startswith("|") and not lines[number - 1].startswith("|"):
            assert re.fullmatch(r"\|(-+\|)+", lines[number + 1]), f"line {number + 1} begins a table without a head: {line[:60]}"
            columns = line.count("|")
        if line.startswith("|"):
            assert line.count("|") == columns, f"line {number + 1} has another number of columns"
