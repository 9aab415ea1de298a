"""What the service answers, as frozen values.

Units end the name. None means that the provider has not said: it never stands for zero. Instants are aware UTC; a local date
travels with `utc_offset_min`. Fields this version does not know are ignored, and a missing one is None.
"""

import datetime as dt
from dataclasses import dataclass, field
from typing import Any

Id = str | int


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovery:
    """One recovery. `score` is 0-100 %; `revision` grows when the provider changes the record.

    `score_state` is `SCORED`, `PENDING_SCORE` or `UNSCORABLE`; the measures are None unless scored.
    """

    cycle_id: Id | None = None
    score: float | None = None
    hrv_rmssd_ms: float | None = None
    resting_heart_rate_bpm: float | None = None
    spo2_percent: float | None = None
    skin_temperature_c: float | None = None
    is_calibrating: bool | None = None
    score_state: str | None = None
    revision: dt.datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SleepNeed:
    """How much sleep was needed and why, in seconds. `nap` is zero or less: a nap lowers the need."""

    total: float | None = None
    baseline: float | None = None
    debt: float | None = None
    strain: float | None = None
    nap: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sleep:
    """One sleep or nap. Stages and totals in seconds, rates per minute, shares in percent."""

    id: Id | None = None
    start_at: dt.datetime | None = None
    end_at: dt.datetime | None = None
    utc_offset_min: int | None = None
    performance_percent: float | None = None
    efficiency_percent: float | None = None
    consistency_percent: float | None = None
    respiratory_rate_per_min: float | None = None
    in_bed_s: float | None = None
    asleep_s: float | None = None
    light_s: float | None = None
    slow_wave_s: float | None = None
    rem_s: float | None = None
    awake_s: float | None = None
    no_data_s: float | None = None
    cycle_count: int | None = None
    disturbance_count: int | None = None
    need_s: SleepNeed | None = None
    score_state: str | None = None
    revision: dt.datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Cycle:
    """One physiological cycle. `strain` is 0-21; while `is_open`, `end_at` is None and the values still grow."""

    id: Id | None = None
    start_at: dt.datetime | None = None
    end_at: dt.datetime | None = None
    is_open: bool | None = None
    strain: float | None = None
    energy_kj: float | None = None
    energy_kcal: float | None = None
    average_heart_rate_bpm: float | None = None
    max_heart_rate_bpm: float | None = None
    steps: int | None = None
    score_state: str | None = None
    revision: dt.datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HeartRateZones:
    """Seconds spent in each heart rate zone."""

    zero: float | None = None
    one: float | None = None
    two: float | None = None
    three: float | None = None
    four: float | None = None
    five: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Workout:
    """One workout. `strain` is 0-21; `recorded_fraction` is the share of it that was measured, 0-1."""

    id: Id | None = None
    sport: str | None = None
    start_at: dt.datetime | None = None
    end_at: dt.datetime | None = None
    utc_offset_min: int | None = None
    strain: float | None = None
    average_heart_rate_bpm: float | None = None
    max_heart_rate_bpm: float | None = None
    energy_kj: float | None = None
    energy_kcal: float | None = None
    distance_m: float | None = None
    altitude_gain_m: float | None = None
    altitude_change_m: float | None = None
    recorded_fraction: float | None = None
    zones_s: HeartRateZones | None = None
    score_state: str | None = None
    revision: dt.datetime | None = None


Record = Recovery | Sleep | Workout | Cycle


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceFreshness:
    """When one resource was last completely read, when it is read next, and what went wrong since."""

    last_success_at: dt.datetime | None = None
    next_due_at: dt.datetime | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DaySync:
    """How fresh a day document is.

    `state`: `ok`, `running`, `stale`, `not_connected`, `needs_reauthorization` or `unavailable`.
    `no_data_reason`: why the day is empty (`gap`, `not_reached`, `before_history`, `too_old`, `kept_no_longer`,
    `not_scorable`, `future`, `not_connected`); None if it is not. `not_yet`: today has no cycle before the member wakes.
    """

    state: str | None = None
    not_yet: bool | None = None
    no_data_reason: str | None = None
    open_cycle_day: dt.date | None = None
    resources: dict[str, ResourceFreshness] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class DayDocument:
    """Everything about one of a member's local days.

    `recovery`, `sleep` and `cycle` are None when the day has none; `data_source` is `database` or `<provider>_api`.
    """

    user_id: str
    date: dt.date
    recovery: Recovery | None = None
    sleep: Sleep | None = None
    naps: tuple[Sleep, ...] = ()
    cycle: Cycle | None = None
    other_cycles: tuple[Cycle, ...] = ()
    workouts: tuple[Workout, ...] = ()
    last_sync: dt.datetime | None = None
    data_source: str | None = None
    sync: DaySync = field(default_factory=DaySync)


