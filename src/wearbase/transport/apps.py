"""A provider app: our registration at one provider, with its rules and ceilings."""

import hashlib
from dataclasses import dataclass

from wearbase.domain.provider import Credentials, Provider
from wearbase.store.work.budget import Ceilings


@dataclass(frozen=True, slots=True, kw_only=True)
class App:
    provider: Provider
    credentials: Credentials
    redirect_uris: tuple[str, ...] = ()
    per_minute: int
    per_day: int
    counts_token_calls: bool = False  # where the provider counts them with the data calls

    @property
    def name(self) -> str:
        return self.provider.name

    @property
    def ceilings(self) -> Ceilings:
        """Our own limits, within the provider's."""
        return Ceilings(per_minute=self.per_minute, per_day=self.per_day)

    @property
    def key(self) -> str:
        """Names the app in the budget without naming its client id."""
        return hashlib.blake2b(self.credentials.client_id.encode(), digest_size=8).hexdigest()
