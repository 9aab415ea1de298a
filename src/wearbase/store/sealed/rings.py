"""Where the keys for stored tokens come from: the setting, a file, a KMS, or the data folder."""

import os
from contextlib import suppress
from pathlib import Path

from wearbase.domain.errors import SettingsError
from wearbase.store.sealed import kms
from wearbase.store.sealing import KeyRing

FILE = "file:"


def given_ring(text: str) -> KeyRing:
    """The ring of the setting: keys, wrapped keys, or `file:PATH` of a file with such. Raises SettingsError."""
    if text.startswith(FILE):
        path = Path(text.removeprefix(FILE))
        try:
            text = path.read_text()
        except OSError as error:
            raise SettingsError(f"TOKEN_ENCRYPTION_KEYS: the file {path} cannot be read: {error.strerror}.") from error
    return KeyRing.from_text(text, unwrap=kms.unwrap)


def kept_ring(folder: Path) -> KeyRing:
    """The ring kept in the data folder, made on the first start. Raises SettingsError."""
    path = folder / "token.keys"
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with suppress(FileExistsError):
            made = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(made, "w") as file:
                file.write(KeyRing.new_key_text() + "\n")
        return KeyRing.from_text(path.read_text(), unwrap=kms.unwrap)
    except OSError as error:
        raise SettingsError(f"The keys for stored tokens cannot be kept in {path}: {error.strerror}. Set TOKEN_ENCRYPTION_KEYS.") from error
