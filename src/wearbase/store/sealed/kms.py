"""Keys wrapped by AWS KMS: what is kept is of no use without the right to unwrap it. Needs the extra: wearbase[aws]."""

import base64
import binascii
from typing import Any

from wearbase.domain.errors import SettingsError

KIND = "aws-kms:"
PATIENCE_S, ATTEMPTS = 3, 3  # KMS answers in milliseconds; who starts a process waits for this
PURPOSE = {"purpose": "wearbase token keys"}  # a wrapped key opens for nothing else
_UNREACHABLE = "It could not be reached: check the network and AWS_DEFAULT_REGION, then start again."
TODO = {
    "NoRegionError": "Set AWS_DEFAULT_REGION.",
    "NoCredentialsError": "Give this process a role, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.",
    "AccessDeniedException": "Allow kms:Decrypt (kms:GenerateDataKeyWithoutPlaintext to make one) with the encryption context"
    " purpose=wearbase token keys.",
    "InvalidCiphertextException": "It was wrapped by another key, for another purpose, or copied in part.",
    **dict.fromkeys(("EndpointConnectionError", "ConnectTimeoutError", "ReadTimeoutError"), _UNREACHABLE),
}


def unwrap(text: str) -> bytes:
    """The key of `aws-kms:WRAPPED`, by the credentials and region that AWS's own settings give. Raises SettingsError."""
    if not text.startswith(KIND):
        raise SettingsError(f"TOKEN_ENCRYPTION_KEYS: {text.partition(':')[0]!r} is no place for keys that is known; aws-kms is.")
    try:
        wrapped = base64.urlsafe_b64decode(text.removeprefix(KIND))
    except (binascii.Error, ValueError) as error:
        raise SettingsError("TOKEN_ENCRYPTION_KEYS: what follows aws-kms: is not url-safe base64.") from error
    return _ask("unwrap", "decrypt", "Plaintext", CiphertextBlob=wrapped, EncryptionContext=PURPOSE)


def new_wrapped_key(kms_key: str) -> str:
    """A fresh key, wrapped by that key of KMS, as it stands in the setting. Raises SettingsError."""
    given = {"KeyId": kms_key, "KeySpec": "AES_256", "EncryptionContext": PURPOSE}
    return KIND + base64.urlsafe_b64encode(_ask("make", "generate_data_key_without_plaintext", "CiphertextBlob", **given)).decode()


def _ask(verb: str, method: str, wanted: str, **given: Any) -> bytes:
    try:
        import boto3
        from botocore.config import Config
        from botocore.exceptions import BotoCoreError, ClientError
    except ImportError as error:
        raise SettingsError("TOKEN_ENCRYPTION_KEYS: keys of AWS KMS need boto3: pip install 'wearbase[aws]'.") from error
    try:
        patience = Config(connect_timeout=PATIENCE_S, read_timeout=PATIENCE_S, retries={"total_max_attempts": ATTEMPTS, "mode": "standard"})
        return getattr(boto3.client("kms", config=patience), method)(**given)[wanted]
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "refused")
        raise SettingsError(f"{_failed(verb, code)} {TODO.get(code, '')}".rstrip()) from error
    except BotoCoreError as error:
        name = type(error).__name__
        raise SettingsError(f"{_failed(verb, name)} {TODO.get(name, '')}".rstrip()) from error
    except KeyError as error:
        raise SettingsError(_failed(verb, "the answer holds none")) from error


def _failed(verb: str, reason: str) -> str:
    return f"TOKEN_ENCRYPTION_KEYS: AWS KMS did not {verb} a key: {reason}."
