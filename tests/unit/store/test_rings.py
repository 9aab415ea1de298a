"""Keys for stored tokens: from the setting, a file, or wrapped by a KMS."""

import base64
from pathlib import Path

import boto3
import pytest
from moto import mock_aws

from wearbase.cli.custody.ring import new_ring_key
from wearbase.domain.errors import SettingsError
from wearbase.settings import load
from wearbase.store.sealed import kms
from wearbase.store.sealed.rings import given_ring, kept_ring
from wearbase.store.sealing import KeyRing, SealBroken

WHO = {"user_id": "ann", "provider": "whoop", "kind": "access"}


@pytest.fixture(autouse=True)
def region(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("AWS_DEFAULT_REGION", "eu-central-1"), ("AWS_ACCESS_KEY_ID", "testing"), ("AWS_SECRET_ACCESS_KEY", "testing")):
        monkeypatch.setenv(name, value)


def test_the_first_key_seals_and_every_key_opens() -> None:
    old, new = KeyRing.new_key_text(), KeyRing.new_key_text()
    before, after = given_ring(old), given_ring(f"{new},\n {old}")
    sealed = before.seal("secret", **WHO)
    assert after.open(sealed, **WHO) == "secret"
    with pytest.raises(SealBroken):
        before.open(after.seal("secret", **WHO), **WHO)
    assert after.keyed_hash("ann") == before.keyed_hash("ann")  # the oldest names
    assert before.keyed_hash("ann") in given_ring(f"{old},{new}").keyed_hashes("ann")


def test_keys_from_a_file(tmp_path: Path) -> None:
    old, new = KeyRing.new_key_text(), KeyRing.new_key_text()
    path = tmp_path / "keys"
    path.write_text(f"{new}\n{old}\n")
    assert given_ring(f"file:{path}").open(given_ring(old).seal("secret", **WHO), **WHO) == "secret"
    assert given_ring(f"file:{path}").first_id == given_ring(new).first_id
    with pytest.raises(SettingsError, match="cannot be read"):
        given_ring(f"file:{tmp_path / 'none'}")


@pytest.mark.parametrize("text", ["", "short", "not base64!", base64.urlsafe_b64encode(bytes(31)).decode(), "file:"])
def test_bad_keys_are_refused_without_being_shown(text: str) -> None:
    with pytest.raises(SettingsError) as refused:
        given_ring(text)
    assert "TOKEN_ENCRYPTION_KEYS" in refused.value.message
    assert "not base64!" not in refused.value.message


def test_the_ring_of_the_data_folder_is_private_and_stays(tmp_path: Path) -> None:
    ring = kept_ring(tmp_path / "data")
    assert kept_ring(tmp_path / "data").first_id == ring.first_id
    assert (tmp_path / "data/token.keys").stat().st_mode & 0o777 == 0o600


@mock_aws
def test_a_key_wrapped_by_a_kms_seals_and_opens() -> None:
    key = boto3.client("kms").create_key()["KeyMetadata"]["KeyId"]
    wrapped, plain = kms.new_wrapped_key(key), KeyRing.new_key_text()
    ring = given_ring(f"{wrapped},{plain}")  # both kinds side by side: this is how one changes to a KMS
    assert given_ring(wrapped).open(ring.seal("secret", **WHO), **WHO) == "secret"
    assert ring.open(given_ring(plain).seal("older", **WHO), **WHO) == "older"
    assert kms.new_wrapped_key(key) != wrapped


@mock_aws
def test_a_wrapped_key_is_not_the_key(capsys: pytest.CaptureFixture[str]) -> None:
    key = boto3.client("kms").create_key()["KeyMetadata"]["KeyId"]
    new_ring_key(aws_kms=key)
    shown = capsys.readouterr().out.strip()
    assert kms.unwrap(shown) not in base64.urlsafe_b64decode(shown.removeprefix(kms.KIND))
    assert len(kms.unwrap(shown)) == 32


@mock_aws
@pytest.mark.parametrize("text", ["aws-kms:AAAA", "aws-kms:*", "vault:AAAA"])
def test_what_cannot_be_unwrapped_says_so(text: str) -> None:
    with pytest.raises(SettingsError, match="TOKEN_ENCRYPTION_KEYS"):
        given_ring(text)


@mock_aws
def test_a_wrapped_key_opens_for_no_other_purpose() -> None:
    client = boto3.client("kms")
    key = client.create_key()["KeyMetadata"]["KeyId"]
    made = client.generate_data_key_without_plaintext(KeyId=key, KeySpec="AES_256", EncryptionContext={"purpose": "another"})
    with pytest.raises(SettingsError, match="InvalidCiphertext"):
        given_ring(kms.KIND + base64.urlsafe_b64encode(made["CiphertextBlob"]).decode())


def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "boto3", None)
    with pytest.raises(SettingsError, match=r"wearbase\[aws\]"):
        given_ring("aws-kms:AAAA")


def test_secrets_may_come_as_files_called_like_their_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("TOKEN_ENCRYPTION_KEYS", "SERVICE_API_KEY", "WHOOP_CLIENT_ID", "WHOOP_CLIENT_SECRET", "DATABASE_URL"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "service_api_key").write_text("a-service-key-of-the-tests-0123\n")
    (tmp_path / "token_encryption_keys").write_text(KeyRing.new_key_text())
    monkeypatch.setenv("SECRETS_DIR", str(tmp_path))
    found = load()
    assert found.service_api_key is not None
    assert found.service_api_key.get_secret_value() == "a-service-key-of-the-tests-0123"
    assert found.token_encryption_keys is not None
    monkeypatch.setenv("SERVICE_API_KEY", "another-service-key-of-the-tests")
    named = load().service_api_key
    assert named is not None
    assert named.get_secret_value().startswith("another")  # the environment goes first
    monkeypatch.setenv("SECRETS_DIR", str(tmp_path / "none"))
    with pytest.raises(SettingsError, match="SECRETS_DIR"):
        load()
