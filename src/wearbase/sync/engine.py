"""What every verb is given."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from wearbase.domain.clock import Clock
from wearbase.domain.combining import Combining
from wearbase.domain.errors import NotFound
from wearbase.domain.provider import Provider
from wearbase.store.postgres.database import Database
from wearbase.store.postgres.hints import Hints
from wearbase.store.sealing import KeyRing
from wearbase.transport.apps import App
from wearbase.transport.gateway import Gateway
from wearbase.transport.remote import Remote


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """The database, the clock, the provider apps and the way out to them."""

    db: Database
    clock: Clock
    keys: KeyRing = field(repr=False)
    apps: Mapping[str, App]
    gateway: Gateway
    hints: Hints
    combining: Combining = field(default_factory=Combining)
    remotes: Mapping[str, Remote] = field(default_factory=dict)  # sources that come from another wearbase
    hold_down: timedelta = timedelta(seconds=2)
    backfill: timedelta = timedelta(days=730)
    idle_after: timedelta = timedelta(days=3)
    visit_idle_every: timedelta = timedelta(days=1)
    keepalive: timedelta = timedelta(days=1)
    source_deadline: timedelta = timedelta(seconds=2.5)  # for all sources together, while a reader waits
    keep_deliveries: timedelta = timedelta(days=30)
    keep_payloads: timedelta = timedelta(days=3)  # settled ones that carried their records
    consent_version: str | None = None  # of the text that members agree to, where the caller does not say
    keep_audit: timedelta | None = timedelta(days=400)  # None: for ever

    async def hint(self) -> None:
        """Tells the workers that something may be due; they would find it within a second anyway."""
        await self.hints.send()

    def app(self, provider: str) -> App:
        """Our registration at a provider. Raises NotFound."""
        if provider not in self.apps:
            known = ", ".join([*self.apps, *self.remotes]) or "none"
            raise NotFound(f"There is no source named {provider[:40]!r} here; there are: {known}.")
        return self.apps[provider]

    def provider(self, name: str) -> Provider:
        """A source that members can be connected to here. Raises NotFound."""
        return self.remotes[name].provider if name in self.remotes else self.app(name).provider
