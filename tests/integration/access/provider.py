"""An identity provider on this machine: keys, tokens signed with them, and a server that may be slow, huge, wrong or away."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from wearbase.domain.clock import Clock

ISSUER, AUDIENCE = "https://auth.example/", "wearbase-app"
RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
WEAK_RSA = rsa.generate_private_key(public_exponent=65537, key_size=1024)


def ec_key() -> Any:
    return ec.generate_private_key(ec.SECP256R1())


def edwards_key() -> Any:
    return ed25519.Ed25519PrivateKey.generate()


def public(private: Any, kid: str | None, **more: Any) -> dict[str, Any]:
    """The public half, as a key set has it."""
    kinds = {rsa.RSAPrivateKey: RSAAlgorithm, ec.EllipticCurvePrivateKey: ECAlgorithm, ed25519.Ed25519PrivateKey: OKPAlgorithm}
    kind = next(algorithm for base, algorithm in kinds.items() if isinstance(private, base))
    content = {**json.loads(kind.to_jwk(private.public_key())), "use": "sig", **more}
    content.pop("key_ops", None)
    return content if kid is None else {**content, "kid": kid}


@dataclass
class Provider:
    """Serves `body` at `url` with `status`; while `held` is not set an answer waits."""

    clock: Clock
    private: Any = field(default_factory=ec_key)
    kid: str = "key-1"
    url: str = ""
    status: int = 200
    body: bytes = b""
    asked: int = 0
    was_asked: asyncio.Event = field(default_factory=asyncio.Event)
    held: asyncio.Event = field(default_factory=asyncio.Event)
    _server: asyncio.Server | None = None

    def __post_init__(self) -> None:
        self.held.set()
        self.publish(public(self.private, self.kid))

    def publish(self, *keys: dict[str, Any]) -> None:
        self.body = json.dumps({"keys": keys}).encode()

    def rotate(self, kid: str) -> None:
        """Signs with a new key from now on; only that one is published."""
        self.private, self.kid = ec_key(), kid
        self.publish(public(self.private, kid))

    def token(self, user_id: Any = "ann", *, key: Any = None, algorithm: str = "ES256", header: Any = None, **claims: Any) -> str:
        """A token for that member; a claim that is None is left out."""
        now = self.clock.now()
        told = {
            "iss": ISSUER, "aud": AUDIENCE, "sub": user_id, "iat": int(now.timestamp()), "exp": int((now + timedelta(hours=1)).timestamp())
        }  # fmt: skip
        told = {name: value for name, value in {**told, **claims}.items() if value is not None}
        headers = {name: value for name, value in {"kid": self.kid, **(header or {})}.items() if value is not None}
        # Not as a token: what makes one refuses claims of a wrong form.
        return jwt.PyJWS().encode(json.dumps(told).encode(), key or self.private, algorithm=algorithm, headers=headers)

    async def start(self, port: int = 0) -> None:
        self._server = await asyncio.start_server(self._answer, "127.0.0.1", port)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/jwks.json"

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        await self._server.wait_closed()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        self.asked += 1
        self.was_asked.set()
        await self.held.wait()
        writer.write(b"HTTP/1.1 %d X\r\ncontent-length: %d\r\nconnection: close\r\n\r\n" % (self.status, len(self.body)) + self.body)
        writer.close()


@asynccontextmanager
async def running(clock: Clock) -> AsyncIterator[Provider]:
    """A provider that answers."""
    provider = Provider(clock)
    await provider.start()
    try:
        yield provider
    finally:
        provider.held.set()
        await provider.stop()
