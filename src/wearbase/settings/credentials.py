"""Forms of keys and secrets: what can neither be sent nor be a secret is refused, and never repeated."""

from collections.abc import Mapping

from pydantic import SecretStr

SHORTEST_SERVICE_KEY = 24
FEWEST_CHARACTERS = 6  # different ones: of 24 random decimal digits one in five hundred has fewer


def problems(named: Mapping[str, SecretStr | str | None]) -> list[str]:
    """What is wrong with credentials that somebody else gave out."""
    texts = {name: text.get_secret_value() if isinstance(text, SecretStr) else text for name, text in named.items()}
    return [
        f"{name} has blanks at an end, or characters that no credential has: copy it again"
        for name, text in texts.items()
        if text and (not text.isprintable() or not text.isascii() or text != text.strip())
    ]


def key_problems(key: SecretStr | None) -> list[str]:
    """What is wrong with SERVICE_API_KEY, which anybody may guess at."""
    if key is None:
        return []
    text, advice = key.get_secret_value(), "make one: wear keys create"
    if len(text) < SHORTEST_SERVICE_KEY:
        return [f"SERVICE_API_KEY is too short: use at least {SHORTEST_SERVICE_KEY} characters, or {advice}"]
    if not text.isascii() or not text.isprintable() or " " in text:
        return [f"SERVICE_API_KEY has blanks or characters that no header can carry: leave them out, or {advice}"]
    if len(set(text)) < FEWEST_CHARACTERS or _repeats(text):
        return [f"SERVICE_API_KEY can be guessed: it repeats itself. Use {SHORTEST_SERVICE_KEY} random characters, or {advice}"]
    return []


def _repeats(text: str) -> bool:
    """Whether it is one piece, twice or more often."""
    return any(text[length:] == text[:-length] for length in range(1, len(text) // 2 + 1))
