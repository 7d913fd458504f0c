"""Routes to sign in and out, and to describe the caller."""

import base64
import hmac
import math
import re
import secrets
from datetime import timedelta
from typing import TYPE_CHECKING, Literal

from pydantic import Field
from starlette.responses import Response

from kronos import errors, people, workspaces
from kronos.api.call import Call, answer
from kronos.api.dependencies import Instance
from kronos.api.document import answers
from kronos.api.fields import Body
from kronos.api.identity import SignInAttempt
from kronos.api.operation import Router
from kronos.api.sessions import ATTEMPT_COOKIE, digest_of, set_cookie
from kronos.database import InstanceView
from kronos.model import Role
from kronos.records import dataclass
from kronos.workspaces import WorkspaceHealth

if TYPE_CHECKING:
    from kronos.api.provider import Provider

router = Router(tags=["keys"])
_ATTEMPT_SECONDS = 600
_MOST_WORKSPACES = 100
# Excludes //host and /\host, which browsers take for another site, and characters that browsers drop, such as tabs.
_OWN_PATH = re.compile(r"/(?:[\x21-\x2e\x30-\x5b\x5d-\x7e][\x21-\x5b\x5d-\x7e]*)?", re.ASCII)
_MOST_PATH = 1000
_SECRET_BYTES = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """The caller's role in a workspace. Without a workspace: its role in the instance."""

    workspace: str | None
    role: Literal["viewer", "operator", "admin", "instance_admin"]
    sees_payloads: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Me:
    """The caller and its permissions. `kind`: key, by the Authorization header, or session, by the sign-in cookie."""

    kind: Literal["key", "session"]
    actor: str
    email: str | None
    grants: list[Grant]


class KeySignIn(Body):
    """An API key to sign in with."""

    key: str = Field(max_length=512, description="The key, as shown when it was created.", repr=False)


@router.get("/v1/me", needs=Role.VIEWER, responses=answers({200: Me}))
async def get_me(call: Call) -> Response:
    """Get the caller, a key or a signed-in person, and its permissions."""
    person = call.person
    callers = (call.caller,) if person is None else person.callers
    grants = [
        Grant(workspace=each.workspace, role=each.role.value, sees_payloads=each.sees_payloads) for each in callers
    ]
    kind: Literal["key", "session"] = "session" if call.is_signed_in else "key"
    email = None if person is None else person.email
    return answer(Me(kind=kind, actor=call.caller.actor, email=email, grants=grants))


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnWorkspaces:
    """Workspaces of the caller, by slug. For a key of the instance: the newest ones."""

    data: list[WorkspaceHealth]


@router.get("/v1/me/workspaces", needs=Role.VIEWER, responses=answers({200: OwnWorkspaces}))
async def list_own_workspaces(call: Call, instance: Instance) -> Response:
    """List up to a hundred workspaces that the caller can see, with what needs attention in each."""
    return answer(OwnWorkspaces(data=await own_workspaces(call, instance)))


async def own_workspaces(call: Call, instance: InstanceView) -> list[WorkspaceHealth]:
    """Return up to a hundred workspaces that the caller can see, by slug. Raises DatabaseUnavailable."""
    callers = (call.caller,) if call.person is None else call.person.callers
    ids = [each.workspace_id for each in callers if each.workspace_id is not None][:_MOST_WORKSPACES]
    if len(ids) < len(callers) and not ids:  # a key of the instance
        ids = [each.workspace_id for each in await workspaces.list_page(instance, limit=_MOST_WORKSPACES, before=None)]
    found = await workspaces.health(instance, ids)
    return [found[slug] for slug in sorted(found)]


@router.get("/auth/login", needs=None, include_in_schema=False)
async def begin_sign_in(call: Call) -> Response:
    """Redirect a browser to the identity provider."""
    provider = _provider(call)
    attempt = SignInAttempt(
        state=secrets.token_urlsafe(_SECRET_BYTES),
        nonce=secrets.token_urlsafe(_SECRET_BYTES),
        verifier=secrets.token_urlsafe(_SECRET_BYTES),
    )
    response = _redirect(await provider.sign_in_url(attempt))
    back = base64.urlsafe_b64encode(own_path(call.query_params.get("next")).encode()).decode().rstrip("=")
    value = ".".join((attempt.state, attempt.nonce, attempt.verifier, back))
    set_cookie(response, ATTEMPT_COOKIE, value, max_age=_ATTEMPT_SECONDS)
    return response


