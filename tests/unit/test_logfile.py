"""A log that cannot be written costs lines, never a request."""

import logging
import os
import select
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import orjson
import pytest
import structlog

from wearbase.app.logfile import LogFile, log_file
from wearbase.app.logs import configure_logging
from wearbase.settings import load

LINE = b'{"event":"request"}\n'
FULL = Path("/dev/full")


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    reader, writer = os.pipe()
    yield reader, writer
    for end in (reader, writer):
        with suppress(OSError):
            os.close(end)


def fill(log: LogFile, writer: int) -> int:
    """How many lines a pipe takes that nobody reads."""
    ready, count = select.poll(), 0
    ready.register(writer, select.POLLOUT)
    while ready.poll(0):
        log.write(LINE)
        count += 1
    return count


def lines(reader: int) -> list[dict]:
    """What is in the pipe now; each line is one whole object."""
    os.set_blocking(reader, False)
    found = b""
    with suppress(BlockingIOError):
        while part := os.read(reader, 65_536):
            found += part
    return [orjson.loads(line) for line in found.splitlines()]


def test_lines_are_written_as_they_come(pipe: tuple[int, int]) -> None:
    log = LogFile(pipe[1])
    log.write(LINE)
    log.write('{"event":"ä"}\n')
    assert [line["event"] for line in lines(pipe[0])] == ["request", "ä"]


def test_a_reader_that_does_not_read_holds_nobody_up_and_is_told_how_many_lines_it_missed(pipe: tuple[int, int]) -> None:
    reader, writer = pipe
    log = LogFile(writer)
    count = fill(log, writer)
    for _ in range(5):
        log.write(LINE)  # a blocking write would end here
    assert len(lines(reader)) == count
    log.write(LINE)
    told, after = lines(reader)
    assert (told["event"], told["lines"], after["event"]) == ("log lines were lost", 5, "request")


def test_a_reader_that_is_gone_raises_nothing(pipe: tuple[int, int]) -> None:
    log = LogFile(pipe[1])
    os.close(pipe[0])
    log.write(LINE)
    log.write(LINE)


def test_a_line_that_was_torn_is_ended_before_the_next(pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    log, really = LogFile(pipe[1]), os.write

    def almost_full(descriptor: int, content: memoryview) -> int:
        if len(content) < len(LINE):
            raise OSError(28, "No space left on device")
        return really(descriptor, bytes(content[:4]))

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", almost_full)
        log.write(LINE)
    log.write(LINE)
    os.close(pipe[1])
    torn, told, after = os.read(pipe[0], 4096).splitlines()
    assert torn == LINE[:4]
    assert orjson.loads(told)["lines"] == 1
    assert orjson.loads(after) == {"event": "request"}


def test_a_line_longer_than_a_pipe_takes_at_once_comes_whole(pipe: tuple[int, int]) -> None:
    long = orjson.dumps({"event": "x" * 3 * select.PIPE_BUF}) + b"\n"
    LogFile(pipe[1]).write(long)
    assert os.read(pipe[0], 65_536) == long


@pytest.mark.skipif(not FULL.exists(), reason="this system has no device that is always full")
def test_a_full_disk_raises_nothing_in_whoever_logs() -> None:
    with FULL.open("wb", buffering=0) as full:
        logger = structlog.BytesLoggerFactory(file=log_file(full))()
        logger.info(b"{}")
        logger.error(b"{}")


@pytest.fixture
def configured(pipe: tuple[int, int]) -> Iterator[tuple[int, int]]:
    """The process's log on the pipe."""
    before, library = list(logging.root.handlers), logging.getLogger("uvicorn")
    others, is_passed_on = library.handlers, library.propagate
    library.handlers, library.propagate = [], True  # as in a process that has made no server of uvicorn's own settings
    with os.fdopen(os.dup(pipe[1]), "wb", buffering=0) as stream:
        configure_logging(load(_env_file=None), is_human=False, stream=stream)
        yield pipe
    logging.root.handlers = before
    library.handlers, library.propagate = others, is_passed_on
    logging.captureWarnings(False)
    structlog.reset_defaults()


def test_what_libraries_say_is_a_line_of_ours_and_tells_no_values(configured: tuple[int, int]) -> None:
    try:
        raise ValueError("a-value-of-somebody")
    except ValueError:
        logging.getLogger("uvicorn.error").exception("Exception in ASGI application\n%s", "a-value-of-somebody")
    logging.getLogger("asyncio").warning("Task was destroyed but it is pending!\ntask: <a-value-of-somebody>")
    logging.getLogger("httpx2").info("HTTP Request: a-value-of-somebody")
    first, second = lines(configured[0])
    assert (first["library"], first["said"], first["error"], first["level"]) == (
        "uvicorn.error", "Exception in ASGI application", "ValueError", "error",
    )  # fmt: skip
    assert first["place"]
    assert (second["said"], second["level"]) == ("Task was destroyed but it is pending!", "warning")
    assert "a-value-of-somebody" not in str((first, second))


def test_a_library_is_not_held_up_by_a_reader_that_does_not_read(configured: tuple[int, int]) -> None:
    reader, writer = configured
    fill(LogFile(writer), writer)
    for _ in range(3):
        logging.getLogger("asyncio").error("a blocking write would end here")
    os.set_blocking(reader, False)
    with suppress(BlockingIOError):
        while os.read(reader, 65_536):
            pass
    logging.getLogger("asyncio").error("again")
    told, after = lines(reader)
    assert (told["event"], told["lines"], after["said"]) == ("log lines were lost", 3, "again")


def test_a_stream_without_a_descriptor_is_written_to_as_it_is() -> None:
    class Kept:
        def fileno(self) -> int:
            raise OSError

    kept = Kept()
    assert log_file(kept) is kept
