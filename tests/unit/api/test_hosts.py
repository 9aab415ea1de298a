"""Which names are ours."""

import pytest

from wearbase.api.door.hosts import Hosts, name_of
from wearbase.api.door.rules import DoorRules
from wearbase.domain.errors import WrongHost

OURS = DoorRules(hosts=frozenset({"wear.example", "127.0.0.1", "::1", "localhost"}))


def is_taken(rules: DoorRules, *given: bytes, path: str = "/app/") -> bool:
    hosts = Hosts(rules)
    answers = []
    for _ in range(2):  # the second time it may be remembered
        try:
            hosts.check({"path": path}, given)  # type: ignore[typeddict-item]
        except WrongHost:
            answers.append(False)
        else:
            answers.append(True)
    assert answers[0] == answers[1]
    return answers[0]


@pytest.mark.parametrize(
    "host",
    [
        b"wear.example",
        b"WEAR.example:443",
        b"wear.example.",
        b"wear.example:8000",
        b"wear.example:",
        b"127.0.0.1:1",
        b"[::1]:8000",
        b"localhost",
    ],
)
def test_our_own_names_with_any_port(host: bytes) -> None:
    assert is_taken(OURS, host)


@pytest.mark.parametrize(
    "host",
    [
        b"evil.example", b"wear.example.evil.example", b"evilwear.example", b"wear.example@evil.example", b"evil.example#wear.example",
        b"wear.example/evil", b"wear.example:80x", b"wear.example, evil.example", b"", b"192.0.2.1", b"[::1", b"\xff\xfe", b"[::2]",
    ],
)  # fmt: skip
def test_others_are_refused(host: bytes) -> None:
    assert not is_taken(OURS, host)


def test_none_and_two_are_refused() -> None:
    assert not is_taken(OURS)
    assert not is_taken(OURS, b"wear.example", b"wear.example")
    assert not is_taken(OURS, b"wear.example", b"evil.example")


def test_probes_may_use_any_name_but_only_for_health() -> None:
    for path in ("/health/live", "/health/ready"):
        assert is_taken(OURS, b"10.1.2.3:8000", path=path)
        assert is_taken(OURS, path=path)
    assert not is_taken(OURS, b"10.1.2.3:8000", path="/metrics")


def test_addresses_where_they_are_taken_but_no_other_names() -> None:
    rules = DoorRules(hosts=frozenset({"localhost"}), takes_addresses=True)
    assert is_taken(rules, b"192.168.1.7:8000")
    assert is_taken(rules, b"[fe80::7]:8000")
    assert not is_taken(rules, b"192.168.1.7.evil.example")


def test_an_address_in_any_way_of_writing_it() -> None:
    for host in (b"[::ffff:127.0.0.1]:8000", b"[::FFFF:7f00:1]", b"[0:0:0:0:0:0:0:1]"):
        assert is_taken(OURS, host)
    assert not is_taken(OURS, b"[::ffff:192.0.2.1]")


def test_names_that_no_other_site_can_have_where_they_are_taken() -> None:
    rules = DoorRules(hosts=frozenset({"localhost"}), takes_addresses=True, takes_private_names=True)
    for host in (b"prometheus-target:9100", b"api.team.svc", b"wear.internal", b"10.0.0.7:9100"):
        assert is_taken(rules, host)
    for host in (b"evil.example", b"127.0.0.1.evil.example", b"internal.example"):
        assert not is_taken(rules, host)


def test_without_names_every_one_is_taken() -> None:
    assert is_taken(DoorRules(), b"whatever")


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("https://Wear.Example:443", "wear.example"),
        ("http://[::1]:8000", "::1"),
        ("//a.b.", "a.b"),
        ("//a:b@c", None),
        ("//", None),
        ("//[x", None),
    ],
)
def test_the_name_in_an_address(address: str, name: str | None) -> None:
    assert name_of(address) == name


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ([b"192.0.2.7:8443"], "192.0.2.7"), ([b"[2001:db8::1]:80"], "2001:db8::1"), ([b"[::ffff:192.0.2.7]"], "192.0.2.7"),
        ([b"evil.example:8443"], None), ([b"annabel"], None), ([b"e" * 300], None),
        ([b"a b"], None), ([b"evil\x1b[31m"], None), ([b"evil.example\n"], None), ([b"ann:secret@evil.example"], None),
        ([b"evil.example/?q=1"], None), ([b""], None), ([], None), ([b"a.example", b"b.example"], None),
    ],
)  # fmt: skip
def test_an_address_that_was_asked_is_told_to_the_log_and_a_strangers_word_is_not(given: list[bytes], told: str | None) -> None:
    with pytest.raises(WrongHost) as caught:
        Hosts(OURS).check({"path": "/app/"}, given)  # type: ignore[typeddict-item]
    assert caught.value.fields == {"host": told}
