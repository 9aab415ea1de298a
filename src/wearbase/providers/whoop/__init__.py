"""WHOOP, through its member API v2."""

from datetime import timedelta

from wearbase.domain.provider import Provider, Resource
from wearbase.providers.whoop import client
from wearbase.providers.whoop.auth import OAuth
from wearbase.providers.whoop.mapping import assemble_day, day_metrics, empty_day
from wearbase.providers.whoop.quantities import QUANTITIES, running
from wearbase.providers.whoop.webhook import Webhook

NIGHT = (23,)
DAYTIME = (14, 20, 23)
WITHOUT_EVENTS = ("cycle",)  # day strain, energy and steps move with each of the others, and WHOOP never says so

PROVIDER = Provider(
    name="whoop",
    title="WHOOP",
    joined_by="oauth",
    delivers="notice",
    resources=(
        Resource(
            name="recovery",
            scope="read:recovery",
            read_page=client.read_recoveries,
            read_one=client.read_recovery,
            slots=NIGHT,
            companions=WITHOUT_EVENTS,
            is_of_night=True,
            tells_morning=True,
        ),
        Resource(
            name="sleep",
            scope="read:sleep",
            read_page=client.read_sleeps,
            read_one=client.read_sleep,
            slots=NIGHT,
            companions=WITHOUT_EVENTS,
            tells_morning=True,
        ),
        Resource(
            name="workout",
            listed_as="workouts",
            scope="read:workout",
            read_page=client.read_workouts,
            read_one=client.read_workout,
            slots=DAYTIME,
            companions=WITHOUT_EVENTS,
        ),
        Resource(
            name="cycle", listed_as="cycles", scope="read:cycles", read_page=client.read_cycles, read_one=client.read_cycle, slots=DAYTIME
        ),
    ),
    identity_scope="read:profile",
    identity_resource="cycle",
    extra_scopes=("offline", "read:body_measurement"),
    overlap=timedelta(days=3),
    thinning=(
        (20, ("workout", "cycle")),
        (14, ("workout", "cycle")),
        (23, ("recovery", "sleep", "cycle")),
        (23, ("workout",)),  # last: a workout whose delivery was lost would wait for the morning
    ),
    page_size=client.PAGE_SIZE,
    oauth_rules=OAuth(),
    webhook=Webhook(),
    map_again=client.map_again,
    assemble_day=assemble_day,
    day_metrics=day_metrics,
    empty_day=empty_day,
    quantities=QUANTITIES,
    running=running,
)
