"""Sahha, through its server API and webhooks."""

from datetime import timedelta

from wearbase.domain.provider import Provider, Resource
from wearbase.providers.sahha import client
from wearbase.providers.sahha.auth import Account
from wearbase.providers.sahha.mapping import assemble_day, day_metrics, empty_day
from wearbase.providers.sahha.quantities import QUANTITIES, running
from wearbase.providers.sahha.webhook import VARIANTS, Webhook, probe_delivery

PROVIDER = Provider(
    name="sahha",
    title="Sahha",
    joined_by="account",
    delivers="payload",
    resources=(
        Resource(name="score", listed_as="scores", read_page=client.read_scores, read_one=client.read_score, slots=(14, 20)),
        Resource(
            name="biomarker", listed_as="biomarkers", read_page=client.read_biomarkers, read_one=client.read_biomarker, slots=(14, 20)
        ),
        Resource(name="archetype", listed_as="archetypes", read_page=client.read_archetypes, read_one=client.read_archetype),
    ),
    overlap=timedelta(days=7),  # what a lost delivery can have changed: whether Sahha repeats one is not known
    history=timedelta(days=30),  # a new profile has 14 days of scores and 4 weeks of archetypes
    tells_absence=False,  # an empty list is also the answer to a word that Sahha does not know
    remains="The profile at Sahha remains, with what Sahha knows of it: it is removed in Sahha's dashboard.",
    thinning=((20, ("score", "biomarker")), (14, ("score", "biomarker"))),
    webhook_success_status=200,
    webhook_body_limit_bytes=1024 * 1024,
    quota_per_minute=120,  # none is published: two a second, the pace that an integrator kept to
    quota_per_day=172_800,
    account_rules=Account(),
    webhook=Webhook(),
    signatures={variant: Webhook(variant) for variant in VARIANTS},
    probe=probe_delivery,
    map_again=client.map_again,
    assemble_day=assemble_day,
    day_metrics=day_metrics,
    empty_day=empty_day,
    quantities=QUANTITIES,
    running=running,
    passes_on=True,  # what it has of a wearable that is connected here too came by a longer way
)
