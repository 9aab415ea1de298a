"""How long a reader is kept waiting for a source. That it is not longer is tested with a provider that never answers."""

from datetime import timedelta

from wearbase.api.routes import consents, hot, internal_api, syncing
from wearbase.settings import Settings
from wearbase.sync.engine import Engine


def test_nobody_waits_longer_than_three_seconds():
    assert (hot.WAIT_S, syncing.WAIT_S, consents.WAIT_S) == (3.0, 3.0, 3.0)
    assert Settings.model_fields["source_deadline"].default == Engine.__dataclass_fields__["source_deadline"].default
    assert Settings.model_fields["source_deadline"].default == timedelta(seconds=2.5)


def test_another_service_that_asks_has_an_answer_within_its_own_deadline():
    assert timedelta(seconds=internal_api.WAIT_S) < Settings.model_fields["source_deadline"].default
