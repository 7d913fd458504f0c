"""Who calls with a session: people who have signed in, by the cookie of their browser."""

import hashlib
import hmac
import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from uuid import UUID

from starlette.datastructures import Headers
from starlette.types import Scope

from kronos import errors, people
from kronos.api.fields import WORKSPACE_FORM
from kronos.api.guesses import Guesses
from kronos.api.keys import TRUSTED_SECONDS, Caller
from kronos.api.rates import Allowance, rate_limited, stands
from kronos.database import InstanceView
from kronos.model import Role
from kronos.pool import Pool

if TYPE_CHECKING:  # it loads aiohttp and more, 13 MB that a process without a provider does not need
    from kronos.api.provider import Provider

# With this prefix a browser takes them over https alone, from this host, for all of it (RFC 6265bis 4.1.3.2).
SESSION_COOKIE: Final = "__Host-kronos-session"
ATTEMPT_COOKIE: Final = "__Host-kronos-sign-in"
_MAX_KNOWN = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Who is signed in, with what it may in which workspaces: of several roles in one the most."""

    sign_in_id: UUID
    subject: str
    email: str | None
    callers: tuple[Caller, ...]

    def calls(self, workspace: str | None) -> Caller:
        """The caller that it is for a workspace, by slug or id; None: for what is of no workspace. Raises Forbidden,
        WorkspaceNotFound."""
        if workspace is None or not WORKSPACE_FORM.fullmatch(workspace):
            if not self.callers:
                raise errors.Forbidden("none of your groups has a role here")
            return max(self.callers, key=lambda each: list(Role).index(each.role))
        for each in self.callers:
            if not each.is_confined_from(workspace):
                return each
        raise errors.WorkspaceNotFound.of(workspace.lower())


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """What is known of a session, until when by time.monotonic; and the requests that its person may make."""

    until: float
    person: Person
    allowance: Allowance


class Sessions:
    """Checks sessions, and trusts those that were right for a moment, as Keys."""

    def __init__(self, pool: Pool, provider: "Provider") -> None:
        self.provider = provider
        self._pool = pool
        self._known: dict[bytes, _Known] = {}
        self._guesses = Guesses()

    async def calling(self, secret: str, host: str, scope: Scope) -> Person:
        """Who is signed in with this cookie, which came from there, with one of its requests spent, as with keys.
        Raises Unauthorized, RateLimited, DatabaseUnavailable."""
        known, now = self._known.get(digest_of(secret)), time.monotonic()
        if known is None or now >= known.until or not known.allowance.spend(now):
            known = await self._admitted(secret, host, scope)
        stands(scope, known.allowance)
        return known.person

    async def _admitted(self, secret: str, host: str, scope: Scope) -> "_Known":
        while True:
            known, now = self._known.get(digest_of(secret)), time.monotonic()
            if known is None or now >= known.until or not known.allowance.is_used_up(now):
                known = await self._checked(secret, host)  # however late it comes, it is the answer
                now = time.monotonic()
            if known.allowance.spend(now):
                return known
            if known.allowance.is_used_up(now):
                raise rate_limited(_actor(known.person.subject, known.person.email), known.allowance, now, scope)
            # What was taken went to others who waited, or its minute has just ended.

    async def person(self, secret: str, host: str) -> Person:
        """As `calling`, where the request counts nowhere: who has none left may sign out."""
        known = self._known.get(digest_of(secret))
        if known is None or time.monotonic() >= known.until:
            known = await self._checked(secret, host)
        return known.person

    async def _checked(self, secret: str, host: str) -> "_Known":
        """The session as the database has it now. Raises Unauthorized, RateLimited, DatabaseUnavailable."""
        digest, asked_at = digest_of(secret), time.monotonic()
        before = self._known.get(digest)
        allowance = before.allowance if before is not None else Allowance()
        with self.guessed(secret, host):
            found = await people.find(InstanceView(self._pool), digest, allowance.wanted(asked_at, 1))
            if found is None:
                self._known.pop(digest, None)
                raise errors.Unauthorized("you are signed out: go to /auth/login")
        allowance.take(found, asked_at)
        if len(self._known) >= _MAX_KNOWN and digest not in self._known:
            self._known.clear()
        until = asked_at + min(TRUSTED_SECONDS, found.valid_seconds)
        known = self._known[digest] = _Known(until=until, person=_person(found), allowance=allowance)
        return known

    @contextmanager
    def guessed(self, secret: str, host: str) -> Iterator[None]:
        """Around what finds out whether a session or a code is one: who sends what is none is slowed, as with keys.
        Raises RateLimited."""
        digest = digest_of(secret)
        guess = self._guesses.begin(host, digest.hex(), digest, time.monotonic())
        if isinstance(guess, float):
            seconds = math.ceil(guess)
            detail = f"too much came from this address that was no session, and no sign-in: wait {seconds} s"
            raise errors.RateLimited(detail, retry_after_seconds=seconds)
        try:
            yield
        except (errors.Unauthorized, errors.Forbidden):
            self._guesses.was_wrong(guess, time.monotonic())
            raise
        except BaseException:
            self._guesses.is_undecided(guess, time.monotonic())
            raise
        self._guesses.was_right(guess, time.monotonic())

    def forget(self, secret: str) -> None:
        """Ask anew about this one."""
        self._known.pop(digest_of(secret), None)

    def require_own_origin(self, headers: Headers) -> None:
        """That a write with a cookie comes from a page of ours: a browser says where from, and no page can change it.
        Raises Forbidden."""
        if not hmac.compare_digest(headers.get("origin", "").encode(), self.provider.origin.encode()):
            raise errors.Forbidden(
                f"a write with a session has to come from {self.provider.origin}, as the header Origin says; scripts "
                "use a key"
            )


def digest_of(secret: str) -> bytes:
    """What a session is found by."""
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).digest()


def _person(found: people.SignIn) -> Person:
    most: dict[str, Caller] = {}
    for each in found.grants:
        role = Role(each["role"])
        known = most.get(each["workspace_id"])
        sees = bool(each["sees_payloads"]) or (known is not None and known.sees_payloads)
        if known is not None and known.role.covers(role):
            role = known.role
        most[each["workspace_id"]] = Caller(
            actor=_actor(found.subject, found.email),
            key_id=found.sign_in_id,
            role=role,
            sees_payloads=sees,
            workspace_id=UUID(each["workspace_id"]),
            workspace=each["workspace"],
        )
    callers = tuple(sorted(most.values(), key=lambda each: each.workspace or ""))
    return Person(sign_in_id=found.sign_in_id, subject=found.subject, email=found.email, callers=callers)


def _actor(subject: str, email: str | None) -> str:
    """As it stands in what somebody did."""
    return f"oidc:{email or subject}"
