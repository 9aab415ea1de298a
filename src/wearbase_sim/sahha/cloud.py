"""Profiles and tokens of one environment."""

import hashlib
import hmac
import uuid
from dataclasses import dataclass, field

from wearbase_sim.options import Options

TOKEN_S = 86_400
# Whence a profile's values come: a strap, a watch with either phone, or a phone alone, which measures no heart.
SOURCES = ("whoop", "iphone", "android", "phone")
SAMPLES = 2


@dataclass
class Profile:
    """A person as Sahha knows them; their body is that of a member."""

    external_id: str
    number: int
    source: str
    created_ms: int
    environment: str
    is_sample: bool = False
    is_empty: bool = False
    demographic: dict[str, object] = field(default_factory=dict)

    @property
    def id(self) -> str:
        return made_id(self.environment, "profile", self.external_id)

    @property
    def account_id(self) -> str:
        return made_id(self.environment, "account")


@dataclass(frozen=True, slots=True)
class Pass:
    """What a token allows: the whole account, or one profile."""

    kind: str
    external_id: str
    until_ms: int


def made_id(*parts: object) -> str:
    """An id that follows from what it is about, so that an update keeps it."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, "wearbase-sim:sahha:" + "/".join(map(str, parts))))


class Cloud:
    """One environment. Its tokens are strangers to the other."""

    def __init__(self, environment: str, options: Options, *, born_ms: int) -> None:
        self.environment, self._options, self._born_ms = environment, options, born_ms
        self.profiles: dict[str, Profile] = {}
        self._passes: dict[str, Pass] = {}
        self._refreshes: dict[str, str] = {}
        self._issued = 0
        for nth in range(SAMPLES if environment == "sandbox" else 0):
            self.register(f"SampleProfile-{nth + 1}", now_ms=born_ms, is_sample=True)

    def register(self, external_id: str, *, now_ms: int, is_sample: bool = False) -> Profile | None:
        """A new profile; None if the id is bad or taken."""
        if not external_id or len(external_id) > 100 or external_id in self.profiles:
            return None
        nth = len(self.profiles)
        number, source = nth % self._options.members + 1, SOURCES[nth % len(SOURCES)]
        self.profiles[external_id] = Profile(external_id, number, source, now_ms, self.environment, is_sample)
        return self.profiles[external_id]

    def token(self, kind: str, *, now_ms: int, external_id: str = "") -> str:
        """A token that lives a day."""
        text = self._made("token")
        self._passes[text] = Pass(kind, external_id, now_ms + TOKEN_S * 1000)
        return text

    def refresh_token(self, external_id: str) -> str:
        """A token that gives further profile tokens."""
        text = self._made("refresh")
        self._refreshes[text] = external_id
        return text

    def refreshed(self, text: str) -> Profile | None:
        """The profile behind a refresh token."""
        return self.profiles.get(self._refreshes.get(text, ""))

    def allowed(self, text: str, now_ms: int) -> Pass | None:
        """What a token allows now."""
        found = self._passes.get(text)
        return found if found and now_ms < found.until_ms else None

    def _made(self, kind: str) -> str:
        self._issued += 1
        message = f"{self.environment}:{self._options.seed}:{self._born_ms}:{kind}:{self._issued}".encode()
        return hmac.digest(self._options.sahha_client_secret.encode(), message, hashlib.sha256).hex()
