"""How the sources stand, and what signing in and erasing answer, as the server gives them."""

from typing import Any

from tests.e2e.app.canned import NOW, USER, rfc3339

Json = dict[str, Any]
DAYS = {"whoop": {"recovery": 377, "sleep": 379, "workout": 214, "cycle": 381}, "sahha": {"score": 88, "biomarker": 88}}
AT = "2026-11-21T06:24:00.000Z"
ERASED: Json = {
    "user_id": USER, "erased": True, "days": 381, "records": 1364, "at": "2026-11-21T06:31:00.000Z", "revoked": True,
    "connections_ended": 1, "revocations_pending": 0,
}  # fmt: skip


def resource(state: str = "idle", *, attempt: str = AT, calls: int = 6, error: str | None = None) -> Json:
    return {
        "state": state, "status": "failed" if error else "success", "last_sync_at": AT, "last_attempt_at": attempt, "last_success_at": AT,
        "records_synced": 120, "api_calls": calls, "error": error, "next_due_at": "2026-11-21T20:59:36.810Z", "reason": "timetable",
        "open_deliveries": 0, "parked_records": 0,
    }  # fmt: skip


def source(name: str, **changes: Any) -> Json:
    return {
        "title": {"whoop": "WHOOP", "sahha": "Sahha"}[name], "is_available": True, "joined_by": "oauth" if name == "whoop" else "account",
        "connected": True, "state": "ok", "connected_at": "2025-03-03T08:00:00.000Z", "ended_at": None, "last_success_at": AT,
        "resources": {kind: resource() for kind in DAYS[name]}, "days_stored": max(DAYS[name].values()),
    } | changes  # fmt: skip


def ended(name: str) -> Json:
    return source(name, connected=False, state="needs_reauthorization", ended_at="2026-11-19T22:02:00.000Z")


def absent(name: str, **changes: Any) -> Json:
    nothing = {
        "connected": False,
        "state": "not_connected",
        "connected_at": None,
        "last_success_at": None,
        "resources": {},
        "days_stored": 0,
    }
    return source(name, **nothing | changes)


def sources(**changes: Any) -> Json:
    found = {"whoop": source("whoop"), "sahha": ended("sahha")} | changes
    return {"user_id": USER, "sources": found, "days_by_resource": DAYS}


class Sources:
    """For the stand-in: answers that a test may change."""

    def __init__(self) -> None:
        self.sources = sources()
        self.erased = ERASED
        self.disconnected: Json = {"revoked": True, "was_connected": True, "disconnected": True}

    def __call__(self, path: str, query: dict[str, str], method: str) -> Json | None:
        if path.endswith("/session/peek"):
            return {"user_id": USER}
        if path == "/app/session" and method == "POST":
            return {"user_id": USER, "signed_in_at": rfc3339(NOW), "expires_at": rfc3339(NOW)}
        if "/health/sources/" in path:
            return self.sources
        if "/connect/" in path and method == "DELETE":
            return self.disconnected
        return self.erased if "/users/" in path and method == "DELETE" else None


answers = Sources()
