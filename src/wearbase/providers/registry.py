"""The providers there are: the only file that names one."""

from wearbase.domain.errors import NotFound
from wearbase.domain.provider import Provider
from wearbase.providers import sahha, whoop

PROVIDERS: dict[str, Provider] = {p.name: p for p in (whoop.PROVIDER, sahha.PROVIDER)}


def provider(name: str) -> Provider:
    """The provider of that name. Raises NotFound."""
    if name not in PROVIDERS:
        raise NotFound("There is no such provider.")
    return PROVIDERS[name]
