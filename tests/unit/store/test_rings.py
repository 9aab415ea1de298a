"""Keys for stored tokens: from the setting, a file, or wrapped by a KMS."""

import base64
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, NoCredentialsError, ReadTimeoutError
from moto import mock_aws

from wearbase import settings
from wearbase.cli.custody.ring import new_ring_key
from wearbase.domain.errors import SettingsError
from wearbase.settings import load
from wearbase.settings.advice import advice
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


ONE, TWO = KeyRing.new_key_text(), KeyRing.new_key_text()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f"{ONE},{TWO[:40]}", "key 2 of 2 is not 32 bytes"), (f"{ONE[:9]}!{ONE[10:]}", "key 1 of 1 is not"),
        (f"{ONE},{TWO},{ONE}", "key 3 of 3 is the same as key 1"),
        (base64.urlsafe_b64encode(bytes(32)).decode(), "can be guessed"),
    ],
    ids=["short", "no base64", "twice", "guessable"],
)  # fmt: skip
def test_which_key_is_wrong_is_said_and_none_is_shown(text: str, said: str) -> None:
    with pytest.raises(SettingsError, match=said) as refused:
        given_ring(text)
    assert not [part for part in text.split(",") if part in refused.value.message]


def test_a_key_without_its_filling_or_in_quotation_marks_is_the_same_key() -> None:
    assert given_ring(f'"{ONE.rstrip("=")}"').first_id == given_ring(ONE).first_id


def test_a_file_may_hold_remarks_and_one_that_is_no_text_is_named(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    path.write_text(f"\ufeff# the newest, since May\n{ONE}\n  # before\n{TWO}\n")
    assert given_ring(f"file:{path}").ids == given_ring(f"{ONE},{TWO}").ids
    for content in (b"\xff\xfe\x00", b"", b"short\n"):
        path.write_bytes(content)
        with pytest.raises(SettingsError, match=str(path)):
            given_ring(f"file:{path}")


def test_a_ring_of_the_data_folder_is_never_half_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed as it is made, nothing is there; what is there is not replaced."""
    monkeypatch.setattr("os.link", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        kept_ring(tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("mode", "is_told"), [(0o600, False), (0o640, False), (0o644, True), (0o660, True)])
def test_a_file_of_keys_that_others_can_read_is_told(tmp_path: Path, mode: int, is_told: bool) -> None:
    path = tmp_path / "keys"
    path.write_text(ONE)
    path.chmod(mode)
    told = [one for one in advice(load(_env_file=None, token_encryption_keys=f"file:{path}")) if one.setting == "TOKEN_ENCRYPTION_KEYS"]
    assert bool(told) is is_told


@pytest.mark.parametrize(
    ("failure", "said"),
    [
        (ClientError({"Error": {"Code": "AccessDeniedException"}}, "Decrypt"), "Allow kms:Decrypt"),
        (ReadTimeoutError(endpoint_url="https://kms.example.com"), "could not be reached"),
        (NoCredentialsError(), "Give this process a role"),
    ],
)
def test_why_a_kms_gave_no_key_is_said_with_what_to_do(failure: Exception, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(**_: Any) -> Any:
        raise failure

    monkeypatch.setattr(boto3, "client", lambda *_, **__: SimpleNamespace(decrypt=fail))
    with pytest.raises(SettingsError, match=said):
        kms.unwrap("aws-kms:AAAA")
    monkeypatch.setattr(boto3, "client", lambda *_, **__: SimpleNamespace(decrypt=lambda **_: {"KeyId": "k"}))
    with pytest.raises(SettingsError, match="holds none"):
        kms.unwrap("aws-kms:AAAA")


def test_a_file_of_settings_that_may_not_be_read_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(**given: object) -> None:
        raise PermissionError(13, "Permission denied", "/run/secrets/service_api_key")

    monkeypatch.setattr(settings, "Settings", refused)
    with pytest.raises(SettingsError, match=r"^/run/secrets/service_api_key cannot be read: Permission denied\.$"):
        load()
