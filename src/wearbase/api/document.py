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
    for operations in document["paths"].values():
        for operation in operations.values():
            _tell_errors(operation)
    return document


def _problem() -> dict[str, Any]:
    schema = Problem.model_json_schema()
    inner = schema.pop("$defs")["Inner"]
    schema["properties"]["error"] = inner
    return schema


def _tell_errors(operation: dict[str, Any]) -> None:
    is_open = not operation.get("security")
    for status, text in EVERYWHERE.items():
        if not (is_open and status in WITHOUT_CREDENTIAL):
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
