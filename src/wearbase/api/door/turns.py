"""How many deliveries of a provider are taken at once, and in a second, whoever sent them."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from math import ceil

from wearbase.api.door.pace import Buckets
from wearbase.api.door.rules import DoorRules
from wearbase.domain.errors import TooManyDeliveries


class Turns:
    """One count for each provider: its deliveries come from few addresses, and its signature is not read yet."""

    def __init__(self, rules: DoorRules) -> None:
        self._most, self._at_once = rules.webhooks_at_once, Counter[str]()
        self._paces = Buckets(rules.webhooks_per_second)

    @contextmanager
    def taken(self, provider: str) -> Iterator[None]:
        """While one delivery, whose body is here, is looked at and stored. Raises TooManyDeliveries."""
        if self._most and self._at_once[provider] >= self._most:
            raise TooManyDeliveries(provider=provider, retry_after_s=1)
        if wait_s := self._paces.take(provider):
            raise TooManyDeliveries(provider=provider, retry_after_s=ceil(wait_s))
        self._at_once[provider] += 1
        try:
            yield
        finally:
            self._at_once[provider] -= 1
