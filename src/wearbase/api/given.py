"""What the routes are given."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Annotated, Literal

from fastapi import Depends, Request

from wearbase.access.caller import Caller
from wearbase.access.gate import Gate
from wearbase.access.identity import IdentityTokens
from wearbase.access.keys import KeyBook
from wearbase.access.operators import Operators
from wearbase.access.readers import Readers
from wearbase.access.redirects import RedirectAllowList
from wearbase.access.sessions import Sessions
from wearbase.access.tokens import MemberTokens
from wearbase.access.users import InvalidField
from wearbase.api.door.pace import Pace
from wearbase.api.door.rules import DoorRules
from wearbase.api.door.turns import Turns
from wearbase.domain.clock import Clock
from wearbase.domain.errors import NotFound
from wearbase.domain.provider import Provider
from wearbase.read.days import DayReader
from wearbase.read.health import HealthReader
from wearbase.read.live import Live
from wearbase.read.ops.budgets import AppName
from wearbase.read.ops.feed import Feed
from wearbase.read.ops.overview import Overview
from wearbase.read.views.day import DayViews
from wearbase.store.postgres.database import Database
from wearbase.sync.ask import Looks
from wearbase.sync.engine import Engine
from wearbase.sync.receive import Receiver
from wearbase.sync.remote.refresh import Copies


@dataclass(frozen=True, kw_only=True)
class Services:
    """Everything the HTTP side needs. `providers` are those whose days can be read, connected or not."""

    engine: Engine
    reader: DayReader
    receiver: Receiver
    keys: KeyBook
    tokens: MemberTokens
    providers: Mapping[str, Provider]
    public_url: str
    redirects: RedirectAllowList
    identity: IdentityTokens | None = None  # the app's own provider of sign-ins, if it has one
    environment: Literal["development", "production"] = "production"
    is_demo: bool = False
    version: str = "0"
    door: DoorRules = field(default_factory=DoorRules)
    direct_url: str | None = field(repr=False, default=None)  # where hints can be listened to; None behind a pooler
    lost_log_lines: Callable[[], int] = lambda: 0  # of this process

    @property
    def db(self) -> Database:
        return self.engine.db

    @property
    def clock(self) -> Clock:
        return self.engine.clock

    @cached_property
    def pace(self) -> Pace:
        return Pace(self.door)

    @cached_property
    def turns(self) -> Turns:
        return Turns(self.door)

    @cached_property
    def gate(self) -> Gate:
        is_development = self.environment == "development"
        return Gate(
            self.keys, self.tokens, self.sessions, identity=self.identity, public_url=self.public_url, is_development=is_development
        )

    @cached_property
    def sessions(self) -> Sessions:
        return Sessions(self.db, self.clock)

    @cached_property
    def readers(self) -> Readers:
        return Readers(self.db, self.clock)

    @cached_property
    def health(self) -> HealthReader:
        return HealthReader(self.db, self.clock, self.engine.combining)

    @cached_property
    def live(self) -> Live:
        most, of_a_member = self.door.streams, self.door.streams_per_member
        return Live(self.db, self.clock, self.engine.hints, direct_url=self.direct_url, most=most, most_of_a_member=of_a_member)

    @cached_property
    def views(self) -> DayViews:
        return DayViews(self.db, self.clock, self.reader, self.engine.combining)

    @cached_property
    def operators(self) -> Operators:
        return Operators(self.db, self.clock, self.keys)

    @cached_property
    def overview(self) -> Overview:
        apps = {app.name: AppName(app.provider.title, app.key, app.ceilings) for app in self.engine.apps.values()}
        return Overview(self.db, self.clock, apps, idle_after=self.engine.idle_after)

    @cached_property
    def feed(self) -> Feed:
        return Feed(self.overview)

    def end_streams(self) -> None:
        """Ends what would stay open: the process stops."""
        self.live.close()
        self.feed.close()

    @cached_property
    def looks(self) -> Looks:
        return Looks(self.engine)

    @cached_property
    def copies(self) -> Copies:
        return Copies(self.engine)

    @property
    def sources(self) -> list[str]:
        """Those that members can be connected to here."""
        return [*self.engine.apps, *self.engine.remotes]


def known_source(name: str, among: Iterable[str], *, in_path: bool = False) -> None:
    """Returns if there is such a source. Raises, naming those there are: NotFound for an address, InvalidField for a field."""
    known = list(among)
    if name in known:
        return
    message = f"There is no source named {name[:40]!r} here; there are: {', '.join(known) or 'none'}."
    raise NotFound(message) if in_path else InvalidField(message, field="provider")


async def _services(request: Request) -> Services:
    return request.app.state.services


async def _caller(request: Request) -> Caller:
    return request.state.caller


Given = Annotated[Services, Depends(_services)]
By = Annotated[Caller, Depends(_caller)]
