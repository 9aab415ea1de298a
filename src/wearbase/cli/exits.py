"""How a command ends: one line for a person, one number for a script."""

from enum import IntEnum

from wearbase.domain.errors import BadRequest, DatabaseUnavailable, ReauthorizationRequired, SettingsError, WearbaseError


class Code(IntEnum):
    """Exit codes; documented in docs/command-line.md."""

    OK = 0
    FAILED = 1
    USAGE = 2
    NOT_CONNECTED = 3
    SETTINGS = 4
    DATABASE = 5
    INTERRUPTED = 130


class Stop(Exception):
    """The command ends here, with this line and code."""

    def __init__(self, message: str, code: Code = Code.FAILED) -> None:
        super().__init__(message)
        self.message = message
        self.code = code


_CODES: tuple[tuple[type[WearbaseError], Code], ...] = (
    (SettingsError, Code.SETTINGS),
    (DatabaseUnavailable, Code.DATABASE),
    (ReauthorizationRequired, Code.NOT_CONNECTED),
    (BadRequest, Code.USAGE),
)


def code_of(error: WearbaseError) -> Code:
    """The exit code of an error."""
    return next((code for kind, code in _CODES if isinstance(error, kind)), Code.FAILED)
