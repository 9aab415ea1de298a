"""What a new source may be called."""

import pytest

from wearbase.cli.exits import Code, Stop
from wearbase.cli.sources.new_provider import check_name


@pytest.mark.parametrize("name", ["acme", "ring2", "ring_two", "a" * 32])
def test_a_word_of_small_letters_will_do(name: str) -> None:
    check_name(name)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("Acme", "is no name"), ("", "is no name"), ("../acme", "is no name"), ("a/b", "is no name"), ("a-b", "is no name"),
        ("a b", "is no name"), ("1a", "is no name"), ("_a", "is no name"), ("acme_", "is no name"), ("é", "is no name"),
        ("acme\n", "is no name"), ("class", "is no name"), ("a" * 33, "is no name"), ("registry", "another meaning"),
        ("health", "another meaning"), ("whoop", "already"), ("oura", "already"),
    ],
)  # fmt: skip
def test_anything_else_is_refused(name: str, said: str) -> None:
    with pytest.raises(Stop, match=said) as stopped:
        check_name(name)
    assert stopped.value.code == Code.USAGE
