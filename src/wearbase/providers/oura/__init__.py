"""Oura, through its API v2. Documented shape only: written from the public documentation, never connected to Oura itself."""

from datetime import timedelta

from wearbase.domain.provider import Provider, Resource
from wearbase.providers.oura import client
from wearbase.providers.oura.auth import OAuth
from wearbase.providers.oura.mapping import QUANTITIES, assemble_day, day_metrics, empty_day, running
from wearbase.providers.oura.webhook import Webhook, handshake

NOON = (14,)  # a night is there once its member has opened the app: often long after the morning
DAYTIME = (14, 20, 23)

PROVIDER = Provider(
    name="oura",
    title="Oura",
    caveat="documented shape only, never connected",
    console="developer.ouraring.com",
    api_url="https://api.ouraring.com",
    oauth_url="https://cloud.ouraring.com/oauth",
    joined_by="oauth",
    delivers="notice",
    resources=(
        Resource(
            name="readiness", scope="daily", read_page=client.READINESS.page, read_one=client.READINESS.one, slots=NOON, tells_morning=True
        ),
        Resource(
            name="sleep_score", scope="daily", read_page=client.SLEEP_SCORE.page, read_one=client.SLEEP_SCORE.one, slots=NOON,
            tells_morning=True,
        ),
        Resource(name="sleep", scope="daily", read_page=client.SLEEP.page, read_one=client.SLEEP.one, slots=DAYTIME),
        Resource(name="activity", scope="daily", read_page=client.ACTIVITY.page, read_one=client.ACTIVITY.one, slots=DAYTIME),
        Resource(
            name="workout", listed_as="workouts", scope="workout", read_page=client.WORKOUT.page, read_one=client.WORKOUT.one, slots=DAYTIME
        ),
        Resource(name="oxygen", scope="spo2", read_page=client.OXYGEN.page, read_one=client.OXYGEN.one, slots=NOON),
    ),
    overlap=timedelta(days=7),  # days are amended afterwards
    thinning=((20, ("sleep", "activity", "workout")), (23, ("sleep", "activity", "workout"))),
    page_size=5,  # how many come on a page is not said: this only bounds how many pages are believed
    webhook_success_status=200,
    quota_per_minute=1000,  # 5,000 in five minutes; newer pages name no number, and a 429 says when to come again
    quota_per_day=1_000_000,
    oauth_rules=OAuth(),
    webhook=Webhook(),
    handshake=handshake,
    map_again=client.map_again,
    assemble_day=assemble_day,
    day_metrics=day_metrics,
    empty_day=empty_day,
    quantities=QUANTITIES,
    running=running,
)  # fmt: skip
