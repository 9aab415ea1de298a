"""What a simulated day is made of."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random

SATURDAY = datetime(2026, 11, 21, tzinfo=UTC)  # of all days the one with most workouts
ONE_ZONE = "Europe/London"  # whose winter days are those of UTC, and so of the budget


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How many members, how they behave, and what they may spend."""

    members: int = 1_700
    quota: int = 10_000  # data calls a day, the provider's and our own ceiling
    per_minute: int = 100
    looking: float = 1.0  # the part of the members whose data somebody looks at
    returning: float = 0.01  # of the others: who comes back during the day
    zones: str = "natural"  # ten zones in turn; or `one`: all wake in the same hours and end the day together
    steps: int = 1  # 2: every night is stored too early, and again when it has ended
    is_token_counted: bool = False
    loss: float = 0.01  # webhooks that never come
    late: float = 0.03  # members a day whose strap is out of touch for hours
    rescored: float = 0.03  # nights, naps and workouts that are computed again
    midnight: datetime = SATURDAY  # when the measured 24 hours begin
    warm_up: timedelta = timedelta(hours=6)
    seed: int = 7

    @property
    def starts_at(self) -> datetime:
        return self.midnight - self.warm_up

    @property
    def measures_from(self) -> datetime:
        return self.midnight

    @property
    def ends_at(self) -> datetime:
        return self.midnight + timedelta(days=1)

    @property
    def numbers(self) -> range:
        return range(1, self.members + 1)

    def draw(self, *labels: object) -> Random:
        """A source of chance that gives the same in every run."""
        return Random("/".join(map(str, (self.seed, *labels))))

    def is_looked_at(self, number: int) -> bool:
        """Whether somebody looks at this member's data."""
        return self.draw("looking", number).random() < self.looking


def user_of(number: int) -> str:
    """Our user of a simulated member."""
    return f"member-{number:06d}"


def number_of(user_id: str) -> int:
    return int(user_id.removeprefix("member-"))


def at_ms(at: datetime) -> int:
    """An instant as the simulator counts it."""
    return round(at.timestamp() * 1000)


def instant(ms: int) -> datetime:
    return datetime.fromtimestamp(ms // 1000, UTC) + timedelta(milliseconds=ms % 1000)
