"""What a newcomer sees once the demo is up: the history filling, today, and the line to ask for it."""

import asyncio
from datetime import date, datetime, timedelta

import httpx2
import orjson

from wearbase.access.sessions import Sessions
from wearbase.app.parts import Parts
from wearbase.cli.demo import consent, simulator
from wearbase.cli.demo.folder import HISTORY_DAYS, MEMBER, Kept, is_own_key, remember
from wearbase.cli.demo.simulator import Simulator
from wearbase.cli.output import History, say, shown
from wearbase.cli.showing.days import summary
from wearbase.read.status import SourceStatus, status
from wearbase.settings import Settings

PROVIDER = consent.PROVIDER
LOOK_EVERY_S = 0.1


async def guide(running: Parts, cloud: Simulator, kept: Kept) -> None:
    """Connects the member, shows the history arriving, then says how to go on. Raises Stop."""
    settings = running.settings
    async with simulator.control(kept) as client:
        await simulator.wait_until_ready(cloud, client)
        if kept.account is None:
            kept = remember(running.place.folder, kept, account=await simulator.account_with_a_day(client))
    assert kept.account is not None
    began = running.clock.now()
    async with httpx2.AsyncClient(base_url=settings.base_url, headers=_key(settings), timeout=20, trust_env=False) as ours:
        await consent.connect(ours, account=kept.account)
    await _watch(running, since=began)
    await _show(running, kept)


def _key(settings: Settings) -> dict[str, str]:
    return {"x-api-key": settings.service_api_key.get_secret_value()} if settings.service_api_key else {}


async def _watch(running: Parts, *, since: datetime) -> None:
    """Returns when everything has been read since then, the history too, or something has failed."""
    with shown("History", total=HISTORY_DAYS) as bar:
        while True:
            found = await status(running.db, running.clock, MEMBER, PROVIDER)
            history = History.of(found, since=since)
            bar.set(history)
            if history.is_complete or history.failed:
                break
            await asyncio.sleep(LOOK_EVERY_S)
    say(f"  History   {history.words}")
    for resource, error in history.failed.items():
        say(f"            {resource}: {error}; it is tried again by itself")


async def _show(running: Parts, kept: Kept) -> None:
    found = await status(running.db, running.clock, MEMBER, PROVIDER)
    today = today_of(running, found)
    answer = await running.reader.day(MEMBER, PROVIDER, today)
    say()
    say(f"  Today ({today}) of the invented member {MEMBER!r}:", style="bold")
    for line in summary(orjson.loads(answer.body)):
        say(f"    {line}")
    made = await Sessions(running.db, running.clock).make_link(MEMBER, made_by="demo")
    say()
    say("  See it in the app (the address works once, within ten minutes; another one: wear link demo):")
    say(f"    {made.address(running.settings.base_url)}", style="cyan")
    say()
    say("  Ask for it:")
    say(f"    {ask_line(running.settings, today)}", style="cyan")
    say()
    say("  Let the member finish a workout, then ask again:")
    say(f"    {event_line(kept)}", style="cyan")
    say()
    say("  Stop with Ctrl-C. The data stays for the next start; what you made happen in the simulated WHOOP does not.", style="dim")


def today_of(running: Parts, found: SourceStatus) -> date:
    """The member's current date."""
    offset_min = found.connection.utc_offset_min if found.connection else None
    return (running.clock.now() + timedelta(minutes=offset_min or 0)).date()


def ask_line(settings: Settings, day: date) -> str:
    """The line that asks for a day; a key that was given by the environment is not repeated."""
    shown_key = _key(settings)["x-api-key"] if is_own_key(settings) else "$SERVICE_API_KEY"
    return f'curl -H "X-API-Key: {shown_key}" "{settings.base_url}/api/v1/{PROVIDER}/daily-data/{MEMBER}?date={day}"'


def event_line(kept: Kept) -> str:
    """The line that makes something happen at the simulated provider."""
    return (
        f'curl -H "Authorization: Bearer {kept.control_token}" -d \'{{"event":"workout","sport":"running"}}\''
        f" {kept.sim_url}/control/members/{kept.account}/events"
    )
