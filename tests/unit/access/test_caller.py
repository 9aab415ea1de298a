"""Who may do what: scopes, members, user ids."""

import pytest

from wearbase.access.caller import DOCS, MEMBER_SCOPES, Caller, Rule, authorise, check_in_full, member, service
from wearbase.access.users import InvalidField, checked_user_id, name_for_logs
from wearbase.domain.errors import Forbidden
from wearbase.store.sealing import KeyRing

ANN = Caller(kind="member", key_id="k", scopes=MEMBER_SCOPES, user_id="ann")
IN_PART = Caller(kind="member", key_id="k", scopes=frozenset({"read", "connect"}), user_id="ann")
READER = Caller(kind="service", key_id="k", scopes=frozenset({"read"}))


@pytest.mark.parametrize(
    ("caller", "rule", "user_id"),
    [
        (READER, member("read"), "anybody"),
        (READER, service("read"), None),
        (READER, DOCS, None),
        (ANN, member("erase"), "ann"),
        (IN_PART, member("read"), "ann"),
    ],
)
def test_let_in(caller: Caller, rule: Rule, user_id: str | None) -> None:
    authorise(caller, rule, user_id)


@pytest.mark.parametrize(
    ("caller", "rule", "user_id"),
    [
        (READER, member("sync"), "ann"),
        (READER, service("ops"), None),
        (ANN, member("read"), "bob"),
        (ANN, member("read"), ""),
        (ANN, service("read"), "ann"),
        (ANN, service("connect"), "ann"),
        (ANN, member("ops"), "ann"),
        (ANN, DOCS, None),
        (IN_PART, member("sync"), "ann"),
        (IN_PART, member("erase"), "ann"),
        (READER, service("read", "sync"), "ann"),
    ],
)
def test_refused(caller: Caller, rule: Rule, user_id: str | None) -> None:
    with pytest.raises(Forbidden):
        authorise(caller, rule, user_id)


def test_what_is_missing_is_named() -> None:
    with pytest.raises(Forbidden, match="the scope connect and sync"):
        authorise(READER, service("connect", "read", "sync"), "ann")
    with pytest.raises(Forbidden, match="this token lacks sync"):
        check_in_full(IN_PART)
    check_in_full(ANN)
    check_in_full(READER)  # a service is asked for its scopes alone


@pytest.mark.parametrize("text", ["a", "a" * 128, "A-Z.a_z~0@x:y|+-", ".."])
def test_user_ids(text: str) -> None:
    assert checked_user_id(text) == text


@pytest.mark.parametrize("text", ["", "a" * 129, "a b", "a\n", "a/b", "ä", "a%", "a,b", "a\x00"])
def test_what_is_no_user_id(text: str) -> None:
    with pytest.raises(InvalidField) as caught:
        checked_user_id(text)
    assert caught.value.field == "user_id"


def test_a_name_for_logs_hides_the_id_and_stays_the_same() -> None:
    ring, other = KeyRing([bytes(32)]), KeyRing([bytes(range(32))])
    name = name_for_logs(ring, "ann")
    assert name == name_for_logs(ring, "ann") != name_for_logs(ring, "bob")
    assert name != name_for_logs(other, "ann")
    assert len(name) == 16
