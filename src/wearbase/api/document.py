"""What the OpenAPI document says beyond what the framework can tell: the bare routes, credentials, errors."""

from typing import Any

from wearbase.access.users import PATTERN
from wearbase.api.health_shapes import health_operation
from wearbase.api.routing import SCHEMES, SECURITY
from wearbase.api.shapes import EXAMPLE_DAY, Problem

DESCRIPTION = (
    "A member's wearable data from this service's own database. Service keys (`X-API-Key`) have scopes; a member's token "
    "(`Authorization: Bearer`) is good for that member only. Every error has one body."
)
TAGS = [
    {"name": "App API", "description": "For a phone app and its backend."},
    {"name": "Users", "description": "A member's token; erasing a member."},
    {"name": "Phone app", "description": "What the app at `/app` asks for itself, with its session."},
    {"name": "Data API", "description": "OAuth for backends, records page by page, webhooks."},
    {"name": "Internal API", "description": "Between services of one operator."},
    {"name": "Operations", "description": "Health and metrics."},
]
PROBLEM = {"application/json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
EVERYWHERE = {
    "401": "No good credential", "403": "The credential may not do that", "422": "A field has a wrong form; `details` names it",
    "429": "Too often; see Retry-After", "503": "Not now; see Retry-After",
}  # fmt: skip
WITHOUT_CREDENTIAL = {"401", "403"}
OF_BODIES = {"400": "The body cannot be read, or a value of it is not acceptable", "413": "The body is too large"}
NO_SOURCE, NO_RECORD = "No such source", "Nothing is stored under this id"
STATE, VALUE = "It does not go with what is stored (`code` says why)", "A value is not acceptable"
FAILED = "The source failed, or its answer was of no use"
NOT_OURS = "Not from our own page"
LINK = {"403": NOT_OURS, "404": "No such link", "410": "The link was used, or is too old"}
SOURCE = {"409": STATE, "502": FAILED}
MORE = {  # what an operation answers besides what all do, and what its path and body tell
    "post /api/v1/{provider}/connect/{user_id}": {"400": VALUE, **SOURCE},
    "delete /api/v1/{provider}/connect/{user_id}": SOURCE,
    "post /api/v1/{provider}/sync/{user_id}": SOURCE,
    "post /v1/pull/{user_id}": SOURCE,
    "get /v1/oauth/authorize": {"400": VALUE, **SOURCE},
    "post /v1/oauth/callback": SOURCE,
    "delete /v1/oauth/disconnect": SOURCE,
    "get /v1/data/{user_id}/{kind}": {"400": VALUE, "502": FAILED},
    "get /v1/data/{user_id}/{kind}/{record_id}": {"404": NO_RECORD, "502": FAILED},
    "get /v1/data/{user_id}/profile": {"502": FAILED},
    "post /internal/auth/connect/{user_id}": {"400": VALUE, **SOURCE},
    "delete /api/v1/users/{user_id}": {"409": STATE},
    "get /api/v1/app/{user_id}/workouts": {"400": VALUE},
    "post /app/session/peek": LINK,
    "post /app/session": LINK,
    "post /ops/session": {"401": EVERYWHERE["401"], "403": NOT_OURS},
    "get /api/v1/ops/parked/{parked_id}": {"404": NO_RECORD},
    "get /api/v1/ops/audit": {"404": "The trail knows nobody by this id"},
}


def completed(document: dict[str, Any]) -> dict[str, Any]:
    """The document, whole."""
    document["info"]["description"] = DESCRIPTION
    document["tags"] = TAGS
    components = document.setdefault("components", {})
    components["securitySchemes"] = SCHEMES
    schemas = components.setdefault("schemas", {})
    schemas["Problem"] = _problem()
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    document["paths"] = {**_bare_paths(), **document["paths"]}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            _tell_errors(operation, MORE.get(f"{method} {path}", {}), has_source="{provider}" in path)
    return document


def _problem() -> dict[str, Any]:
    schema = Problem.model_json_schema()
    inner = schema.pop("$defs")["Inner"]
    schema["properties"]["error"] = inner
    return schema


def _tell_errors(operation: dict[str, Any], more: dict[str, str], *, has_source: bool) -> None:
    is_open = not operation.get("security")
    told = {status: text for status, text in EVERYWHERE.items() if not (is_open and status in WITHOUT_CREDENTIAL)}
    if "requestBody" in operation:
        told = {**OF_BODIES, **told}
    if has_source:
        told["404"] = NO_SOURCE
    for status, text in {**told, **more}.items():
        if status in EVERYWHERE or status not in operation["responses"]:
            operation["responses"][status] = {"description": text, "content": PROBLEM}


def _bare_paths() -> dict[str, Any]:
    return {
        "/api/v1/health/{user_id}": {"get": health_operation(PROBLEM)},
        "/api/v1/{provider}/daily-data/{user_id}": {"get": _daily_data()},
        "/v1/webhooks/{provider}": {"post": _webhook()},
    }


def _parameter(name: str, place: str, schema: dict[str, Any], text: str) -> dict[str, Any]:
    return {"name": name, "in": place, "required": place == "path", "schema": schema, "description": text}


def _provider() -> dict[str, Any]:
    return _parameter("provider", "path", {"type": "string", "pattern": "^[a-z][a-z0-9_-]{0,31}$", "example": "whoop"}, "A source")


def _daily_data() -> dict[str, Any]:
    etag = {"ETag": {"schema": {"type": "string"}, "description": "Send it back as If-None-Match"}}
    user = {"type": "string", "pattern": f"^{PATTERN}$", "example": "member-42"}
    return {
        "tags": ["App API"], "summary": "Daily Data", "operationId": "daily_data", "security": SECURITY["member"], "x-scope": "read",
        "description": "The day document of one local day; the member's today without `date`. A missing day younger than a week "
        "is fetched on the spot, for at most three seconds.",
        "parameters": [
            _provider(), _parameter("user_id", "path", user, "The user's id in your own system"),
            _parameter("date", "query", {"type": "string", "format": "date", "example": "2026-05-14"}, "A local day"),
            _parameter("If-None-Match", "header", {"type": "string"}, "The ETag of the copy at hand"),
        ],
        "responses": {
            "200": {
                "description": "The day document", "headers": etag,
                "content": {"application/json": {"schema": {"type": "object"}, "example": EXAMPLE_DAY}},
            },
            "304": {"description": "The copy at hand is current"},
            "404": {"description": "No such source", "content": PROBLEM},
        },
    }  # fmt: skip


def _webhook() -> dict[str, Any]:
    example = {"user_id": 456, "id": "550e8400-e29b-41d4-a716-446655440000", "type": "recovery.updated", "trace_id": "e369c784"}
    return {
        "tags": ["Data API"], "summary": "Webhook", "operationId": "webhook", "security": SECURITY["signature"],
        "description": "A provider's delivery. Answered once it is durable; unknown members and unknown types are accepted too.",
        "parameters": [_provider()],
        "requestBody": {"required": True, "content": {"application/json": {"schema": {"type": "object"}, "example": example}}},
        "responses": {
            "200": {"description": "Durable, where the provider expects this"},
            "204": {"description": "Durable"},
            "400": {"description": "The body cannot be read", "content": PROBLEM},
            "404": {"description": "No such source", "content": PROBLEM},
            "413": {"description": "Larger than this provider's deliveries may be", "content": PROBLEM},
        },
    }  # fmt: skip
