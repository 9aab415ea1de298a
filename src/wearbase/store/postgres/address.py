"""The database's address: what libpq would read otherwise than it was meant is refused, and no password is told."""

import psycopg
from psycopg.conninfo import conninfo_to_dict

from wearbase.domain.errors import DatabaseUnavailable, SettingsError

EXAMPLE = "postgresql://user:password@host/database"
SHORTEST_HIDDEN = 3  # a shorter password would take half of the words with it


def checked_url(url: str, *, setting: str) -> str:
    """The address, if libpq can read it as it is meant. Raises SettingsError."""
    try:
        found = conninfo_to_dict(url) if url.strip() else None
    except (psycopg.ProgrammingError, UnicodeError):
        found = None
    if found is None:
        raise SettingsError(f"{setting} is not a PostgreSQL address: give {EXAMPLE}, or key=value pairs as libpq takes them.")
    scheme, is_url, rest = url.partition("://")
    if is_url and scheme in ("postgres", "postgresql"):
        before, at, _ = rest.rpartition("@")
        if at and set("@/") & set(before):  # the rest of a password would be taken for a host's name, and told as one
            raise SettingsError(f"{setting}: in a name or password write @ as %40, / as %2F, : as %3A and % as %25, as in {EXAMPLE}.")
    ports = str(found.get("port", "")).split(",")
    if not all(port.isascii() and port.isdigit() and 1 <= int(port) <= 65_535 for port in ports if port):
        raise SettingsError(f"{setting}: its port is none. Give {EXAMPLE}, and in a password write : as %3A and / as %2F.")
    return url


def unreachable(error: psycopg.OperationalError, url: str) -> DatabaseUnavailable:
    """What to say of a database that cannot be reached: the driver's first line, without the password."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    said, password = lines[0], str(conninfo_to_dict(url).get("password") or "")
    if len(password) >= SHORTEST_HIDDEN:
        said = said.replace(password, "***")
    return DatabaseUnavailable(f"The database cannot be reached: {said}")
