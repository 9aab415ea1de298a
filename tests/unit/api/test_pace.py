"""How often: buckets, who counts as one caller, and memory that does not grow."""

import sys

import pytest

from wearbase.access.caller import MEMBER_SCOPES, Caller
from wearbase.api.door.pace import Buckets, Pace, network_of
from wearbase.api.door.rules import DoorRules
from wearbase.api.middleware import Floods
from wearbase.domain.errors import TooManyRequests

RULES = DoorRules(requests_per_key=4, requests_per_member=2, failures_per_address=3)
BACKEND = Caller(kind="service", key_id="backend", scopes=frozenset({"read"}))


class Time:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def member(user_id: str) -> Caller:
    return Caller(kind="member", key_id="member:1", scopes=MEMBER_SCOPES, user_id=user_id)


def taken(buckets: Buckets, key: str, times: int) -> int:
    return sum(not buckets.take(key) for _ in range(times))


def test_twice_the_rate_at_once_and_then_the_rate() -> None:
    time = Time()
    buckets = Buckets(10, clock=time)
    assert taken(buckets, "a", 50) == 20
    assert buckets.take("a") == pytest.approx(0.1)
    time.now += 1.0
    assert taken(buckets, "a", 50) == 10
    time.now += 3_600
    assert taken(buckets, "a", 50) == 20


def test_a_slow_caller_never_waits_and_another_key_is_another_bucket() -> None:
    time = Time()
    buckets = Buckets(10, clock=time)
    for _ in range(1_000):
        assert buckets.take("slow") == 0
        time.now += 0.11
    assert taken(buckets, "a", 50) == taken(buckets, "b", 50) == 20


def test_no_rate_is_no_limit() -> None:
    assert taken(Buckets(0), "a", 10_000) == 10_000


def test_a_flood_of_keys_takes_no_more_memory_than_so_many_and_spares_whoever_comes_again() -> None:
    buckets = Buckets(1, most=100)
    taken(buckets, "busy", 2)
    for number in range(10_000):
        buckets.take(f"2001:db8:{number:x}::/64")
        if number % 50 == 0:
            buckets._full_at.move_to_end("busy")
    assert len(buckets) == 100
    assert buckets.take("busy") > 0
    assert sys.getsizeof(buckets._full_at) < 20_000


def test_services_are_counted_by_key_and_members_by_id() -> None:
    pace = Pace(RULES, clock=Time())
    for _ in range(8):
        pace.take(BACKEND)
    for _ in range(4):
        pace.take(member("ann"))
    for caller, kind in ((BACKEND, "key"), (member("ann"), "member")):
        with pytest.raises(TooManyRequests) as refused:
            pace.take(caller)
        assert refused.value.fields["limit"] == kind
        assert refused.value.retry_after_s == 1
    pace.take(member("bob"))


def test_an_address_with_too_many_bad_credentials_waits_but_not_one_that_was_good_lately() -> None:
    time = Time()
    pace = Pace(RULES, clock=time)
    pace.succeeded(42)
    for _ in range(6):
        pace.check("192.0.2.7", None)
        pace.failed("192.0.2.7")
    with pytest.raises(TooManyRequests) as refused:
        pace.check("192.0.2.7", 43)
    assert refused.value.fields["network"] == "192.0.2.7"
    pace.check("192.0.2.7", 42)
    pace.check("192.0.2.8", 43)
    time.now += 0.4
    pace.check("192.0.2.7", 43)


@pytest.mark.parametrize(
    ("one", "other", "is_one"),
    [
        ("2001:db8:0:1::1", "2001:db8:0:1:ffff:ffff:ffff:ffff", True),
        ("2001:db8:0:1::1", "2001:db8:0:2::1", False),
        ("192.0.2.1", "192.0.2.2", False),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.2", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("64:ff9b::192.0.2.1", "192.0.2.1", True),
        ("64:ff9b::192.0.2.1", "64:ff9b::192.0.2.2", False),
        ("fe80::1%eth0", "fe80::2", True),
        ("unknown", "_hidden", False),
        ("", "unknown", False),
    ],
)
def test_what_counts_as_one_address(one: str, other: str, is_one: bool) -> None:
    assert (network_of(one) == network_of(other)) is is_one


def test_what_a_proxy_makes_up_is_kept_short() -> None:
    assert len(network_of("x" * 10_000)) == 64


def test_a_flood_writes_one_line_a_second_and_says_how_many_it_left_out() -> None:
    time = Time()
    floods = Floods(time)
    refused = {"error": "too_many_requests", "limit": "address"}
    lines = [line for _ in range(1_000) if (line := floods.told("limit_address", refused))]
    assert lines == [refused]
    assert floods.told("wrong_host", {"error": "wrong_host"}) == {"error": "wrong_host"}
    time.now += 1.1
    assert floods.told("limit_address", refused) == {**refused, "untold": 999}
    time.now += 1.1
    assert floods.told("limit_address", refused) == refused
