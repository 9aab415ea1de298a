"""Codes, grants and tokens: what a member has allowed, and what proves it."""

import base64
import hashlib
import hmac
from dataclasses import dataclass, field

SCOPES = {
    "offline": "Stay connected while you are away",
    "read:recovery": "Recovery: score, heart rate variability, resting heart rate",
    "read:cycles": "Cycles: day strain and energy",
    "read:sleep": "Sleep: nights, naps and stages",
    "read:workout": "Workouts: strain, heart rate and zones",
    "read:profile": "Profile: name and e-mail address",
    "read:body_measurement": "Body: height, weight and maximum heart rate",
}


@dataclass
class Grant:
    """One consent of a member and its newest token pair."""

    id: int
    number: int
    scope: tuple[str, ...]
    is_live: bool = True
    access_token: str = ""
    refresh_token: str = ""
    expires_ms: int = 0


@dataclass
class Code:
    """An authorization code waiting to be exchanged."""

    number: int
    redirect_uri: str
    scope: tuple[str, ...]
    expires_ms: int
    grant: Grant | None = None


@dataclass
class Grants:
    """All consents of the simulated world; tokens follow from the secret, the world's start and a counter."""

    secret: str
    # Differs between runs unless the clock is set: a token kept from one run must not be a member's in another.
    world: str
    issued: int = 0
    codes: dict[str, Code] = field(default_factory=dict)
    by_access: dict[str, Grant] = field(default_factory=dict)
    by_refresh: dict[str, Grant] = field(default_factory=dict)
    by_member: dict[int, list[Grant]] = field(default_factory=dict)

    def new_code(self, number: int, *, redirect_uri: str, scope: tuple[str, ...], expires_ms: int) -> str:
        """A code for a member who approved."""
        text = self._token("code")
        self.codes[text] = Code(number, redirect_uri, scope, expires_ms)
        return text

    def redeem(self, code: Code, *, expires_ms: int) -> Grant:
        """The grant that a code stands for, with its first tokens."""
        grants = self.by_member.setdefault(code.number, [])
        grant = Grant(id=len(grants) + 1, number=code.number, scope=code.scope)
        grants.append(grant)
        code.grant = grant
        self.rotate(grant, expires_ms=expires_ms)
        return grant

    def rotate(self, grant: Grant, *, expires_ms: int) -> None:
        """A new pair; the old two stop working at once."""
        self.by_access.pop(grant.access_token, None)
        grant.access_token = self._token("access")
        grant.refresh_token = self._token("refresh") if "offline" in grant.scope else ""
        grant.expires_ms = expires_ms
        self.by_access[grant.access_token] = grant
        if grant.refresh_token:
            # Spent refresh tokens stay known, so that their reuse can be told from nonsense.
            self.by_refresh[grant.refresh_token] = grant

    def revoke(self, grant: Grant) -> None:
        """End one grant."""
        grant.is_live = False
        self.by_access.pop(grant.access_token, None)

    def revoke_member(self, number: int) -> None:
        """End every grant of a member."""
        for grant in self.by_member.get(number, []):
            self.revoke(grant)

    def is_granted(self, number: int) -> bool:
        """Whether a member has a live grant."""
        return any(grant.is_live for grant in self.by_member.get(number, ()))

    def bearer(self, token: str, now_ms: int) -> Grant | None:
        """The live grant behind an access token."""
        grant = self.by_access.get(token)
        return grant if grant and grant.is_live and now_ms < grant.expires_ms else None

    def _token(self, kind: str) -> str:
        self.issued += 1
        return f"{self._half(kind, 'name')}.{self._half(kind, 'proof')}"

    def _half(self, kind: str, part: str) -> str:
        message = f"{self.world}:{self.issued}:{kind}:{part}".encode()
        digest = hmac.digest(self.secret.encode(), message, hashlib.sha256)
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
