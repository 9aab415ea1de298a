"""Every kind of failure, and the names under which the usual ones are switched on."""

from typing import Any

TOKEN, WEBHOOK, RECORDS, SAHHA_WEBHOOK = "token", "webhook", "records", "sahha-webhook"
# What can happen to any HTTP answer.
ANSWER_KINDS = ("status", "drop", "html", "empty", "cut", "endless", "slow", "lost_answer")
PAGING_KINDS = ("drift", "drift_away", "cursor_expired")
SIGNATURE_KINDS = ("wrong_signature", "hex_signature", "stale_signature", "dotted_signature")
STRANGER_KINDS = ("unknown_member", "unknown_type")
KINDS = {
    "data": ANSWER_KINDS + PAGING_KINDS,
    TOKEN: (*ANSWER_KINDS, "invalid_grant", "dead_grant", "invalid_client"),
    WEBHOOK: ("drop", "slow", "late", "duplicate", "reorder", "lost_answer", "status", "cut", *SIGNATURE_KINDS, *STRANGER_KINDS),
    SAHHA_WEBHOOK: ("drop", "duplicate", "wrong_signature", "upper_signature", "mismatch", "unknown_event", "array_body"),
    RECORDS: ("pending", "provisional", "rescored", "extended", "edited", "deleted", "revived", "merged"),
}


def _named(text: str, route: str, kind: str, **more: Any) -> dict[str, Any]:
    return {"text": text, "route": route, "kind": kind, "count": None, **more}


# By name a fault stays until it is cleared, unless a count is given with it.
NAMED: dict[str, dict[str, Any]] = {
    "lose-webhooks": _named("a webhook is never sent", WEBHOOK, "drop"),
    "late-webhooks": _named("a webhook is sent later", WEBHOOK, "late", delay_s=600),
    "double-webhooks": _named("a webhook is sent twice, with one trace", WEBHOOK, "duplicate"),
    "reorder-webhooks": _named("a webhook is sent after the next one", WEBHOOK, "reorder", delay_s=300),
    "lose-webhook-answers": _named("the answer to a webhook is lost, so it is sent again", WEBHOOK, "lost_answer"),
    "wrong-signatures": _named("a webhook is signed with another secret", WEBHOOK, "wrong_signature"),
    "hex-signatures": _named("a webhook's signature is hexadecimal", WEBHOOK, "hex_signature"),
    "dotted-signatures": _named("a dot stands between timestamp and body in what is signed", WEBHOOK, "dotted_signature"),
    "stale-signatures": _named("a webhook was signed three hours ago", WEBHOOK, "stale_signature"),
    "unknown-members": _named("a webhook about a member nobody knows comes too", WEBHOOK, "unknown_member"),
    "unknown-events": _named("a webhook of an unknown type comes too", WEBHOOK, "unknown_type"),
    "pending-first": _named("a record is there before its score", RECORDS, "pending", delay_s=40),
    "provisional-nights": _named("a night is stored before it has ended, then extended", RECORDS, "provisional", delay_s=5400),
    "rescored-later": _named("a night is scored again", RECORDS, "rescored", delay_s=3600),
    "extended-later": _named("the member falls asleep again", RECORDS, "extended", delay_s=2700),
    "edited-later": _named("the member edits a night", RECORDS, "edited", delay_s=3600),
    "deleted-later": _named("the member deletes a night", RECORDS, "deleted", delay_s=3600),
    "revived-later": _named("the member deletes a night, and it comes back", RECORDS, "revived", delay_s=3600),
    "merged-later": _named("a nap after the night is merged into it", RECORDS, "merged", delay_s=3600),
    "answer-400": _named("data routes answer 400", "/v2", "status", status=400),
    "answer-401": _named("data routes answer 401", "/v2", "status", status=401),
    "answer-403": _named("data routes answer 403", "/v2", "status", status=403),
    "answer-404": _named("data routes answer 404", "/v2", "status", status=404),
    "answer-429": _named("data routes answer 429", "/v2", "status", status=429),
    "answer-5xx": _named("data routes answer 503", "/v2", "status", status=503),
    "html-answers": _named("data routes answer with a gateway's page", "/v2", "html"),
    "empty-answers": _named("data routes answer 200 with nothing in it", "/v2", "empty"),
    "cut-answers": _named("data answers end in the middle", "/v2", "cut"),
    "endless-answers": _named("data answers never end", "/v2", "endless"),
    "slow-answers": _named("data answers take their time", "/v2", "slow"),
    "dropped-connections": _named("connections close without an answer", "/v2", "drop"),
    "sleep-not-yet": _named("a sleep answers 404 though its webhook was sent", "/v2/activity/sleep/", "status", status=404),
    "drifting-pages": _named("a record is added between two pages", "/v2", "drift"),
    "shrinking-pages": _named("a record is deleted between two pages", "/v2", "drift_away"),
    "expired-cursors": _named("a second page answers 400", "/v2", "cursor_expired"),
    "lose-refresh-answer": _named("the tokens are rotated, the answer is lost", TOKEN, "lost_answer"),
    "refuse-refresh": _named("a refresh answers invalid_grant, though the grant lives", TOKEN, "invalid_grant"),
    "mass-invalid-grant": _named("refresh tokens are dead; only a new consent helps", TOKEN, "dead_grant"),
    "invalid-client": _named("the app's own credentials are refused", TOKEN, "invalid_client"),
    "sahha-429": _named("Sahha answers 429", "/sahha", "status", status=429),
    "sahha-500": _named("Sahha answers 500", "/sahha", "status", status=500),
    "sahha-410": _named("Sahha says that the account is gone", "/sahha", "status", status=410),
    "sahha-html": _named("Sahha answers with a gateway's page", "/sahha", "html"),
    "sahha-lose-webhooks": _named("a webhook of Sahha's is never sent", SAHHA_WEBHOOK, "drop"),
    "sahha-double-webhooks": _named("a webhook of Sahha's is sent twice", SAHHA_WEBHOOK, "duplicate"),
    "sahha-wrong-signatures": _named("a webhook of Sahha's is signed with another secret", SAHHA_WEBHOOK, "wrong_signature"),
    "sahha-upper-signatures": _named("the hexadecimal signature is in capitals", SAHHA_WEBHOOK, "upper_signature"),
    "sahha-mismatch": _named("the header names another profile than the body", SAHHA_WEBHOOK, "mismatch"),
    "sahha-unknown-events": _named("an event of Sahha's is of an unknown type", SAHHA_WEBHOOK, "unknown_event"),
    "sahha-array-bodies": _named("the body is a list of one event", SAHHA_WEBHOOK, "array_body"),
    "token-5xx": _named("the token endpoint answers 503", TOKEN, "status", status=503),
}


def place_of(route: str) -> str:
    """`data`, or the place that is named instead of a path."""
    return route if route in (TOKEN, WEBHOOK, RECORDS, SAHHA_WEBHOOK) else "data"
