"""Which request brought about what is being done: its id travels with what it marks due, so that one word finds both in the logs."""

from contextvars import ContextVar

LONGEST_CAUSE = 64

CAUSE: ContextVar[str | None] = ContextVar("cause", default=None)
