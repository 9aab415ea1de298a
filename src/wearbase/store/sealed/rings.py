"""Where the keys for stored tokens come from: the setting, a file, a KMS, or the data folder."""

import os
from contextlib import suppress
from pathlib import Path
from tempfile import mkstemp

from wearbase.domain.errors import SettingsError
from wearbase.store.sealed import kms
from wearbase.store.sealing import KeyRing

FILE = "file:"


def given_ring(text: str) -> KeyRing:
    """The ring of the setting: keys, wrapped keys, or `file:PATH` of a file with such. Raises SettingsError."""
    if (path := file_of(text)) is None:
        return KeyRing.from_text(text, unwrap=kms.unwrap)
    try:
        return _in_file(path)
    except OSError as error:
        raise SettingsError(f"TOKEN_ENCRYPTION_KEYS: the file {path} cannot be read: {error.strerror}.") from error


def file_of(text: str) -> Path | None:
    """The file that the setting names, if it names one."""
    return Path(text.removeprefix(FILE)) if text.startswith(FILE) else None


def _in_file(path: Path) -> KeyRing:
    """The ring in a file, one key a line; a line that begins with # is a remark. Raises SettingsError, OSError."""
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError:
        raise SettingsError(f"TOKEN_ENCRYPTION_KEYS: the file {path} is no text. A key is url-safe base64: wear keys new") from None
    try:
        return KeyRing.from_text("\n".join(line for line in lines if not line.lstrip().startswith("#")), unwrap=kms.unwrap)
    except SettingsError as error:
        raise SettingsError(f"{error.message} (in {path})") from error


def kept_ring(folder: Path) -> KeyRing:
    """The ring kept in the data folder, made on the first start. Raises SettingsError."""
    path = folder / "token.keys"
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not path.exists():
            _make(path)
        return _in_file(path)
    except OSError as error:
        raise SettingsError(f"The keys for stored tokens cannot be kept in {path}: {error.strerror}. Set TOKEN_ENCRYPTION_KEYS.") from error


def _make(path: Path) -> None:
    """Whole or not at all, and only once, however many begin at the same time. Raises OSError."""
    opened, name = mkstemp(prefix="token.keys.", dir=path.parent)  # 0600
    try:
        with os.fdopen(opened, "w") as file:
            file.write(KeyRing.new_key_text() + "\n")
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):
            os.link(name, path)
    finally:
        os.unlink(name)
