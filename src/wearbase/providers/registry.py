"""The providers there are: the only file that names one. A line here is all that the rest of the program need be told."""

from collections.abc import Collection
from importlib import import_module

from wearbase.domain.errors import NotFound
from wearbase.domain.provider import Provider

NAMES = (  # who measures, the one to believe first before the others; who passes on what others measured comes after all of them
    "whoop",
    "oura",  # documented shape only, never connected
    "sahha",
)

PROVIDERS: dict[str, Provider] = {name: import_module(f"wearbase.providers.{name}").PROVIDER for name in NAMES}


def provider(name: str) -> Provider:
    """The provider of that name. Raises NotFound."""
    if name not in PROVIDERS:
        raise NotFound("There is no such provider.")
    return PROVIDERS[name]


def taking_part(configured: Collection[str]) -> dict[str, Provider]:
    """The providers of a deployment with those apps: one with a caveat only where it was set up on purpose."""
    return {name: p for name, p in PROVIDERS.items() if p.caveat is None or name in configured}
