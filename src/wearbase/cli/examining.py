"""What `wear doctor` asks of the sources: calls, credentials, and what their deliveries are signed with."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal
from urllib.parse import urlsplit

from wearbase.access.keyset import KeySet
from wearbase.app.running import CEILINGS
from wearbase.cli.output import ago
from wearbase.cli.showing.budgets import clock
from wearbase.domain.errors import ClientMisconfigured, RateLimited, ServiceRefusesKey, ServiceUnavailable, WearbaseError
from wearbase.read.budgets import standings
from wearbase.settings import LOOPBACK, Settings
from wearbase.store import observations, survey
from wearbase.store.observations import Observation
from wearbase.store.work.budget import Standing
from wearbase.sync.engine import Engine
from wearbase.sync.receive import REFUSED
from wearbase.transport.apps import App
from wearbase.transport.remote import SCOPES, Remote

SCALES_OF = timedelta(days=8)


@dataclass(frozen=True, slots=True)
class Finding:
    """One line: what was looked at, how it is, and what to do if it is not well."""

    level: Literal["ok", "warn", "fail"]
    name: str
    text: str
    todo: str | None = None


async def of_sources(engine: Engine, *, is_demo: bool) -> list[Finding]:
    """Everything that the database, and the source itself, say of each source that is set up."""
    found: list[Finding] = []
    apps = engine.apps
    budgets = await standings(engine.db, engine.clock, {app.name: (app.key, app.ceilings) for app in apps.values()})
    for app in apps.values():
        async with engine.db.connection() as tx:
            seen, last_at = await observations.of(tx, app.name), await observations.last_delivery_at(tx, app.name)
        found += _calls(app, budgets[app.name])
        found += _ceilings(app, seen.get(CEILINGS))
        if not is_demo:
            found += [finding async for finding in _account(engine, app)]
            found += _signature(app, seen.get(REFUSED), last_at, now=engine.clock.now())
    return found + await _scales(engine)


def _calls(app: App, found: Standing) -> Iterator[Finding]:
    """Whether calls go out, and if not, until when and why."""
    name = f"{app.name} calls"
    if found.alarm_since:
        text = f"since {_at(found.alarm_since)} the tokens of many members are refused; nobody is disconnected for it"
        yield Finding("warn", name, text, "look at the provider's status page; if it means it: wear grants --give-up")
    if found.closed_until:
        text = f"the provider refused a call as one too many: none goes out before {_at(found.closed_until)}"
        yield Finding("warn", name, text, f"wait; or, if it was closed wrongly: wear budget --reopen {app.name}")
    if found.paused_until:
        text = f"the calls of several members failed in a row: none goes out before {_at(found.paused_until)}"
        yield Finding("warn", name, text, "look at the provider's status page; one call tries by itself")
    if found.day_left < 1:
        text = f"all {found.day_limit} calls of the day are used up; they begin anew at {clock(found.day_resets_at)}"
        yield Finding("warn", name, text, "see for what: wear budget. If that happens every day, ask the provider for a larger quota")
    if not (found.closed_until or found.paused_until or found.day_left < 1):
        yield Finding("ok", name, f"{found.day_left} of {found.day_limit} are left today")


def _ceilings(app: App, seen: Observation | None) -> Iterator[Finding]:
    """Every process must be given the same; what can be seen is what the server that started last was given."""
    own = {"per_minute": app.per_minute, "per_day": app.per_day}
    theirs = {name: seen.content.get(name) for name in own} if seen else own
    if seen is not None and theirs != own:
        text = f"{_pair(own)} here, {_pair(theirs)} in the server that started last ({seen.content.get('host')}, {_at(seen.seen_at)})"
        todo = "give every process the same RATE_LIMIT_PER_MINUTE and RATE_LIMIT_PER_DAY, and restart those that had others"
        yield Finding("warn", f"{app.name} ceilings", text, todo)


async def _account(engine: Engine, app: App) -> AsyncIterator[Finding]:
    """Asks for a token with the app's own credentials, where that is how members are reached."""
    if app.provider.joined_by != "account":
        return
    name, prefix = f"{app.name} account", app.name.upper()
    rules = app.provider.account
    try:
        rules.token(await engine.gateway.token_call(app, rules.token_request(app.credentials)))
    except ClientMisconfigured:
        todo = f"copy {prefix}_CLIENT_ID and {prefix}_CLIENT_SECRET again, and see that {prefix}_API_URL is the environment they belong to"
        yield Finding("fail", name, f"{app.credentials.api_url} does not accept the client id and secret", todo)
    except RateLimited as limited:
        yield Finding("warn", name, f"not asked: no call is to be had before {_at(limited.retry_at)}", "run wear doctor again then")
    except WearbaseError as error:
        todo = f"check {prefix}_API_URL and the network, then run wear doctor again"
        yield Finding("warn", name, f"{app.credentials.api_url} could not be asked: {error.message}", todo)
    else:
        yield Finding("ok", name, f"the credentials are accepted at {app.credentials.api_url}")


