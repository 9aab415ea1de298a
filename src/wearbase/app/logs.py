"""How this process logs."""

import logging
import sys
from typing import Any

import orjson
import structlog

from wearbase.app.logfile import log_file
from wearbase.domain.errors import place_of
from wearbase.settings import Settings

LONGEST_SAID = 200
WITH_VALUES = ("wearbase.", "py.warnings")  # whose values are ours


class _Libraries(logging.Handler):
    """What libraries have to say goes where our own lines go, which no reader can hold up; and as they do it tells no values.

    Without it they would write to standard error themselves, and a pipe that nobody reads would stop the process.
    """

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        told = {} if error is None else {"error": type(error).__name__, "place": place_of(error)}
        text = record.getMessage() if record.name.startswith(WITH_VALUES) else str(record.msg)
        lines = text.strip().splitlines() or [""]
        said = "".join(c if c.isprintable() else "?" for c in lines[0][:LONGEST_SAID])
        level = logging.ERROR if record.levelno >= logging.ERROR else logging.WARNING
        structlog.get_logger().log(level, "a library says", library=record.name, said=said, **told)


def configure_logging(settings: Settings, *, is_human: bool | None = None, stream: Any = None) -> None:
    """Structured logs on standard error (or `stream`): lines for a person in a terminal, JSON elsewhere."""
    is_human = sys.stderr.isatty() if is_human is None else is_human
    if stream is None:
        stream = sys.stderr if is_human else sys.stderr.buffer
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.dev.ConsoleRenderer() if is_human else structlog.processors.JSONRenderer(serializer=orjson.dumps, default=str),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(settings.log_level),
        logger_factory=(structlog.WriteLoggerFactory if is_human else structlog.BytesLoggerFactory)(file=log_file(stream)),
        cache_logger_on_first_use=True,
    )
    if not any(isinstance(handler, _Libraries) for handler in logging.root.handlers):
        logging.root.addHandler(_Libraries(logging.WARNING))
    logging.captureWarnings(True)
