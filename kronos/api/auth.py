"""Routes by which people sign in and out, and that say who calls."""

import hmac
import secrets
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from starlette.responses import Response

from kronos import errors, people
from kronos.api.call import Call, answer
from kronos.api.dependencies import Instance
from kronos.api.document import answers
from kronos.api.identity import SignInAttempt
from kronos.api.operation import Router
from kronos.api.sessions import ATTEMPT_COOKIE, SESSION_COOKIE, Sessions, digest_of
from kronos.model import Role

router = Router(tags=["keys"])
_ATTEMPT_SECONDS = 600
_SECRET_BYTES = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """What the caller may in a workspace; in none by name: in the instance."""

    workspace: str | None
    role: Literal["viewer", "operator", "admin", "instance_admin"]
    sees_payloads: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Me:
    """Who calls, and what it may."""

    kind: Literal["key", "session"]
    actor: str
    email: str | None
    grants: list[Grant]


@router.get("/v1/me", needs=Role.VIEWER, responses=answers({200: Me}))
async def get_me(call: Call) -> Response:
    """Who calls: a key, or somebody who is signed in; and what it may."""
    person = call.person
    callers = (call.caller,) if person is None else person.callers
    grants = [
        Grant(workspace=each.workspace, role=each.role.value, sees_payloads=each.sees_payloads) for each in callers
    ]
    kind: Literal["key", "session"] = "key" if person is None else "session"
    email = None if person is None else person.email
    return answer(Me(kind=kind, actor=call.caller.actor, email=email, grants=grants))


@router.get("/auth/login", needs=None, include_in_schema=False)
async def begin_sign_in(call: Call) -> Response:
    """Send a browser to the identity provider."""
    sessions = _sessions(call)
    attempt = SignInAttempt(
        state=secrets.token_urlsafe(_SECRET_BYTES),
        nonce=secrets.token_urlsafe(_SECRET_BYTES),
        verifier=secrets.token_urlsafe(_SECRET_BYTES),
    )
    response = _redirect(await sessions.provider.sign_in_url(attempt))
    value = ".".join((attempt.state, attempt.nonce, attempt.verifier))
    _set_cookie(response, ATTEMPT_COOKIE, value, max_age=_ATTEMPT_SECONDS)
    return response


@router.get("/auth/callback", needs=None, include_in_schema=False)
async def end_sign_in(call: Call, instance: Instance) -> Response:
    """A browser comes back from the identity provider: a session for who it says that it is."""
    sessions = _sessions(call)
    attempt = _attempt(call)
    given = call.query_params
    if "error" in given or not given.get("code"):
        raise errors.Forbidden("the identity provider did not let you in: begin again at /auth/login")
    with sessions.guessed(given["code"], call.host):  # each asks the provider
        identity = await sessions.provider.identity(given["code"], attempt, issuer=given.get("iss"))
    if not await people.granted_roles(instance, identity.groups):
        raise errors.Forbidden(
            "none of your groups has a role in a workspace here: the instance's administrator maps groups to roles"
        )
    secret = secrets.token_urlsafe(_SECRET_BYTES)
    lasts = timedelta(seconds=call.context.settings.oidc_session_seconds)
    await people.sign_in(
        instance,
        digest_of(secret),
        subject=identity.subject,
        email=identity.email,
        groups=identity.groups,
        lasts=lasts,
    )
    response = _redirect(f"{call.scope.get('root_path', '')}/")
    _set_cookie(response, SESSION_COOKIE, secret, max_age=call.context.settings.oidc_session_seconds)
    _set_cookie(response, ATTEMPT_COOKIE, "", max_age=0)
    return response


@router.post("/auth/logout", needs=None, include_in_schema=False)
async def sign_out(call: Call, instance: Instance) -> Response:
    """End the session, in every process within 2 s. Safe to repeat."""
    sessions = _sessions(call)
    sessions.require_own_origin(call.headers)
    if secret := call.cookies.get(SESSION_COOKIE):
        with suppress(errors.Unauthorized):  # who is signed out stays so
            await sessions.person(secret, call.host)
            await people.sign_out(instance, digest_of(secret))
            sessions.forget(secret)
    response = Response(status_code=204)
    _set_cookie(response, SESSION_COOKIE, "", max_age=0)
    return response


def _sessions(call: Call) -> Sessions:
    """Raises NotFound where nobody can sign in."""
    if (sessions := call.context.sessions) is None:
        raise errors.NotFound("nobody signs in here: KRONOS_OIDC_ISSUER is not set; use a key")
    return sessions


def _attempt(call: Call) -> SignInAttempt:
    """What this browser was sent out with. Raises InvalidRequest where it was not, or not with this state."""
    parts = call.cookies.get(ATTEMPT_COOKIE, "").split(".")
    state = call.query_params.get("state", "")
    if len(parts) != 3 or not hmac.compare_digest(parts[0].encode(), state.encode("utf-8", "surrogateescape")):
        raise errors.InvalidRequest.of(
            "this sign-in was not begun in this browser, or too long ago", "Begin again at /auth/login.", "/state"
        )
    return SignInAttempt(state=parts[0], nonce=parts[1], verifier=parts[2])


def _redirect(url: str) -> Response:
    return Response(status_code=303, headers={"Location": url, "Cache-Control": "no-store"})


def _set_cookie(response: Response, name: str, value: str, *, max_age: int) -> None:
    # Lax, not Strict: a browser that comes from the provider is to have it with its first page. It goes with no write
    # of another site's, and those are refused by their origin besides.
    attributes = f"Path=/; Max-Age={max_age}; Secure; HttpOnly; SameSite=Lax"
    response.headers.append("Set-Cookie", f"{name}={value}; {attributes}")
