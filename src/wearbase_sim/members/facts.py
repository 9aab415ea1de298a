"""What a member's strap recorded: plain values, times in UTC milliseconds."""

from dataclasses import dataclass

SCORED = "SCORED"
PENDING = "PENDING_SCORE"
UNSCORABLE = "UNSCORABLE"


@dataclass(frozen=True, slots=True)
class Stages:
    """Time per sleep stage; the five times add up to the time in bed."""

    awake_ms: int
    no_data_ms: int
    light_ms: int
    slow_wave_ms: int
    rem_ms: int
    cycle_count: int
    disturbance_count: int

    @property
    def asleep_ms(self) -> int:
        return self.light_ms + self.slow_wave_ms + self.rem_ms

    @property
    def in_bed_ms(self) -> int:
        return self.asleep_ms + self.awake_ms + self.no_data_ms


@dataclass(frozen=True, slots=True)
class Need:
    """Sleep need in its four parts; the nap part is zero or negative."""

    baseline_ms: int
    debt_ms: int
    strain_ms: int
    nap_ms: int

    @property
    def total_ms(self) -> int:
        return self.baseline_ms + self.debt_ms + self.strain_ms + self.nap_ms


@dataclass(frozen=True, slots=True)
class Sleep:
    """A night or a nap."""

    id: str
    v1_id: int
    cycle_id: int
    start_ms: int
    end_ms: int
    offset_min: int
    created_ms: int
    updated_ms: int
    state: str
    stages: Stages
    need: Need
    respiratory_rate: float
    performance: float | None
    consistency: float | None
    is_nap: bool = False
    is_deleted: bool = False


@dataclass(frozen=True, slots=True)
class Recovery:
    """How ready the body is after a night."""

    cycle_id: int
    sleep_id: str
    created_ms: int
    updated_ms: int
    state: str
    is_calibrating: bool
    score: float
    resting_heart_rate: float
    hrv_ms: float
    spo2: float | None
    skin_celsius: float | None
    is_deleted: bool = False


@dataclass(frozen=True, slots=True)
class Workout:
    """One activity; `recorded` is the share of it with a heart rate, 0 to 1."""

    id: str
    v1_id: int
    start_ms: int
    end_ms: int
    offset_min: int
    created_ms: int
    updated_ms: int
    state: str
    sport_name: str
    sport_id: int
    strain: float
    average_heart_rate: int
    max_heart_rate: int
    kilojoule: float
    recorded: float
    zones_ms: tuple[int, ...]
    steps: int
    distance_m: float | None = None
    gain_m: float | None = None
    change_m: float | None = None
    is_deleted: bool = False


@dataclass(frozen=True, slots=True)
class Pace:
    """What a day amounts to without its workouts, for a full day."""

    load: float
    kilojoule: float
    steps: int
    peak_heart_rate: int
    awake_heart_rate: float
    asleep_heart_rate: float


@dataclass(frozen=True, slots=True)
class Night:
    """A night and the cycle that it opens; a member's first cycle opens without one."""

    cycle_id: int
    day: int
    start_ms: int
    offset_min: int
    created_ms: int
    state: str
    pace: Pace
    sleep: Sleep | None
    recovery: Recovery | None
    edited_ms: int = 0
    moved_ms: int = 0
    is_deleted: bool = False

    @property
    def visible_ms(self) -> int:
        return self.sleep.created_ms if self.sleep else self.created_ms

    @property
    def awake_from_ms(self) -> int:
        return self.sleep.end_ms if self.sleep else self.start_ms + 7 * 3_600_000


@dataclass(frozen=True, slots=True)
class Cycle:
    """A physiological day, from one night's start to the next."""

    id: int
    start_ms: int
    end_ms: int | None
    offset_min: int
    created_ms: int
    updated_ms: int
    state: str
    strain: float
    kilojoule: float
    average_heart_rate: int
    max_heart_rate: int
    steps: int | None
