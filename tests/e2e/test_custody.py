"""`wear keys`, `backup` and `restore` from outside, on a data folder of their own."""

import json
import stat
import subprocess

from tests.e2e.processes import Home, home, wear
from wearbase.store.sealing import KeyRing

SOURCE = {"WHOOP_CLIENT_ID": "app", "WHOOP_CLIENT_SECRET": "client-secret-of-the-tests"}


def command(place: Home, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    environment = {**place.environment, **SOURCE, **settings}
    return subprocess.run(
        [wear(), *arguments], env=environment, cwd=place.folder.parent, capture_output=True, text=True, timeout=120, check=False
    )


def told(done: subprocess.CompletedProcess[str]) -> dict:
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_keys_are_rotated_and_a_backup_brings_them_back() -> None:
    with home() as place:
        made = told(command(place, "keys", "create", "--name", "app", "--scope", "read", "--json"))
        second = told(command(place, "keys", "rotate", made["prefix"], "--grace", "24h", "--json"))
        assert (second["name"], second["scopes"], second["replaces"]) == ("app", ["read"], made["id"])
        listed = {key["prefix"]: key for key in told(command(place, "keys", "list", "--json"))["keys"]}
        assert listed[made["prefix"]]["expires_at"] == second["old_expires_at"] is not None
        assert listed[second["prefix"]].keys() >= {"prefix", "scopes", "expires_at", "last_used_at", "created_at"}
        assert not [key for key in listed.values() if "key" in key]

        file = place.folder.parent / "one.backup"
        saved = told(command(place, "backup", str(file), "--json"))
        assert saved["keys_included"] is False
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        told(command(place, "keys", "revoke", second["prefix"], "--keep-members", "--json"))
        refused = command(place, "restore", str(file))
        assert (refused.returncode, "--replace" in refused.stderr) == (1, True)
        unasked = command(place, "restore", str(file), "--replace")
        assert (unasked.returncode, "--yes" in unasked.stderr) == (2, True)
        assert told(command(place, "restore", str(file), "--replace", "--yes", "--json"))["tables"] == saved["tables"]
        again = {key["prefix"]: key for key in told(command(place, "keys", "list", "--json"))["keys"]}
        assert again[second["prefix"]].pop("expires_at") is not None, "what was taken back since the backup stays so"
        assert listed[second["prefix"]].pop("expires_at") is None
        assert again == listed
        file.unlink()
        lines = [json.loads(line) for line in command(place, "audit", "export", "--since", "1h").stdout.splitlines()]
        assert [(line["action"], line["details"].get("key")) for line in lines] == [
            ("key_made", made["prefix"]), ("key_rotated", second["prefix"]), ("backup_made", None), ("restored", None),
        ]  # fmt: skip
        assert {line["credential"] for line in lines} == {"command_line"}
        table = command(place, "audit", "export", "--csv").stdout.splitlines()
        assert (len(table), table[0].split(",")[:4]) == (6, ["id", "at", "action", "credential"])  # the export before is a line, too
        carried = [json.loads(line)["number"] for line in command(place, "audit", "carry").stdout.splitlines()]
        assert len(carried) >= 5
        assert min(carried) > 1_700_000_000_000_000  # none of before the restore is given again
        assert command(place, "audit", "export", "--user", "nobody").returncode == 1
        assert command(place, "audit", "export", "--csv", "--json").returncode == 2


def test_the_ring_is_rotated_from_outside() -> None:
    with home() as place:
        old, new = told(command(place, "keys", "new", "--json"))["key"], KeyRing.new_key_text()
        done = told(command(place, "keys", "rotate", "--json", TOKEN_ENCRYPTION_KEYS=f"{new},{old}"))
        assert (done["resealed"], done["unreadable"], done["left"]) == (0, 0, 0)
        assert done["unused_keys"] == [KeyRing.from_text(old).first_id.hex()]
        wrong = command(place, "keys", "rotate", TOKEN_ENCRYPTION_KEYS="file:/none/at/all")
        assert (wrong.returncode, len(wrong.stderr.strip().splitlines())) == (4, 1)
        assert command(place, "keys", "rotate", "--grace", "1h").returncode == 2
