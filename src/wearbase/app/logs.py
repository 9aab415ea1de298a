"""How this process logs."""

import sys
from typing import Any

import orjson
import structlog

from wearbase.app.logfile import log_file
from wearbase.settings import Settings


def configure_logging(settings: Settings, *, is_human: bool | None = None) -> None:
    """Structured logs on standard error: lines for a person in a terminal, JSON elsewhere."""
    is_human = sys.stderr.isatty() if is_human is None else is_human
    stream: Any = sys.stderr if is_human else sys.stderr.buffer
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
