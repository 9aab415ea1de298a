"""Calls that arrive together share one: while a batch runs, the items that come meanwhile are gathered for the next."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Generic, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

GATHER_TURNS = 2  # of the event loop: the answers of the last batch go out first, and what they bring in shares the next


class Together(Generic[Item, Result]):
    """Runs `work` over batches, one batch after another; every caller gets its own result, or the batch's error."""

    def __init__(self, work: Callable[[list[Item]], Awaitable[Mapping[Item, Result]]], *, largest: int) -> None:
        self._work, self._largest = work, largest
        self._gathering: list[Item] | None = None
        self._last: asyncio.Task[Mapping[Item, Result]] | None = None

    async def __call__(self, item: Item) -> Result:
        """The result for one item, once its batch has run."""
        if self._gathering is None or self._last is None or len(self._gathering) >= self._largest:
            self._gathering = []
            self._last = asyncio.create_task(self._run(self._gathering, after=self._last))
        self._gathering.append(item)
        results = await asyncio.shield(self._last)  # a caller who leaves must not take the batch along
        return results[item]

    async def _run(self, batch: list[Item], *, after: "asyncio.Task[Mapping[Item, Result]] | None") -> Mapping[Item, Result]:
        if after is not None:
            await asyncio.wait({after})
        for _ in range(GATHER_TURNS):
            await asyncio.sleep(0)
        if self._gathering is batch:
            self._gathering = None
        return await self._work(batch)
