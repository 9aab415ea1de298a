"""`wear`, by a clock that a test moves: a file says by how many seconds it is ahead of this machine's."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

from wearbase.cli.main import app
from wearbase.store.postgres.clock import DatabaseClock

AHEAD = Path(os.environ["CLOCK_AHEAD_FILE"])


def now(_: DatabaseClock) -> datetime:
    return datetime.now(UTC) + timedelta(seconds=float(AHEAD.read_text()))


if __name__ == "__main__":
    DatabaseClock.now = now  # type: ignore[method-assign]
    app()