@router.get("/auth/callback", needs=None, include_in_schema=False)
async def end_sign_in(call: Call, instance: Instance) -> Response:
    """Complete a sign-in when the browser returns from the identity provider, and open a session. An earlier session of
    the browser ends."""
    provider, sessions = _provider(call), call.context.sessions
    attempt, back = _attempt(call)
    given = call.query_params
    if "error" in given or not given.get("code"):
        raise errors.Forbidden("the identity provider rejected this sign-in: start again at /auth/login")
    with sessions.guessed(given["code"], call.host):  # each code costs a request to the provider
        identity = await provider.identity(given["code"], attempt, issuer=given.get("iss"))
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
    if before := sessions.secret_of(call):
        await sessions.end(before, call.host)
    response = _redirect(f"{call.scope.get('root_path', '')}{back}")
    sessions.give(response, call, secret, max_age=call.context.settings.oidc_session_seconds)
    set_cookie(response, ATTEMPT_COOKIE, "", max_age=0)
    return response


@router.post("/auth/key", needs=None, include_in_schema=False)
async def sign_in_with_key(call: Call, new: KeySignIn) -> Response:
    """Open a session for the holder of a key. It has the key's permissions, for as long as the key works."""
    response = Response(status_code=204)
    await open_session(call, new.key, response)
    return response


async def open_session(call: Call, key: str, response: Response) -> None:
    """Sign in with a key. Only our own pages may do this, so that no other site can sign a person in. An earlier
    session of the browser ends. Raises Forbidden, Unauthorized, RateLimited, DatabaseUnavailable."""
    sessions = call.context.sessions
    sessions.require_own_origin(call)
    lasts = timedelta(seconds=call.context.settings.key_session_seconds)
    secret, seconds = await sessions.open(key.strip(), call, lasts)
    if before := sessions.secret_of(call):
        await sessions.end(before, call.host)
    sessions.give(response, call, secret, max_age=math.ceil(seconds))


@router.post("/auth/logout", needs=None, include_in_schema=False)
async def sign_out(call: Call) -> Response:
    """End the session, in every process within 2 s. Safe to repeat."""
    response = Response(status_code=204)
    await close_session(call, response)
    return response


async def close_session(call: Call, response: Response) -> None:
    """Sign out. Only our own pages may do this. Raises Forbidden, RateLimited, DatabaseUnavailable."""
    sessions = call.context.sessions
    sessions.require_own_origin(call)
    if secret := sessions.secret_of(call):
        await sessions.end(secret, call.host)
    sessions.take(response, call)


def _provider(call: Call) -> "Provider":
    """Return the identity provider. Raises NotFound if none is configured."""
    if (provider := call.context.sessions.provider) is None:
        raise errors.NotFound("no identity provider is configured (KRONOS_OIDC_ISSUER is not set): sign in with a key")
    return provider


def own_path(given: str | None) -> str:
    """Return where to send a browser after signing in: `given`, if it is a path below our prefix and no browser can
    read it as another site's address; otherwise the start page."""
    return given if given is not None and len(given) <= _MOST_PATH and _OWN_PATH.fullmatch(given) else "/w"


def _attempt(call: Call) -> tuple[SignInAttempt, str]:
    """Return this browser's sign-in attempt and its destination. Raises InvalidRequest if there is none, or if its
    state differs."""
    parts = call.cookies.get(ATTEMPT_COOKIE, "").split(".")
    state = call.query_params.get("state", "")
    if len(parts) != 4 or not hmac.compare_digest(parts[0].encode(), state.encode("utf-8", "surrogateescape")):
        raise errors.InvalidRequest.of(
            "this sign-in was not started in this browser, or it has expired", "Start again at /auth/login.", "/state"
        )
    try:
        back = base64.urlsafe_b64decode(f"{parts[3]}{'=' * (-len(parts[3]) % 4)}").decode("ascii")
    except ValueError:
        back = None
    return SignInAttempt(state=parts[0], nonce=parts[1], verifier=parts[2]), own_path(back)


def _redirect(url: str) -> Response:
    return Response(status_code=303, headers={"Location": url, "Cache-Control": "no-store"})
