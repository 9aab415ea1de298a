"""A whole service behind HTTP, as the API's own tests have it."""

from tests.integration.api.conftest import service

__all__ = ["service"]
