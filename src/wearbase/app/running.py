"""Parts become a server or a worker, until told to stop."""

import asyncio
import logging
import socket
from collections.abc import Callable, Coroutine
from typing import Any, TypeAlias

import structlog

from wearbase.app.http import http_app, listen_for_metrics, metrics_server, server
from wearbase.app.parts import Parts, Place, parts
from wearbase.app.stopping import stop_event
from wearbase.settings import Settings
from wearbase.store import observations
from wearbase.store.postgres.cancelling import cancel
from wearbase.store.work import due
from wearbase.sync.upkeep.resealing import note_ring
from wearbase.sync.worker import LAST_REFRESH_S, Worker

log = structlog.get_logger()

CEILINGS = "ceilings"  # the name of the observation

Beside: TypeAlias = Callable[[Parts], Coroutine[Any, Any, None]]


async def serve(
    settings: Settings, where: Place, listener: socket.socket, *, with_worker: bool, is_demo: bool = False, beside: Beside | None = None
) -> None:
    """Answers HTTP until told to stop; with a worker inside if asked. `beside` is run once it answers."""
    stop, for_metrics = stop_event(), listen_for_metrics(settings)
    async with parts(settings, where) as running:
        await _note_given(running)
        http = http_app(running, is_demo=is_demo)
        servers, listeners = [server(settings, http)], [listener]
        if for_metrics is not None:
            servers, listeners = [*servers, metrics_server(settings, http)], [*listeners, for_metrics]
        answering = [asyncio.create_task(one.serve(sockets=[socket])) for one, socket in zip(servers, listeners, strict=True)]
        lasting: list[asyncio.Task[Any]] = [*answering]
        passing: list[asyncio.Task[Any]] = [asyncio.create_task(stop.wait())]
        if with_worker:
            lasting.append(asyncio.create_task(_work(running, stop, is_alone=where.is_embedded)))
        try:
            for one, running_it in zip(servers, answering, strict=True):
                await one.until_answering(running_it)
            if beside is not None:
                passing.append(asyncio.create_task(beside(running)))
            await asyncio.wait([*lasting, passing[0]], return_when=asyncio.FIRST_COMPLETED)
            stop.set()
            for one in servers:
                one.should_exit = True
            await cancel(passing)
            await asyncio.gather(*lasting)
        finally:  # interrupted, nothing may still use what is closed next; uvicorn would report that as an error of its own
            logging.getLogger("uvicorn.error").disabled = True
            await cancel(passing)
            await _broken_off(lasting)


async def _note_given(running: Parts) -> None:
    """Keeps for `wear doctor` which ceilings and keys the process that started last was given: they must be the same everywhere."""
    now, host = running.clock.now(), socket.gethostname()
    async with running.db.transaction() as tx:
        for app in running.engine.apps.values():
            said = {"per_minute": app.per_minute, "per_day": app.per_day, "host": host}
            await observations.note(tx, app.name, CEILINGS, said, now=now)
    use = await note_ring(running.db, running.place.keys, host=host, now=now)
    if use.unknown:
        log.error("stored tokens cannot be opened by any key at hand", count=use.unknown, todo="wear doctor")


async def _broken_off(tasks: list[asyncio.Task[Any]]) -> None:
    """Tells the tasks once to stop: what they have to finish they may, for as long as a token refresh takes."""
    for task in tasks:
        task.cancel()
    _, left = await asyncio.wait(tasks, timeout=LAST_REFRESH_S)
    if left:
        log.error("a part does not stop: it is left behind", parts=len(left))
    for task in tasks:
        if task.done() and not task.cancelled():
            task.exception()  # told where it was waited for


async def work(settings: Settings, where: Place, *, on_ready: Callable[[], None] = lambda: None) -> None:
    """Visits members and does chores until told to stop."""
    stop = stop_event()
    async with parts(settings, where) as running:
        await _note_given(running)
        on_ready()
        await _work(running, stop)


async def _work(running: Parts, stop: asyncio.Event, *, is_alone: bool = False) -> None:
    if is_alone:  # the folder's server lock says that whoever held these leases is dead
        async with running.db.transaction() as tx:
            await due.release_dead(tx)
    worker = Worker(running.engine)
    listener = None
    if running.place.direct_url is not None:
        listener = asyncio.create_task(running.engine.hints.listen(running.place.direct_url, worker.wake))
    try:
        await worker.run(stop)
    finally:
        if listener is not None:
            await cancel([listener])
