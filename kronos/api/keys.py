"""Who calls: API keys of the form kr_live_<public id>_<secret>, known by the SHA-256 of their secret; and how often."""

import asyncio
import hashlib
import hmac
import logging
import math
import time
from dataclasses import dataclass
from uuid import UUID

from starlette.types import Scope

from kronos import errors, keys
from kronos.api.guesses import Guess, Guesses
from kronos.api.rates import Allowance, RateStanding
from kronos.database import InstanceView
from kronos.model import Role
from kronos.pool import Pool

_TRUSTED_SECONDS = 10.0
_MAX_TRUSTED = 1024
_NOBODY = bytes(32)
_log = logging.getLogger("kronos.api")
_HINT = "send Authorization: Bearer kr_live_…; `kronos up` prints where the administrator's key is kept"


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Whose key it is, and what it may. `actor` is the key's public id, as it stands in what its holder did.

    `workspace_id` and `workspace`, its slug, which never changes: the only one that there is for it; None: the key is
    the instance's.
    """

    actor: str
    key_id: UUID
    role: Role
    sees_payloads: bool
    workspace_id: UUID | None
    workspace: str | None

    def is_confined_from(self, workspace: str) -> bool:
        """Whether this workspace, by slug or id, is none for the caller."""
        return self.workspace_id is not None and workspace.lower() not in (self.workspace, str(self.workspace_id))


@dataclass(slots=True)
class _TrustedKey:
    """A key that was right: whose it is, until when it is trusted, and the requests that it may make."""

    caller: Caller
    until: float
    allowance: Allowance


class Keys:
    """Checks keys, and trusts one that was right for 10 s, so that a request costs one round trip to the database.

    The statement that checks a key takes the requests that this process will serve for it (kronos/api/rates.py). Of
    those who wait for the same key's check one asks.
    """

    def __init__(self, pool: Pool, *, trusted_seconds: float = _TRUSTED_SECONDS) -> None:
        self._pool = pool
        self._trusted_seconds = trusted_seconds
        self._known: dict[bytes, _TrustedKey] = {}  # by the digest of the whole key
        self._checks: dict[bytes, asyncio.Task[_TrustedKey | None]] = {}
        self._waiting: dict[bytes, int] = {}
        self._guesses = Guesses()

    async def authenticate(self, authorization: str | None, scope: Scope | None = None) -> Caller:
        """Whose key stands in an Authorization header, with one of its requests spent; what is left of them stands in
        the request's scope. Raises Unauthorized, RateLimited, DatabaseUnavailable."""
        if authorization is None:
            raise errors.Unauthorized(f"this needs an API key: {_HINT}")
        scheme, _, key = authorization.partition(" ")
        is_bearer = scheme.lower() == "bearer"
        digest = hashlib.sha256(key.strip().encode()).digest()
        known, now = self._known.get(digest), time.monotonic()
        if known is None or not is_bearer or now >= known.until or not known.allowance.spend(now):
            given = keys.parse(key.strip())
            if given is None or not is_bearer:
                raise errors.Unauthorized(f"the Authorization header holds no API key: {_HINT}")
            known = await self._admitted(given, digest, scope)
        _stands(scope, known.allowance)
        return known.caller

    async def note_burnt(self, text: str, scope: Scope) -> None:
        """That a key stood in a URL, where it is one: a line in the log names it, and its row says since when. Nobody
        learns from it whether it is one."""
        given = keys.parse(text)
        if given is None:
            return
        _log.warning("a key stood in a URL: %s. Whatever logs URLs has it now: replace it", given.public_id)
        digest, now = hashlib.sha256(text.encode()).digest(), time.monotonic()
        guess = self._guesses.begin(_host(scope), given.public_id, digest, now)
        if isinstance(guess, float):
            return
        try:
            await keys.note_burnt(InstanceView(self._pool), given)
        except errors.KronosError as error:
            _log.warning("that the key %s stood in a URL could not be noted: %s", given.public_id, error.said)

    async def _admitted(self, given: keys.GivenKey, digest: bytes, scope: Scope | None) -> _TrustedKey:
        self._waiting[digest] = self._waiting.get(digest, 0) + 1
        try:
            while True:
                known, now = self._known.get(digest), time.monotonic()
                if known is None or now >= known.until or not known.allowance.is_used_up(now):
                    known = await self._checked(given, digest, scope)
                    now = time.monotonic()
                if known.allowance.spend(now):
                    return known
                if known.allowance.is_used_up(now):
                    raise _rate_limited(given.public_id, known.allowance, now, scope)
                # What was taken went to others who waited, or its minute has just ended.
        finally:
            self._waiting[digest] -= 1
            if not self._waiting[digest]:
                del self._waiting[digest]

    async def _checked(self, given: keys.GivenKey, digest: bytes, scope: Scope | None) -> _TrustedKey:
        """The key as the database has it now. Raises Unauthorized, RateLimited, DatabaseUnavailable."""
        check = self._checks.get(digest)
        if check is None:
            guess = self._guesses.begin(_host(scope), given.public_id, digest, time.monotonic())
            if isinstance(guess, float):
                seconds = math.ceil(guess)
                detail = f"too many keys were wrong that came from this address, or had this id: wait {seconds} s"
                raise errors.RateLimited(detail, retry_after_seconds=seconds)
            check = self._checks[digest] = asyncio.create_task(self._check(given, digest, guess))
            check.add_done_callback(lambda done: self._ended(digest, done))
        # It goes on where the request that began it is cut off: others wait for it.
        if (known := await asyncio.shield(check)) is None:
            raise errors.Unauthorized(f"the API key is unknown, revoked or expired: {_HINT}")
        return known

    def _ended(self, digest: bytes, check: asyncio.Task[_TrustedKey | None]) -> None:
        del self._checks[digest]
        if not check.cancelled():
            check.exception()  # whoever waits has it; nobody may

    async def _check(self, given: keys.GivenKey, digest: bytes, guess: Guess) -> _TrustedKey | None:
        known, now = self._known.get(digest), time.monotonic()
        allowance = known.allowance if known is not None else Allowance()
        wanted = allowance.wanted(now, self._waiting.get(digest, 1))
        try:
            key = await keys.find(InstanceView(self._pool), given, wanted)
        except BaseException:
            self._guesses.is_undecided(guess, time.monotonic())
            raise
        # Compared for an unknown key too: the time taken does not tell which public ids exist.
        is_right = hmac.compare_digest(given.digest, key.secret_sha256 if key else _NOBODY)
        if key is None or not is_right:
            self._guesses.was_wrong(guess, time.monotonic())
            self._known.pop(digest, None)
            return None
        self._guesses.was_right(guess, time.monotonic())
        allowance.take(
            quota=key.quota,
            granted=key.granted,
            left_over=key.left_over,
            window_at=key.window_at,
            seconds=key.seconds,
            asked_at=now,
        )
        if len(self._known) >= _MAX_TRUSTED and digest not in self._known:
            del self._known[next(iter(self._known))]
        caller = Caller(
            actor=given.public_id,
            key_id=key.key_id,
            role=Role(key.role),
            sees_payloads=key.sees_payloads,
            workspace_id=key.workspace_id,
            workspace=key.workspace,
        )
        trusted = self._trusted_seconds if key.valid_seconds is None else min(self._trusted_seconds, key.valid_seconds)
        known = self._known[digest] = _TrustedKey(caller, now + trusted, allowance)
        return known


def _rate_limited(public_id: str, allowance: Allowance, now: float, scope: Scope | None) -> errors.RateLimited:
    _stands(scope, allowance)
    seconds = allowance.retry_after_seconds(now)
    detail = (
        f"the key {public_id} has made the {allowance.quota} requests of its minute: call again in {seconds} s; "
        "nothing was done"
    )
    return errors.RateLimited(detail, retry_after_seconds=seconds)


def _stands(scope: Scope | None, allowance: Allowance) -> None:
    """What the request is counted among stands in its answer."""
    if scope is not None:
        standing: RateStanding = scope["kronos.standing"]
        standing.allowance = allowance


def _host(scope: Scope | None) -> str:
    """The caller's address, as the connection or a trusted proxy says it."""
    client = scope.get("client") if scope is not None else None
    return str(client[0]) if client else ""
