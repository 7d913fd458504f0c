"""Who calls: API keys of the form kr_live_<public id>_<secret>, known by the SHA-256 of their secret.

A key that was right is trusted for a moment. While it is used, one statement renews this trust for all keys of the
process, beside the requests: these cost one round trip, and what was revoked, has expired or may less now is so within
2 s everywhere. The statement that checks a key takes the requests that this process will serve for it
(kronos/api/rates.py); of those who wait for the same key's check one asks.

Who has signed in with a key calls as the key, by the cookie of a session. Such a session is trusted for the same
moment, and asked for anew when that is over.
"""

import asyncio
import hashlib
import hmac
import math
import time
from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from starlette.types import Scope

from kronos import errors, keys, people
from kronos.api.guesses import Guess, Guesses
from kronos.api.rates import Allowance, rate_limited, stands
from kronos.database import InstanceView
from kronos.lines import Log
from kronos.model import Role
from kronos.pool import Pool

_log = Log("kronos.api")
TRUSTED_SECONDS = 1.5
"""How long what the database said of a key is acted on, from before it was asked."""
RENEWED_SECONDS = 0.5
"""How often it is asked anew of those in use: three times, before the trust in one ends."""
_KEPT_SECONDS = 60.0
"""How long after its last use a key is renewed, so that who calls now and then waits for no check either."""
_NOTED_SECONDS = 60.0
"""How often the use of a key is written down."""
_MAX_TRUSTED = 1024
_NOBODY = bytes(32)
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


@dataclass(slots=True, kw_only=True)
class _Trust:
    """What is known of a key, or of a session of one. `until`: when it ends; `used_at`: its last use; `noted_at`: when
    that was last written down. By time.monotonic. And the requests that it may make."""

    caller: Caller
    allowance: Allowance
    until: float
    used_at: float
    is_session: bool
    noted_at: float = float("-inf")


@dataclass(frozen=True, slots=True)
class _OfKey:
    """A key that is looked at. `name`: what wrong ones are counted under, besides their address."""

    given: keys.GivenKey
    is_session = False
    refusal = f"the API key is unknown, revoked or expired: {_HINT}"

    @property
    def name(self) -> str:
        return self.given.public_id

    async def find(self, view: InstanceView, wanted: int) -> tuple[str, keys.AdmittedKey] | None:
        """Its public id, and what it may. Raises DatabaseUnavailable."""
        key = await keys.find(view, self.given, wanted)
        # Compared for an unknown key too: the time taken does not tell which public ids exist.
        is_right = hmac.compare_digest(self.given.digest, key.secret_sha256 if key else _NOBODY)
        return (self.given.public_id, key) if key is not None and is_right else None


@dataclass(frozen=True, slots=True)
class _OfSession:
    """A session of a key that is looked at, by the digest of its secret."""

    digest: bytes
    is_session = True
    refusal = "you are signed out: sign in again"

    @property
    def name(self) -> str:
        return self.digest.hex()

    async def find(self, view: InstanceView, wanted: int) -> tuple[str, keys.AdmittedKey] | None:
        """Its key's public id, and what that may. Raises DatabaseUnavailable."""
        found = await people.find_of_key(view, self.digest, wanted)
        return None if found is None else (found.public_id, found)


