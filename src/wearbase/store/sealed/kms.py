"""Keys wrapped by AWS KMS: what is kept is of no use without the right to unwrap it. Needs the extra: wearbase[aws]."""

import base64
import binascii
from typing import Any

from wearbase.domain.errors import SettingsError

KIND = "aws-kms:"
PURPOSE = {"purpose": "wearbase token keys"}  # a wrapped key opens for nothing else


def unwrap(text: str) -> bytes:
    """The key of `aws-kms:WRAPPED`, by the credentials and region that AWS's own settings give. Raises SettingsError."""
    if not text.startswith(KIND):
        raise SettingsError(f"TOKEN_ENCRYPTION_KEYS: {text.partition(':')[0]!r} is no place for keys that is known; aws-kms is.")
    try:
        wrapped = base64.urlsafe_b64decode(text.removeprefix(KIND))
    except (binascii.Error, ValueError) as error:
        raise SettingsError("TOKEN_ENCRYPTION_KEYS: what follows aws-kms: is not url-safe base64.") from error
    return _ask("unwrap", "decrypt", CiphertextBlob=wrapped, EncryptionContext=PURPOSE)["Plaintext"]


def new_wrapped_key(kms_key: str) -> str:
    """A fresh key, wrapped by that key of KMS, as it stands in the setting. Raises SettingsError."""
    made = _ask("make", "generate_data_key_without_plaintext", KeyId=kms_key, KeySpec="AES_256", EncryptionContext=PURPOSE)
    return KIND + base64.urlsafe_b64encode(made["CiphertextBlob"]).decode()


def _ask(verb: str, method: str, **given: Any) -> dict[str, Any]:
    try:
        import boto3
        from botocore.config import Config
        from botocore.exceptions import BotoCoreError, ClientError
    except ImportError as error:
        raise SettingsError("TOKEN_ENCRYPTION_KEYS: keys of AWS KMS need boto3: pip install 'wearbase[aws]'.") from error
    try:
        patience = Config(connect_timeout=5, read_timeout=5, retries={"max_attempts": 4, "mode": "standard"})
        return getattr(boto3.client("kms", config=patience), method)(**given)
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "refused")
        raise SettingsError(f"TOKEN_ENCRYPTION_KEYS: AWS KMS did not {verb} a key: {code}.") from error
    except BotoCoreError as error:
        raise SettingsError(f"TOKEN_ENCRYPTION_KEYS: AWS KMS did not {verb} a key: {type(error).__name__}.") from error