def _signature(app: App, refused: Observation | None, last_at: datetime | None, *, now: datetime) -> Iterator[Finding]:
    """Whether deliveries verify. One that was refused tells by its form what is set wrongly: it was signed with our secret, or not."""
    name, prefix = f"{app.name} signed", app.name.upper()
    if not app.credentials.signing_secret:
        return
    if refused is not None and (last_at is None or last_at < refused.seen_at):
        when, form = ago(refused.seen_at, now=now), refused.content.get("form")
        if form is not None and form != app.provider.signature:
            text = f"deliveries are refused (the last {when}): they are signed as {form}, and {app.provider.signature} is accepted"
            yield Finding("fail", name, text, f"set {prefix}_SIGNATURE={form} and restart the servers")
            return
        if form is None:
            secret = f"{prefix}_CLIENT_SECRET" if app.credentials.webhook_secret is None else f"{prefix}_WEBHOOK_SECRET"
            text = f"a delivery was refused {when}: our secret did not sign it{' in any form' if app.provider.signatures else ''}"
            yield Finding("warn", name, text, f"if it was the provider's, copy {secret} again; anybody can send what is not")
            return
    if last_at is not None:
        yield Finding("ok", name, f"the last delivery was accepted {ago(last_at, now=now)}")
    else:
        test = "send a test event from the provider's dashboard, and run wear doctor again"
        yield Finding("ok", name, "no delivery has come yet", test if app.provider.signatures else "one comes with a member's next record")


def of_sahha(settings: Settings) -> Iterator[Finding]:
    """Whether deliveries of Sahha can come and be verified at all, by the settings alone."""
    webhook = f"{settings.base_url}/v1/webhooks/sahha"
    parts = urlsplit(webhook)
    if settings.sahha_webhook_secret is None:
        todo = "set SAHHA_WEBHOOK_SECRET to the secret that Sahha's dashboard shows for the webhook"
        yield Finding(
            "warn", "sahha hook", "SAHHA_WEBHOOK_SECRET is not set: no delivery is accepted, data comes by the timetable only", todo
        )
    elif parts.scheme != "https" or parts.hostname in LOOPBACK:
        todo = "set PUBLIC_URL to the https address of this server; until then data comes by the timetable only"
        yield Finding("warn", "sahha hook", f"Sahha cannot deliver to {webhook}", todo)
    else:
        yield Finding("ok", "sahha hook", f"{webhook}, signed as {settings.sahha_signature}", "register it in Sahha's dashboard")


async def of_service(remote: Remote) -> Finding:
    """Whether another wearbase answers, and lets us do there all that members and backends may wish for here."""
    name = f"{remote.name} service"
    todo = f"make a key there (wear keys create {' '.join(f'--scope {scope}' for scope in SCOPES)}) and set WHOOP_SERVICE_API_KEY"
    try:
        missing = await remote.greet()
    except ServiceRefusesKey:
        return Finding("fail", name, f"{remote.url} refuses our key", todo)
    except ServiceUnavailable:
        return Finding("fail", name, f"{remote.url} does not answer", "check WHOOP_SERVICE_URL, the network, and that it runs")
    except WearbaseError as error:
        return Finding("fail", name, f"{remote.url} answers oddly: {error.message}", "check that WHOOP_SERVICE_URL is a wearbase")
    if missing:
        return Finding("fail", name, f"{remote.url} takes our key, but it lacks {', '.join(missing)}", todo)
    return Finding("ok", name, f"{remote.url} answers and takes our key")


async def of_identity(settings: Settings) -> AsyncIterator[Finding]:
    """Whether the keys of the app's own identity provider can be had."""
    if settings.auth_jwks_url is None:
        return
    keys = KeySet(settings.auth_jwks_url)
    await keys.fetch()
    await keys.close()
    if keys.problem is not None:
        todo = "check AUTH_JWKS_URL and the network; a Supabase project must use asymmetric signing keys. Until then its tokens are refused"
        yield Finding("fail", "identity", f"no keys from {keys.url}: {keys.problem}", todo)
        return
    kinds = ", ".join(sorted({key.algorithm_name for key in keys.keys.values()}))
    text = f"{len(keys.keys)} keys ({kinds}) at {keys.url}, for tokens of {settings.auth_issuer}"
    yield Finding("ok", "identity", text, f"the member is named by the claim {settings.auth_user_claim}")


def of_others(settings: Settings) -> Iterator[Finding]:
    """What must be known of the further sources that are set up."""
    for app in settings.apps():
        if app.provider.caveat is not None:
            yield Finding("warn", app.name, app.provider.label, "what it brings has been compared with nothing real: look at it first")


async def _scales(engine: Engine) -> list[Finding]:
    """Percentages that came both as a fraction and as percent: one of the two was perhaps read wrong."""
    passing_on = [app.name for app in engine.apps.values() if app.provider.passes_on]
    if not passing_on:
        return []
    async with engine.db.connection() as tx:
        mixed = await survey.mixed_scales(tx, passing_on, since=engine.clock.now().date() - SCALES_OF)
    todo = "compare the raw records (shape=raw) with the source's own app before that quantity is trusted"
    return [Finding("warn", m.provider, f"{m.name} came both as a fraction and as percent, for {m.members} member(s)", todo) for m in mixed]


def _pair(said: dict[str, Any]) -> str:
    return f"{said['per_minute']} a minute and {said['per_day']} a day"


def _at(at: datetime | None) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC" if at else "a while"
