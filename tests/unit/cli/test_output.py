"""What others named is shown on a terminal and steers nothing there."""

import pytest

from wearbase.cli.output import console, plain, say, table, tell

STEERING = "a\x1b[2J\x9b31m\u202eb\x07"


def test_nothing_unprintable_reaches_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    say(STEERING)
    tell(STEERING)
    made = table("name")
    made.add_row(STEERING)
    made.add_row("[bold]not markup[/]")
    console().print(made)
    out, err = capsys.readouterr()
    for text in (out, err):
        assert not set("\x1b\x9b\u202e\x07") & set(text)
        assert "a\ufffd[2J\ufffd31m\ufffdb\ufffd" in text
    assert "[bold]not markup[/]" in out


def test_text_is_left_as_it_is() -> None:
    assert plain("Größe 5\n\tünd 🏃") == "Größe 5\n\tünd 🏃"
