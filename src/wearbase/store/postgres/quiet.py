"""What the driver's pool has to say, in our own log: now and then, and without an address that holds a password."""

import logging
import re
import time

import structlog

log = structlog.get_logger()

AGAIN_AFTER_S = 30.0
LONGEST = 200
_PASSWORD = re.compile(r"(?<=:)[^:/@\s]*(?=@)|(?<=password=)('[^']*'|\S+)", re.IGNORECASE)


class _Pool(logging.Handler):
    """While the database is away the pool has a line for every try of every connection: one of many is told."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._told_at = float("-inf")
        self._untold = 0

    def emit(self, record: logging.LogRecord) -> None:
        now = time.monotonic()
        if now - self._told_at < AGAIN_AFTER_S:
            self._untold += 1
            return
        said = _PASSWORD.sub("***", " ".join(record.getMessage().split()))
        log.warning("the database's connections fail", said=said[:LONGEST], untold=self._untold)
        self._told_at, self._untold = now, 0


def tell_of_the_pool() -> None:
    """Has the pool's warnings told in our log."""
    for name in ("psycopg", "psycopg.pool"):
        logger = logging.getLogger(name)
        if not any(isinstance(handler, _Pool) for handler in logger.handlers):
            logger.addHandler(_Pool())
            logger.propagate = False
