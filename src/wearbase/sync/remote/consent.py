"""Consents for a source that another wearbase keeps: started and completed there, guarded here as our own are."""

from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote, urlsplit

from wearbase.domain.errors import (
    AnswerLost,
    BadRequest,
    Conflict,
    Forbidden,
    OtherAccount,
    PassedOn,
    ServiceAnswerUnusable,
    ServiceRefusesKey,
    ServiceUnavailable,
)
from wearbase.store.audit import trail
from wearbase.store.connections import Consent
from wearbase.store.member import consents, marks
from wearbase.store.member.consents import Agreed
from wearbase.store.work import copies
from wearbase.sync import connect
from wearbase.sync.connect import STATE_LIFETIME, Completer, Connected, Redirects, Started, Starter
from wearbase.sync.engine import Engine
from wearbase.sync.remote import ending
from wearbase.transport.remote import Remote

LONGEST_URL, SHORTEST_STATE, LONGEST_STATE = 4_000, 8, 200
MARGIN = timedelta(seconds=10)  # the state there is a moment older than ours


async def begin(engine: Engine, remote: Remote, user_id: str, *, redirects: Redirects, by: Starter) -> Started:
    """Starts a consent there: the address to send the member's browser to.

    The browser comes back here if WHOOP_REDIRECT_URL names our callback, else there, and goes on to `redirects.url` from either.
    Raises what `Remote.call` does.
    """
    await _check(engine, user_id)
    await ending.finish_all(engine, remote, user_id)
    uri = redirects.uri or remote.redirect_uri
    params = {"user_id": user_id, "provider": remote.name}
    if uri is not None:
        params["redirect_uri"] = uri
    elif redirects.url is not None:
        params["redirect_url"] = redirects.url
    if (version := by.consent_version or engine.consent_version) is not None:
        params["consent_version"] = version
    found = remote.parsed(await remote.call("GET", "/v1/oauth/authorize", params=params))
    url, state = str(found.get("authorization_url")), found.get("state")
    if not (_is_address(url) and isinstance(state, str) and SHORTEST_STATE <= len(state) <= LONGEST_STATE):
        raise remote.misunderstood("a consent without address or state")
    lifetime = STATE_LIFETIME - MARGIN
    consent = Consent(
        user_id=user_id, provider=remote.name, redirect_uri=uri or "", redirect_url=redirects.url,
        browser_hash=by.browser_hash, started_by=by.kind, consent_version=version, asked_scopes=[],
        expires_at=engine.clock.now() + lifetime,
    )  # fmt: skip
    await connect.remember(engine, state, consent)
    return Started(user_id=user_id, authorization_url=url, state=state, expires_in_s=int(lifetime.total_seconds()))


async def complete(engine: Engine, state: str, code: str, *, by: Completer) -> Connected:
    """The connection that a code completes, ours or another wearbase's.

    Raises what `connect.complete` and `Remote.call` do. What the service could not do for the moment may be brought again. Where its
    answer is lost, it is asked how the member stands.
    """
    if by.user_id is not None:
        await _check(engine, by.user_id)  # a consent from before went with everything else: this one was begun by somebody newer
    consent = await connect.peek(engine, state)
    if consent is None or consent.provider not in engine.remotes:
        return await connect.complete(engine, state, code, by=by)
    remote = engine.remotes[consent.provider]
    try:
        connect.check_completer(consent, by)
    except Forbidden:
        await connect.use_up(engine, state)  # whoever brought it has the code, too
        raise
    try:
        answer = await remote.call("POST", "/v1/oauth/callback", json={"code": code, "state": state})
    except AnswerLost:
        if (done := await _done_there(remote, consent)) is None:
            raise
        await _connected_there(engine, state, consent)
        return done
    except PassedOn as refused:
        done = await _done_there(remote, consent) if refused.code == BadRequest.code else None  # used up: by an answer that was lost?
        if refused.status < 500 and done is None:
            await connect.deny(engine, state)
        if done is not None:
            await _connected_there(engine, state, consent)
            return done
        if refused.code == OtherAccount.code:
            raise OtherAccount(refused.message, provider=remote.name) from refused
        if refused.code == Conflict.code:
            raise Conflict(refused.message, provider=remote.name) from refused
        raise
    await _connected_there(engine, state, consent)
    return _connected(remote, consent, remote.parsed(answer))


async def _check(engine: Engine, user_id: str) -> None:
    """Before somebody else is asked. Raises MadeBeforeErasure."""
    async with engine.db.connection() as tx:
        await marks.check(tx, engine.keys, user_id)


async def _connected_there(engine: Engine, state: str, consent: Consent) -> None:
    """The state is used up."""
    await connect.use_up(engine, state)
    now = engine.clock.now()
    agreed = Agreed(provider=consent.provider, version=consent.consent_version, given_at=now, given_by=consent.started_by)
    async with engine.db.transaction() as tx:
        await consents.record(tx, consent.user_id, agreed)
        await trail.write(tx, "connected", user_id=consent.user_id, provider=consent.provider, now=now)


async def changed(engine: Engine, user_id: str, provider: str) -> None:
    """Something was changed there for a person: whoever reads next asks."""
    async with engine.db.transaction() as tx:
        await copies.ask_anew(tx, user_id, provider)


def _connected(remote: Remote, consent: Consent, found: dict[str, Any]) -> Connected:
    missing = found.get("missing_scopes")
    if found.get("user_id") != consent.user_id or not isinstance(missing, list):
        raise remote.misunderstood("a connection of another member")
    return Connected(
        user_id=consent.user_id, provider=remote.name, redirect_url=consent.redirect_url, missing_scopes=[str(scope) for scope in missing]
    )


async def _done_there(remote: Remote, consent: Consent) -> Connected | None:
    """The connection, if the service says that the member has one since this consent began; None if it does not, or does not answer."""
    began = consent.expires_at - STATE_LIFETIME
    try:
        path = f"/v1/data/{quote(consent.user_id, safe='')}/profile"
        found = remote.parsed(await remote.call("GET", path, params={"provider": remote.name}))
        since = datetime.fromisoformat(str(found.get("connected_at")))
    except (ServiceUnavailable, ServiceRefusesKey, ServiceAnswerUnusable, PassedOn, ValueError):
        return None
    if found.get("state") != "connected" or since.utcoffset() is None or since < began:
        return None
    given = found.get("scopes")
    missing = sorted(set(remote.provider.scopes) - set(map(str, given))) if isinstance(given, list) and given else []
    return Connected(user_id=consent.user_id, provider=remote.name, redirect_url=consent.redirect_url, missing_scopes=missing)


def _is_address(url: str) -> bool:
    return len(url) <= LONGEST_URL and urlsplit(url).scheme in ("http", "https")
