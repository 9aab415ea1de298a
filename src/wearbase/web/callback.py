"""Where the provider sends the member's browser back to: a consent is completed, or asked about first."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

import structlog
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from wearbase.access.caller import OPEN, Rule
from wearbase.access.redirects import RedirectAllowList, origin_of
from wearbase.domain.errors import AnswerLost, Conflict, Forbidden, OtherAccount, RetryLater, ServiceRefusesKey, WearbaseError
from wearbase.store.audit.acting import BROWSER, acting
from wearbase.store.connections import Consent
from wearbase.store.work.cause import CAUSE
from wearbase.sync import connect
from wearbase.sync.connect import Completer
from wearbase.sync.engine import Engine
from wearbase.sync.remote.consent import complete
from wearbase.web.pages import facts, form, page, paragraph

log = structlog.get_logger()

NONCE_COOKIE = "wearbase_consent"
RETURN = "/auth/{provider}/callback"
LONGEST_STATE, LONGEST_CODE = 200, 4000


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a consent ended, for the app (`status`), for the person and, by `code`, for the log."""

    status: str
    title: str
    text: str
    http_status: int = 200
    code: str | None = None


DENIED = Outcome("denied", "Not connected", "You did not give your consent. Nothing was connected.", code="consent_denied")
UNKNOWN = Outcome(
    "failed",
    "This link no longer works",
    "It is unknown, was used, or is older than five minutes. Start again in the app.",
    400,
    "unknown_state",
)
ELSEWHERE = Outcome(
    "failed", "Not connected", "This connection was started in another browser. Start again in this one.", 403, "other_browser"
)
TAKEN = Outcome(
    "conflict",
    "This account is already linked",
    "It is linked to another user. Disconnect it there first, then start again.",
    409,
    "account_taken",
)
OTHER = Outcome(
    "conflict",
    "This is another account",
    "What is stored is of the account you had before. Erase its data first, then connect.",
    409,
    "other_account",
)
LATER = Outcome("failed", "Not connected", "The provider does not answer at the moment. Start again in a few minutes.", 503)
UNSURE = Outcome(
    "failed", "Perhaps connected", "The answer was lost on its way. Look in the app whether you are connected; if not, start again.", 503
)
FAILED = Outcome("failed", "Not connected", "The provider did not accept this consent. Start again in the app.", 400, "consent_refused")
CONNECTED = Outcome("connected", "Connected", "Your data is on its way. You can close this page.")


class Callback:
    """The pages of one installation."""

    rule: Rule = OPEN

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def returned(self, request: Request) -> Response:
        """The browser comes back from the provider."""
        query = request.query_params
        state, code = query.get("state", ""), query.get("code", "")
        if not 0 < len(state) <= LONGEST_STATE:
            return _shown(request, UNKNOWN, None)
        consent = await connect.peek(self._engine, state)
        if consent is None:
            return _shown(request, UNKNOWN, None)
        if "error" in query or not 0 < len(code) <= LONGEST_CODE:
            await self._refuse(state)
            return _shown(request, DENIED if query.get("error") == "access_denied" else FAILED, consent)
        if consent.browser_hash is not None:
            by = Completer(browser_nonce=request.cookies.get(NONCE_COOKIE))
            return _shown(request, await self._complete(state, code, by), consent)
        return self._question(consent, state, code)

    async def agreed(self, request: Request) -> Response:
        """The person has seen who asks, and pressed a button."""
        if not _is_from_our_page(request.headers):
            return _shown(request, ELSEWHERE, None)
        sent = await request.form(max_files=0, max_fields=10)
        state, code = str(sent.get("state", "")), str(sent.get("code", ""))
        consent = await connect.peek(self._engine, state) if 0 < len(state) <= LONGEST_STATE else None
        if consent is None or not 0 < len(code) <= LONGEST_CODE:
            return _shown(request, UNKNOWN, None)
        if sent.get("decision") != "agree":
            await self._refuse(state)
            return _shown(request, DENIED, consent)
        by = Completer(has_agreed=True, browser_nonce=request.cookies.get(NONCE_COOKIE))
        return _shown(request, await self._complete(state, code, by), consent)

    async def _complete(self, state: str, code: str, by: Completer) -> Outcome:
        try:
            with acting(BROWSER, route=RETURN):
                await complete(self._engine, state, code, by=by)
        except OtherAccount:
            return OTHER
        except Conflict:
            return TAKEN
        except Forbidden:
            return ELSEWHERE
        except AnswerLost as error:
            log.warning("consent perhaps completed", error=error.code, request_id=CAUSE.get())
            return replace(UNSURE, code=error.code)
        except (RetryLater, ServiceRefusesKey) as error:
            log.warning("consent not completed", error=error.code, request_id=CAUSE.get())
            return replace(LATER, code=error.code)
        except WearbaseError as error:
            log.warning("consent not completed", error=error.code, request_id=CAUSE.get())
            return replace(FAILED, code=error.code)
        return CONNECTED

    async def _refuse(self, state: str) -> None:
        with acting(BROWSER, route=RETURN):
            await connect.deny(self._engine, state)

    def _question(self, consent: Consent, state: str, code: str) -> Response:
        title = self._engine.provider(consent.provider).label
        asking = urlsplit(consent.redirect_url).hostname if consent.redirect_url else None
        pairs = [("App", asking or "wearbase"), ("Your account there", consent.user_id), ("Source", title)]
        content = (
            paragraph(f"An app asks to read and keep your {title} data. Connect only if this is your own account in an app you use.")
            + facts(pairs)
            + form(
                f"/auth/{consent.provider}/callback",
                {"state": state, "code": code},
                [("agree", f"Connect my {title} data", True), ("refuse", "Cancel", False)],
            )
        )
        # A browser checks the redirect after the form, too.
        places = "'self'" + (f" {origin_of(consent.redirect_url)}" if consent.redirect_url else "")
        return page(f"Connect {title}?", content, form_goes_to=places)


def routes(engine: Engine) -> list[Route]:
    """The pages, as routes; nobody needs a credential for them, the state is one."""
    callback = Callback(engine)
    found = [
        Route("/v1/oauth/callback", callback.returned, methods=["GET"]),
        Route(RETURN, callback.returned, methods=["GET"]),
        Route(RETURN, callback.agreed, methods=["POST"]),
    ]
    for route in found:
        route.rule = OPEN  # type: ignore[attr-defined]
    return found


def _shown(request: Request, outcome: Outcome, consent: Consent | None) -> Response:
    """Back to the app if it asked for that, else a page. The request's line in the log says whose it was and why not."""
    state = request.scope.setdefault("state", {})
    if consent is not None:
        state["named"] = consent.user_id
    if outcome.code is not None:
        state["refused"] = {"error": outcome.code, **({"provider": consent.provider} if consent else {})}
    if consent is not None and consent.redirect_url is not None:
        url = RedirectAllowList.with_outcome(consent.redirect_url, status=outcome.status, user_id=consent.user_id)
        return RedirectResponse(url, 303, headers={"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"})
    return page(outcome.title, paragraph(outcome.text), status=outcome.http_status)


def _is_from_our_page(headers: Mapping[str, str]) -> bool:
    """Whether a form was sent from our own page, as far as the browser says.

    Our pages send no referrer, so their Origin is `null`; over plain HTTP there is no Sec-Fetch-Site either. The state and the
    code in the form are what proves it then.
    """
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    origin = headers.get("origin", "null")
    return origin == "null" or urlsplit(origin).netloc == headers.get("host")
