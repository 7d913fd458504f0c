"""Sign in with a key or through an identity provider, and sign out."""

from dataclasses import replace
from urllib.parse import quote

from starlette.responses import Response

from kronos import errors
from kronos.api.auth import close_session, open_session, own_path
from kronos.api.call import Call
from kronos.dashboard import forms
from kronos.dashboard.forms import FilledForm
from kronos.dashboard.page import Pages, done, redirect, shown

pages = Pages()


@pages.get("/sign-in", needs=None)
async def get_sign_in(call: Call) -> Response:
    """The sign-in form. A signed-in caller is redirected; one whose session ended sees why."""
    sessions, back = call.context.sessions, own_path(call.query_params.get("next"))
    if (secret := sessions.secret_of(call)) is None:
        return _shown(call, back, FilledForm())
    try:
        await call.recognise(secret)
    except errors.Unauthorized:
        response = _shown(call, back, FilledForm(), ended=await sessions.why_ended(secret))
        sessions.take(response, call)
        return response
    except errors.RateLimited as error:
        return _shown(call, back, FilledForm().refused(error))
    return redirect(f"{call.scope.get('root_path', '')}{back}")


@pages.post("/sign-in", needs=None)
async def sign_in(call: Call) -> Response:
    """Open a session for the key's holder, and redirect to the page first requested."""
    sent = await forms.sent(call)
    back = own_path(sent.text("next"))
    response = redirect(f"{call.scope.get('root_path', '')}{back}")
    try:
        await open_session(call, sent.text("key"), response)
    except (errors.Unauthorized, errors.Forbidden, errors.RateLimited) as error:
        detail = "This key does not work. Is it complete? Was it revoked, or has it expired?"
        form = FilledForm().refused(error)
        return _shown(call, back, replace(form, problem=detail) if isinstance(error, errors.Unauthorized) else form)
    return response


@pages.post("/sign-out", needs=None)
async def sign_out(call: Call) -> Response:
    """End the session. Safe to repeat."""
    response = done(call, "You are signed out.", "sign-in")
    await close_session(call, response)
    return response


def _shown(call: Call, back: str, form: FilledForm, *, ended: str | None = None) -> Response:
    at_provider = None
    if call.context.sessions.provider is not None:
        at_provider = f"{call.scope.get('root_path', '')}/auth/login?next={quote(back, safe='')}"
    return shown(call, "sign_in.html", form.status, form=form, back=back, ended=ended, at_provider=at_provider)
