"""Errors: named for what the caller must do, silent about values."""

import pytest

from wearbase.domain import errors
from wearbase.domain.errors import RateLimited, UnexpectedPayload, WearbaseError


def leaves(kind):
    below = kind.__subclasses__()
    return [leaf for child in below for leaf in leaves(child)] if below else [kind]


DOMAIN = [leaf for leaf in leaves(WearbaseError) if leaf.__module__ == errors.__name__]


@pytest.mark.parametrize("kind", DOMAIN, ids=lambda kind: kind.__name__)
def test_each_error_says_something_and_has_a_code_of_its_own(kind):
    error = kind(**({"status": 409, "code": kind.code} if kind is errors.PassedOn else {}))  # it tells what another said
    assert error.message
    assert str(error) == error.message
    assert error.code not in ("error", "")
    assert [other for other in DOMAIN if other.code == error.code] == [kind]


def test_fields_travel_beside_the_message():
    error = RateLimited(provider="whoop", resource="sleep")
    assert error.fields == {"provider": "whoop", "resource": "sleep"}
    assert "whoop" not in str(error)


def test_an_unexpected_payload_names_its_path():
    assert UnexpectedPayload(path="score.strain").message.endswith("At: score.strain.")
    assert UnexpectedPayload().message.endswith("At: the whole record.")