class Keys:
    """Checks keys, and trusts those that were right for a moment."""

    def __init__(self, pool: Pool, *, trusted_seconds: float = TRUSTED_SECONDS) -> None:
        self._pool = pool
        self._trusted_seconds = trusted_seconds
        self._trusted: dict[bytes, _Trust] = {}  # by the digest of the whole key; of a session by _key_of
        self._checks: dict[bytes, asyncio.Task[_Trust | None]] = {}
        self._waiting: dict[bytes, int] = {}
        self._guesses = Guesses()
        self._in_use = asyncio.Event()

    async def authenticate(self, authorization: str | None, scope: Scope | None = None) -> Caller:
        """Whose key stands in an Authorization header, with one of its requests spent; what is left of them stands in
        the request's scope. Raises Unauthorized, RateLimited, DatabaseUnavailable."""
        if authorization is None:
            raise errors.Unauthorized(f"this needs an API key: {_HINT}")
        scheme, _, key = authorization.partition(" ")
        is_bearer = scheme.lower() == "bearer"
        digest = hashlib.sha256(key.strip().encode()).digest()
        trust, now = self._trusted.get(digest), time.monotonic()
        if trust is None or not is_bearer or now >= trust.until or not trust.allowance.spend(now):
            given = keys.parse(key.strip())
            if given is None or not is_bearer:
                raise errors.Unauthorized(f"the Authorization header holds no API key: {_HINT}")
            trust = await self._admitted(_OfKey(given), digest, scope)
        trust.used_at = now
        stands(scope, trust.allowance)
        return trust.caller

    async def signed_in(self, session: bytes, scope: Scope | None = None) -> Caller:
        """Whose key the session was opened with that has a secret with this digest; as `authenticate`."""
        digest = _key_of(session)
        trust, now = self._trusted.get(digest), time.monotonic()
        if trust is None or now >= trust.until or not trust.allowance.spend(now):
            trust = await self._admitted(_OfSession(session), digest, scope)
        trust.used_at = now
        stands(scope, trust.allowance)
        return trust.caller

    def forget(self, session: bytes) -> None:
        """Ask anew about this session."""
        self._trusted.pop(_key_of(session), None)

    async def known(self, authorization: str) -> Caller:
        """As authenticate, for a request that goes on: none of the key's is spent. Raises Unauthorized, RateLimited,
        DatabaseUnavailable."""
        key = authorization.partition(" ")[2].strip()
        if (given := keys.parse(key)) is None:
            raise errors.Unauthorized(f"the Authorization header holds no API key: {_HINT}")
        return await self._known(_OfKey(given), hashlib.sha256(key.encode()).digest())

    async def still_signed_in(self, session: bytes) -> Caller:
        """As signed_in, where none is spent."""
        return await self._known(_OfSession(session), _key_of(session))

    async def _known(self, asked: _OfKey | _OfSession, digest: bytes) -> Caller:
        trust, now = self._trusted.get(digest), time.monotonic()
        if trust is None or now >= trust.until:
            trust = await self._checked(asked, digest, None)
        trust.used_at = now
        return trust.caller

    async def run(self) -> None:
        """Renew the trust in the keys that are in use, and write down their use, until cancelled. While PostgreSQL is
        away trust ends by itself."""
        while True:
            await self._in_use.wait()
            try:
                await self.renew()
                await self.note()
            except errors.KronosError as error:
                _log.debug("api.read_failed", "keys cannot be asked for: %s", error)
            await asyncio.sleep(RENEWED_SECONDS)

    async def renew(self) -> None:
        """Ask what the keys in use may now, and forget those that work no longer, or that nobody uses. Raises
        KronosError."""
        asked_at = time.monotonic()
        in_use = {
            digest: each
            for digest, each in self._trusted.items()
            if asked_at - each.used_at < _KEPT_SECONDS and not each.is_session
        }
        known = await keys.known(InstanceView(self._pool), _key_ids(in_use.values())) if in_use else {}
        for digest, trust in in_use.items():
            if (now := known.get(trust.caller.key_id)) is not None:
                trust.caller = _caller(trust.caller.actor, now)
                trust.until = self._until(asked_at, now)
            elif self._trusted.get(digest) is trust:
                del self._trusted[digest]
        for digest, trust in list(self._trusted.items()):
            if asked_at - trust.used_at >= _KEPT_SECONDS:
                del self._trusted[digest]
        if not self._trusted:
            self._in_use.clear()

    async def note(self) -> None:
        """Write down that keys were used: of each once a minute, whatever the number of requests. Raises
        KronosError."""
        now = time.monotonic()
        due = [
            each
            for each in self._trusted.values()
            if now - each.noted_at >= _NOTED_SECONDS and each.used_at > each.noted_at
        ]
        if due:
            await keys.note_use(InstanceView(self._pool), _key_ids(due))
            for each in due:
                each.noted_at = now

    async def note_burnt(self, text: str, scope: Scope) -> None:
        """That a key stood in a URL, where it is one: a line in the log names it, and its row says since when. Nobody
        learns from it whether it is one."""
        given = keys.parse(text)
        if given is None:
            return
        _log.warning(
            "key.burnt", "a key stood in a URL: %s. Whatever logs URLs has it now: replace it", given.public_id
        )
        digest, now = hashlib.sha256(text.encode()).digest(), time.monotonic()
        guess = self._guesses.begin(_host(scope), given.public_id, digest, now)
        if isinstance(guess, float):
            return
        try:
            await keys.note_burnt(InstanceView(self._pool), given)
        except errors.KronosError as error:
            _log.warning(
                "key.burnt_not_noted",
                "that the key %s stood in a URL could not be noted: %s",
                given.public_id,
                error.said,
            )

    async def _admitted(self, asked: _OfKey | _OfSession, digest: bytes, scope: Scope | None) -> _Trust:
        self._waiting[digest] = self._waiting.get(digest, 0) + 1
        try:
            while True:
                trust, now = self._trusted.get(digest), time.monotonic()
                if trust is None or now >= trust.until or not trust.allowance.is_used_up(now):
                    trust = await self._checked(asked, digest, scope)
                    now = time.monotonic()
                if trust.allowance.spend(now):
                    return trust
                if trust.allowance.is_used_up(now):
                    raise rate_limited(f"the key {trust.caller.actor}", trust.allowance, now, scope)
                # What was taken went to others who waited, or its minute has just ended.
        finally:
            self._waiting[digest] -= 1
            if not self._waiting[digest]:
                del self._waiting[digest]

    async def _checked(self, asked: _OfKey | _OfSession, digest: bytes, scope: Scope | None) -> _Trust:
        """The key as the database has it now. Raises Unauthorized, RateLimited, DatabaseUnavailable."""
        check = self._checks.get(digest)
        # One that has ended and stands here still was made for those before: to wait for it would not even let others
        # go on, and nothing that it has left would ever change.
        if check is None or check.done():
            guess = self._guesses.begin(_host(scope), asked.name, digest, time.monotonic())
            if isinstance(guess, float):
                seconds = math.ceil(guess)
                detail = f"too many keys were wrong that came from this address, or had this id: wait {seconds} s"
                raise errors.RateLimited(detail, retry_after_seconds=seconds)
            check = self._checks[digest] = asyncio.create_task(self._check(asked, digest, guess))
            check.add_done_callback(lambda done: self._ended(digest, done))
        # It goes on where the request that began it is cut off: others wait for it.
        if (trust := await asyncio.shield(check)) is None:
            raise errors.Unauthorized(asked.refusal)
        return trust

    def _ended(self, digest: bytes, check: asyncio.Task[_Trust | None]) -> None:
        if self._checks.get(digest) is check:
            del self._checks[digest]
        if not check.cancelled():
            check.exception()  # whoever waits has it; nobody may

    async def _check(self, asked: _OfKey | _OfSession, digest: bytes, guess: Guess) -> _Trust | None:
        trust, now = self._trusted.get(digest), time.monotonic()
        allowance = trust.allowance if trust is not None else Allowance()
        wanted = allowance.wanted(now, self._waiting.get(digest, 1))
        try:
            found = await asked.find(InstanceView(self._pool), wanted)
        except BaseException:
            self._guesses.is_undecided(guess, time.monotonic())
            raise
        if found is None:
            self._guesses.was_wrong(guess, time.monotonic())
            self._trusted.pop(digest, None)
            return None
        public_id, key = found
        self._guesses.was_right(guess, time.monotonic())
        allowance.take(key, now)
        if len(self._trusted) >= _MAX_TRUSTED and digest not in self._trusted:
            del self._trusted[next(iter(self._trusted))]
        noted_at = trust.noted_at if trust is not None else float("-inf")
        self._trusted[digest] = trust = _Trust(
            caller=_caller(public_id, key),
            allowance=allowance,
            until=self._until(now, key),
            used_at=now,
            is_session=asked.is_session,
            noted_at=noted_at,
        )
        self._in_use.set()
        return trust

    def _until(self, asked_at: float, key: keys.KeyNow) -> float:
        """When the trust in what was said of it ends: when it expires, at the latest."""
        if key.valid_seconds is None:
            return asked_at + self._trusted_seconds
        return asked_at + min(self._trusted_seconds, key.valid_seconds)


def _caller(public_id: str, key: keys.KeyNow) -> Caller:
    return Caller(
        actor=public_id,
        key_id=key.key_id,
        role=Role(key.role),
        sees_payloads=key.sees_payloads,
        workspace_id=key.workspace_id,
        workspace=key.workspace,
    )


def _key_of(session: bytes) -> bytes:
    """What a session is known by here: nothing in an Authorization header has such a digest."""
    return b"session:" + session


def _key_ids(trusts: Iterable[_Trust]) -> list[UUID]:
    return [each.caller.key_id for each in trusts]


def _host(scope: Scope | None) -> str:
    """The caller's address, as the connection or a trusted proxy says it."""
    client = scope.get("client") if scope is not None else None
    return str(client[0]) if client else ""
