"""By whom whatever runs just now was asked for. It goes with the task, so that a verb need not be told."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime

ENGINE, COMMAND_LINE, BROWSER, LINK = "engine", "command_line", "browser", "sign_in_link"


@dataclass(frozen=True, slots=True)
class Actor:
    """A credential by its kind (and how a service key begins), never by its secret; and the route, or the command, it came by.

    `made_at` is of a member's: when it was made, so that one from before an erasure is known.
    """

    credential: str = ENGINE
    route: str | None = None
    made_at: datetime | None = None

    @property
    def kind(self) -> str:
        """The kind alone: `key`, `member`, `session`, `browser`, `command_line`, `engine`, ..."""
        return self.credential.partition(":")[0]


_ACTOR: ContextVar[Actor] = ContextVar("actor", default=Actor())  # noqa: B039 it is frozen


def actor() -> Actor:
    """Who acts; the engine itself where nobody has asked."""
    return _ACTOR.get()


def act_as(credential: str, *, route: str | None = None) -> None:
    """For a process, or a task, that acts for one alone."""
    _ACTOR.set(Actor(credential, route))


@contextmanager
def acting(credential: str, *, route: str | None = None, made_at: datetime | None = None) -> Iterator[None]:
    """What is done within is done by this credential."""
    token = _ACTOR.set(Actor(credential, route, made_at))
    try:
        yield
    finally:
        _ACTOR.reset(token)
