"""Tokens at rest: AES-256-GCM, bound to the row they belong to.

A sealed value is `version | key id | nonce | ciphertext`. It opens only for the same user, provider and kind.
"""

import base64
import binascii
import hashlib
import os
import re
from collections.abc import Callable
from typing import TypeAlias

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from wearbase.domain.errors import SettingsError, WearbaseError

VERSION = b"\x01"
KEY_BYTES = 32
KEY_ID_BYTES = 4
NONCE_BYTES = 12
FEWEST_DIFFERENT = 8  # bytes of a key: no random one has fewer
Unwrap: TypeAlias = Callable[[str], bytes]


class SealBroken(WearbaseError):
    """A stored token cannot be decrypted with the keys at hand."""

    code = "seal_broken"


class KeyRing:
    """The keys in use: the first seals, every one opens."""

    def __init__(self, keys: list[bytes]) -> None:
        if not keys or any(len(key) != KEY_BYTES for key in keys):
            raise SettingsError("TOKEN_ENCRYPTION_KEYS must hold keys of 32 bytes each, in url-safe base64, separated by commas.")
        self._ciphers = {_key_id(key): AESGCM(key) for key in keys}
        self._first = _key_id(keys[0])
        self._hash_keys = [hashlib.blake2b(key, person=b"wearbase-hash").digest()[:32] for key in reversed(keys)]
        self._signing_keys = [hashlib.blake2b(key, person=b"wearbase-sign").digest()[:32] for key in keys]

    @classmethod
    def from_text(cls, text: str, *, unwrap: Unwrap | None = None) -> "KeyRing":
        """A ring from url-safe base64, separated by commas or lines; `KIND:WRAPPED` is a key that `unwrap` opens.

        Raises: SettingsError that says which key is wrong, and never shows it.
        """
        parts = [part for part in (given.strip("\"'") for given in re.split(r"[,\s]+", text)) if part]
        keys: list[bytes] = []
        for number, part in enumerate(parts, start=1):
            key, of = _key(part, unwrap), f"TOKEN_ENCRYPTION_KEYS: key {number} of {len(parts)}"
            if len(key) != KEY_BYTES:
                raise SettingsError(f"{of} is not {KEY_BYTES} bytes in url-safe base64 (44 characters). Make one: wear keys new")
            if len(set(key)) < FEWEST_DIFFERENT:
                raise SettingsError(f"{of} can be guessed. Make one: wear keys new")
            if key in keys:
                raise SettingsError(f"{of} is the same as key {keys.index(key) + 1}: another was perhaps meant. Name each once.")
            keys.append(key)
        return cls(keys)

    @staticmethod
    def new_key_text() -> str:
        """A fresh key, as it stands in the setting."""
        return base64.urlsafe_b64encode(os.urandom(KEY_BYTES)).decode()

    def seal(self, secret: str, *, user_id: str, provider: str, kind: str) -> bytes:
        """The secret, encrypted and bound."""
        nonce = os.urandom(NONCE_BYTES)
        box = self._ciphers[self._first].encrypt(nonce, secret.encode(), _bound_to(user_id, provider, kind))
        return VERSION + self._first + nonce + box

    def open(self, sealed: bytes, *, user_id: str, provider: str, kind: str) -> str:
        """The secret. Raises SealBroken for another row's value, a changed one, or an unknown key."""
        head = len(VERSION) + KEY_ID_BYTES
        version, key_id, nonce = sealed[:1], sealed[1:head], sealed[head : head + NONCE_BYTES]
        cipher = self._ciphers.get(key_id)
        if version != VERSION or cipher is None:
            raise SealBroken
        try:
            return cipher.decrypt(nonce, sealed[head + NONCE_BYTES :], _bound_to(user_id, provider, kind)).decode()
        except (InvalidTag, ValueError) as error:
            raise SealBroken from error

    def keyed_hash(self, text: str) -> bytes:
        """A hash that only this installation can make: names a member in logs and unknown deliveries. 16 bytes.

        It uses the oldest key, so that adding a key in front does not rename anybody.
        """
        return self.keyed_hashes(text)[0]

    def keyed_hashes(self, text: str) -> list[bytes]:
        """The same by each key, the oldest first: what was named before the oldest key was taken away is found by another."""
        return [hashlib.blake2b(text.encode(), key=key, digest_size=16).digest() for key in self._hash_keys]

    @property
    def first_id(self) -> bytes:
        """Names the key that seals."""
        return self._first

    @property
    def ids(self) -> list[bytes]:
        """Names every key, the first one first."""
        return list(self._ciphers)

    @property
    def signing_keys(self) -> list[bytes]:
        """Keys for signing member tokens; the first signs, every one verifies."""
        return self._signing_keys


def _key(part: str, unwrap: Unwrap | None) -> bytes:
    """The key; none of it where the text is no base64."""
    if unwrap is not None and ":" in part:
        return unwrap(part)
    try:
        return base64.b64decode(part.rstrip("=") + "=" * (-len(part.rstrip("=")) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return b""


def _key_id(key: bytes) -> bytes:
    return hashlib.blake2b(key, digest_size=KEY_ID_BYTES, person=b"wearbase-id").digest()


def _bound_to(user_id: str, provider: str, kind: str) -> bytes:
    return "\x00".join((user_id, provider, kind)).encode()