@dataclass(frozen=True, slots=True, kw_only=True)
class SaidValue:
    """What another source says of the same quantity."""

    source: str
    value: float | str | None = None
    is_running: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CombinedValue:
    """One quantity of a day from the source to be believed first. `near` names quantities of the same idea, defined otherwise."""

    value: float | str | None = None
    unit: str | None = None
    source: str | None = None
    is_running: bool | None = None
    others: tuple[SaidValue, ...] = ()
    near: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Completeness:
    """Whether every resource of a source was read after the day was over; `missing` names those that were not."""

    is_complete: bool | None = None
    is_day_over: bool | None = None
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceDay:
    """One source's part of a day. `state` and `no_data_reason` as in `DaySync`; `data` is in the source's own shape, None without any."""

    state: str | None = None
    not_yet: bool | None = None
    no_data_reason: str | None = None
    last_success_at: dt.datetime | None = None
    last_change_at: dt.datetime | None = None
    completeness: Completeness = field(default_factory=Completeness)
    data: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthDay:
    """Everything known about one of a member's local days: by quantity, and by source."""

    user_id: str
    date: dt.date
    combined: dict[str, CombinedValue] = field(default_factory=dict)
    sources: dict[str, SourceDay] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrendPoint:
    """One day; `value` is None where there is none. `position`: `below`, `within` or `above` the usual range of that day."""

    day: dt.date
    value: float | None = None
    source: str | None = None
    usual_low: float | None = None
    usual_high: float | None = None
    position: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TrendBaseline:
    """Median, 10th and 90th percentile of so many days before the end; None with too few values."""

    days: int
    count: int
    median: float | None = None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Trend:
    """One quantity day by day, oldest first, with no day left out."""

    user_id: str
    metric: str
    unit: str | None = None
    series: tuple[TrendPoint, ...] = ()
    baselines: tuple[TrendBaseline, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Preferences:
    """Whom a member believes first, by quantity or for all (`*`), and in which units apps show things. Answers keep their own units.

    `default_precedence` holds where nothing was said.
    """

    user_id: str
    precedence: dict[str, tuple[str, ...]] = field(default_factory=dict)
    units: dict[str, str] = field(default_factory=dict)
    default_precedence: dict[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectStart:
    """The start of a connection: send the member's browser to `authorization_url` within `expires_in_s` seconds.

    A provider that is joined by account needs no browser: `is_connected` is True and the rest is None. The address and the
    state stay out of the repr, because the state is good for one sign-in.
    """

    user_id: str | None = None
    authorization_url: str | None = field(default=None, repr=False)
    state: str | None = field(default=None, repr=False)
    expires_in_s: int | None = field(default=None, metadata={"wire": "expires_in"})
    is_connected: bool = field(default=False, metadata={"wire": "connected"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """What the service said when a sign-in was completed; None where it said nothing."""

    user_id: str | None = None
    provider: str | None = None
    is_connected: bool | None = field(default=None, metadata={"wire": "connected"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Disconnected:
    """The end of a connection. `is_complete` is False when the service accepted it and finishes later."""

    user_id: str
    provider: str
    data: str
    is_complete: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncResult:
    """Records stored per resource, and the provider calls that took.

    `is_complete` is False when the service accepted the sync and goes on: `synced` is empty then, and `sync_status` tells. `state`
    says how: `running`, `unavailable` (no worker), or `waiting_for_calls`, which are asked for again at `retry_at`.
    None in `synced` stands for what the member did not grant, named in `not_granted`.
    """

    synced: dict[str, int | None]
    total_api_calls: int | None = None
    is_complete: bool = True
    not_granted: tuple[str, ...] = ()
    state: str | None = None
    retry_at: dt.datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncUnderWay:
    """What an accepted sync says of itself."""

    state: str | None = None
    retry_at: dt.datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryStatus:
    """The reading of one resource's history, which says nothing of what is current. `reached_back_to`: all from then on is stored."""

    is_running: bool | None = None
    reached_back_to: dt.datetime | None = field(default=None, metadata={"wire": "from"})
    error: str | None = None
    failures: int | None = None
    next_due_at: dt.datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceStatus:
    """How one resource of a connection is doing. An attempt that failed leaves `last_success_at` alone.

    `error` is `waiting_for_calls` while the provider's calls are used up; `retry_at` says when it goes on, after a failure too.
    """

    state: str | None = None
    status: str | None = None
    last_sync_at: dt.datetime | None = None
    last_attempt_at: dt.datetime | None = None
    last_success_at: dt.datetime | None = None
    records_synced: int | None = None
    error: str | None = None
    retry_at: dt.datetime | None = None
    next_due_at: dt.datetime | None = None
    history: HistoryStatus = field(default_factory=HistoryStatus, metadata={"wire": "backfill"})
    open_deliveries: int | None = None
    parked_records: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncStatus:
    """The state of a connection (as in `DaySync.state`) and of each of its resources, by name; `not_granted` by the member."""

    resources: dict[str, ResourceStatus]
    user_id: str | None = None
    state: str | None = None
    not_granted: tuple[str, ...] = ()
