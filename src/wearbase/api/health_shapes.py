"""What the routes over all sources take and give."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from wearbase.access.users import PATTERN
from wearbase.api.routing import SECURITY
from wearbase.api.shapes import Body, ResourceStatus, is_nothing

EXAMPLE_VALUE: dict[str, Any] = {
    "value": 58.31, "unit": "ms", "source": "whoop", "is_running": False,
    "others": [{"source": "sahha", "value": 64.2, "is_running": False}], "near": [],
}  # fmt: skip
EXAMPLE_SOURCE: dict[str, Any] = {
    "state": "ok", "not_yet": False, "no_data_reason": None, "last_success_at": "2026-05-14T05:04:20.000Z",
    "completeness": {"is_complete": False, "is_day_over": False, "missing": []}, "last_change_at": "2026-05-14T05:04:21.000Z",
    "data": {"recovery": {"score": 66.0, "hrv_rmssd_ms": 58.31}},
}  # fmt: skip
EXAMPLE_HEALTH: dict[str, Any] = {
    "user_id": "member-42", "date": "2026-05-14", "combined": {"hrv_rmssd_ms": EXAMPLE_VALUE},
    "sources": {
        "whoop": EXAMPLE_SOURCE,
        "sahha": {**EXAMPLE_SOURCE, "state": "not_connected", "no_data_reason": "not_connected", "last_success_at": None,
                  "last_change_at": None, "data": None},
    },
}  # fmt: skip
EXAMPLE_TREND: dict[str, Any] = {
    "user_id": "member-42", "metric": "hrv_rmssd_ms", "unit": "ms", "start": "2026-05-13", "end": "2026-05-14",
    "series": [
        {"day": "2026-05-13", "value": None, "source": None, "usual_low": 48.2, "usual_high": 66.0, "position": None},
        {"day": "2026-05-14", "value": 58.31, "source": "whoop", "usual_low": 48.2, "usual_high": 66.0, "position": "within"},
    ],
    "source_changes": [{"day": "2026-05-14", "from": "sahha", "to": "whoop"}],
    "baselines": [{"days": 30, "count": 27, "median": 57.1, "low": 48.2, "high": 66.0}],
    "position": {"day": "2026-05-14", "value": 58.31, "position": "within", "from_median": 1.21, "against_days": 30},
}  # fmt: skip


class SourceStatus(BaseModel):
    """One source of a member. `is_available`: whether this service can connect it."""

    title: str
    is_available: bool
    joined_by: Literal["oauth", "account"]
    connected: bool
    state: str
    connected_at: str | None
    ended_at: str | None
    last_success_at: str | None
    resources: dict[str, ResourceStatus]
    days_stored: int


class HealthSources(BaseModel):
    """Every source, connected or not. `days_by_resource`: on how many days there is a record, by source and resource."""

    user_id: str
    sources: dict[str, SourceStatus]
    days_by_resource: dict[str, dict[str, int]]


class Trend(BaseModel):
    """A quantity over time. `baselines` are of the days before `end`; a day without a value is null, and none is made up."""

    model_config = ConfigDict(json_schema_extra={"example": EXAMPLE_TREND})
    user_id: str
    metric: str
    unit: str
    start: str
    end: str
    series: list[dict[str, Any]]
    source_changes: list[dict[str, str]]
    baselines: list[dict[str, Any]]
    position: dict[str, Any] | None
    not_current: Annotated[
        dict[str, str],
        Field(description="Sources whose own service could not be asked, and their state", exclude_if=lambda found: not found),
    ] = {}


class Units(Body):
    """In which units an app shows things. The API's own answers keep the unit that a name ends with."""

    distance: Literal["km", "mi"] | None = None
    energy: Literal["kcal", "kj"] | None = None
    mass: Literal["kg", "lb"] | None = None
    height: Literal["m", "ft"] | None = None
    temperature: Literal["c", "f"] | None = None


class Display(Body):
    """How an app looks; what is left out follows the system and the locale."""

    clock: Literal["24h", "12h"] | None = None
    theme: Literal["light", "dark"] | None = None


Order = Annotated[
    list[Annotated[str, Field(max_length=32)]], Field(max_length=16, json_schema_extra={"minItems": 1})
]  # an empty one is refused by its name
EXAMPLE_PRECEDENCE: Any = {"*": ["whoop", "sahha"], "asleep_s": ["sahha", "whoop"]}


class PreferencesBody(Body):
    """For a quantity, or for all (`*`): the sources, the one to believe first. Those not named follow in the default order."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"example": {"precedence": EXAMPLE_PRECEDENCE, "units": {"temperature": "f"}}}
    )
    precedence: Annotated[dict[str, Order], Field(max_length=200, default_factory=dict)]
    units: Units = Units()
    display: Display = Display()


class Preferences(BaseModel):
    """What a member prefers, and what holds where nothing was said."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "user_id": "member-42", "precedence": EXAMPLE_PRECEDENCE, "units": {"temperature": "f"},
                "default_precedence": {"*": ["whoop", "sahha"]},
            }
        }
    )  # fmt: skip
    user_id: str
    precedence: dict[str, list[str]]
    units: dict[str, str]
    display: Annotated[dict[str, str], Field(exclude_if=is_nothing)] = {}
    default_precedence: dict[str, list[str]]


def health_operation(problem: dict[str, Any]) -> dict[str, Any]:
    """The OpenAPI description of the health document's route."""
    user = {"type": "string", "pattern": f"^{PATTERN}$", "example": "member-42"}
    day = {"type": "string", "format": "date", "example": "2026-05-14"}
    return {
        "tags": ["App API"], "summary": "Health", "operationId": "health", "security": SECURITY["member"], "x-scope": "read",
        "description": "Every source's part of one local day, how each source stands, and one value for each quantity by an order of "
        "sources. With `days`, so many days up to today, as `{user_id, start, end, days}`. A source that is down or was never "
        "connected says so in its `state`. A missing day younger than a week is fetched on the spot, from all sources at once, for at "
        "most `SOURCE_DEADLINE` (2.5 s).",
        "parameters": [
            {"name": "user_id", "in": "path", "required": True, "schema": user, "description": "The user's id in your own system"},
            {"name": "date", "in": "query", "required": False, "schema": day, "description": "A local day; today without it"},
            {"name": "days", "in": "query", "required": False, "schema": {"type": "integer", "minimum": 1, "maximum": 90, "example": 7},
             "description": "How many days up to today, instead of `date`"},
            {"name": "If-None-Match", "in": "header", "required": False, "schema": {"type": "string"},
             "description": "The ETag of the copy at hand"},
        ],
        "responses": {
            "200": {
                "description": "The health document, or those of several days",
                "headers": {"ETag": {"schema": {"type": "string"}, "description": "Send it back as If-None-Match"}},
                "content": {"application/json": {"schema": {"type": "object"}, "example": EXAMPLE_HEALTH}},
            },
            "304": {"description": "The copy at hand is current"},
            "422": {"description": "A field has a wrong form; `details` names it", "content": problem},
        },
    }  # fmt: skip
