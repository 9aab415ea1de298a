"""The public keys of an identity provider: fetched, kept, and fetched again as they change."""

import asyncio
import re
import time
from collections.abc import Callable, Mapping
from typing import Any

import orjson
import structlog
from jwt import PyJWK
from jwt.exceptions import PyJWTError

from wearbase.domain.errors import ProviderUnavailable, RetryLater
from wearbase.domain.provider import Request
from wearbase.store.postgres.cancelling import cancel
from wearbase.transport.http import Http

log = structlog.get_logger()

# Only where what verifies cannot sign: never `none`, never a shared secret, which a public key could be taken for.
ALGORITHMS = frozenset({"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"})
FRESH_S, AWAY_S = 300.0, 30.0  # how often they are fetched: as a rule, and while that fails
CONFIRM_S = 25.0  # how long a set without any key must last before it is believed
ASK_AGAIN_S = 10.0  # between two fetches, however many ask for a key that is not there
KEPT_S = 6 * 3600.0  # how long they are believed while the provider is away
WITHIN_S, LARGEST_BYTES, MOST_KEYS = 3.0, 256 * 1024, 100
OUTCOMES = ("ok", "away", "unusable")
KEY_ID = re.compile(r"[\x21-\x7e]{1,200}")


class IdentityUnavailable(RetryLater):
    """The keys of the app's identity provider cannot be had at the moment: this token can be neither believed nor refused."""

    code = "identity_unavailable"


class Unusable(Exception):
    """What was answered is no set of keys."""


class NoneLeft(Unusable):
    """It is a set of keys, and none of them is one that we could use."""


class KeySet:
    """The keys at one address, by their ids. Who brings a token of a known key never waits for the provider."""

    def __init__(self, url: str, http: Http | None = None, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.url, self._monotonic = url, monotonic
        self._http = http or Http(within_s=WITHIN_S, largest_bytes=LARGEST_BYTES)
        self._keys: Mapping[str, PyJWK] = {}
        self._fetched_at = self._tried_at = float("-inf")
        self._fetching: asyncio.Task[None] | None = None
        self._none_left_since: float | None = None
        self._has_none_left = False  # said twice
        self.problem: str | None = None  # why the last fetch brought nothing
        self.counts: dict[str, int] = dict.fromkeys(OUTCOMES, 0)

    @property
    def age_s(self) -> float:
        """How old the keys are; infinite before the first fetch."""
        return self._monotonic() - self._fetched_at

    @property
    def keys(self) -> Mapping[str, PyJWK]:
        """Those that are believed now."""
        return self._keys if self.age_s < KEPT_S else {}

    async def key(self, key_id: str) -> PyJWK | None:
        """The key of that id; None if the provider has none. Raises IdentityUnavailable if it cannot be asked."""
        found = self.keys.get(key_id)
        if found is not None:
            if self.age_s > FRESH_S:
                self._fetch()  # behind the answer
            return found
        await self.fetch()
        found = self.keys.get(key_id)
        if found is None and self.problem is not None and not self._has_none_left:
            raise IdentityUnavailable
        return found

    async def fetch(self) -> None:
        """Fetches the keys, together with whoever else wants them; not if that was tried a moment ago."""
        if fetching := self._fetch():
            await asyncio.shield(fetching)

    async def keep(self) -> None:
        """Keeps the keys current until it is cancelled: one that is taken back is refused though nobody asked for a new one."""
        while True:
            await self.fetch()
            await asyncio.sleep(FRESH_S if self.problem is None else AWAY_S)

    async def close(self) -> None:
        if self._fetching is not None:
            await cancel([self._fetching])
        await self._http.close()

    def _fetch(self) -> "asyncio.Task[None] | None":
        if self._fetching is not None and not self._fetching.done():
            return self._fetching
        if self._monotonic() - self._tried_at < ASK_AGAIN_S:
            return None
        self._tried_at = self._monotonic()
        self._fetching = asyncio.create_task(self._read())
        return self._fetching

    async def _read(self) -> None:
        began = self._monotonic()
        try:
            answer = await self._http.call(Request(path=self.url), base_url="")
            if answer.status != 200:
                raise ProviderUnavailable(f"It answered {answer.status}.")
            self._keys, self._fetched_at = usable_keys(answer.body), began
        except ProviderUnavailable as error:
            return self._note("away", error.message)
        except NoneLeft as error:
            self._take_back(began)
            return self._note("unusable", str(error))
        except Unusable as error:
            return self._note("unusable", str(error))
        self._none_left_since, self._has_none_left = None, False
        return self._note("ok", None)

    def _take_back(self, at: float) -> None:
        """A set without any key that we could use takes every key back, if it is still so half a minute later.

        Meant, it is the provider's last word on all of its keys, and whoever holds one of them could be any member. A deployment that
        is broken for a moment publishes the same, and would sign everybody out: hence the second look. What is no set is no word at all.
        """
        if self._none_left_since is None:
            self._none_left_since = at
        elif at - self._none_left_since >= CONFIRM_S and not self._has_none_left:
            log.error("identity provider has no key any more", taken_back=len(self._keys))
            self._keys, self._has_none_left = {}, True

    def _note(self, outcome: str, problem: str | None) -> None:
        self.counts[outcome] += 1
        if problem is not None and self.problem is None:
            log.warning("identity provider's keys not fetched", outcome=outcome, problem=problem)
        if problem is None and self.problem is not None:
            log.info("identity provider's keys fetched again", keys=len(self._keys))
        self.problem = problem


def usable_keys(body: bytes) -> dict[str, PyJWK]:
    """The public signing keys of a JSON web key set, by their ids; what is of another kind is passed over. Raises Unusable."""
    try:
        content = orjson.loads(body)
    except ValueError:
        raise Unusable("It is not JSON.") from None
    given = content.get("keys") if isinstance(content, dict) else None
    if not isinstance(given, list) or len(given) > MOST_KEYS:
        raise Unusable("It is not a set of keys.")
    found: dict[str, PyJWK] = {}
    for one in given:
        key = _usable(one)
        if key is not None:
            found.setdefault(one["kid"], key)
    if not found and all(isinstance(one, dict) and isinstance(one.get("kty"), str) for one in given):
        raise NoneLeft(f"None of its {len(given)} keys verifies a signature: asymmetric ones with a `kid` are needed.")
    if not found:
        raise Unusable("It is not a set of keys.")
    return found


def _usable(given: Any) -> PyJWK | None:
    is_key = isinstance(given, dict) and given.get("kty") in ("RSA", "EC", "OKP") and "d" not in given
    if not is_key or given.get("use", "sig") != "sig" or given.get("alg") not in (None, *ALGORITHMS):
        return None
    if not isinstance(given.get("kid"), str) or not KEY_ID.fullmatch(given["kid"]):
        return None
    try:
        key = PyJWK(given)
    except (PyJWTError, ValueError, TypeError, KeyError, AttributeError):
        return None
    is_strong = key.algorithm_name in ALGORITHMS and key.Algorithm.check_key_length(key.key) is None
    return key if is_strong else None
