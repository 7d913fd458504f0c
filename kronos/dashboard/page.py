"""A page's route, and its responses: the page itself, a redirect with a notice, an error page.

A page's route is an Operation of the API, with the same keys or sessions, roles, strict parameters and limits. Any
error in it becomes an error page (problems.py calls `scope["kronos.problem"]`).
"""

from collections.abc import Mapping
from urllib.parse import quote, unquote

from fastapi import APIRouter
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from kronos.api.call import Call
from kronos.api.operation import Operation, Router
from kronos.api.sessions import set_cookie
from kronos.dashboard.rendering import PageContext, address, path_below, rendered
from kronos.model import JsonObject

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
# With no-referrer, browsers would send `Origin: null` with our own forms (Fetch, 3.1), and those would be rejected.
_HEADERS = {"Content-Security-Policy": _POLICY, "Referrer-Policy": "same-origin"}
NOTICE_COOKIE = "kronos-notice"
_NOTICE_SECONDS = 20
_MOST_ROWS, _MOST_ASKED = 50, 200
"""The row limits of a page, and of the API (PageQuery). A `limit` above the API's is rejected here too."""


class PageRoute(Operation):
    """One method of one path of the dashboard."""

    @staticmethod
    def shown_as(scope: Scope, document: JsonObject, headers: Mapping[str, str]) -> Response:
        """Return the page for an error before or in the route."""
        return _problem_page(scope, document, headers)

    def _make(self) -> None:
        super()._make()
        served = self.app

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            scope["kronos.problem"] = self.shown_as
            is_script = (b"hx-request", b"true") in scope[
                "headers"
            ]  # a script gets a response directly, whatever the address
            is_read = scope["method"] == "GET" and not is_script
            if is_read and (filled := _filled(scope["query_string"])) is not None:
                await redirect(address(scope, filled))(scope, receive, send)
                return
            if is_whole := b"whole=yes" in scope["query_string"].split(b"&"):
                others = [each for each in scope["query_string"].split(b"&") if each != b"whole=yes"]
                scope["query_string"] = b"&".join(others)
            scope["kronos.is_whole"] = is_whole
            await served(scope, receive, send)

        self.app = app


class Pages(Router):
    """The pages of one part of the dashboard. Each declares the minimum role it needs; None: no key is needed."""

    def __init__(self, prefix: str = "") -> None:
        super().__init__(prefix, tags=["dashboard"])
        self._router = APIRouter(prefix=prefix, route_class=PageRoute, include_in_schema=False)


def shown(call: Call, template: str, status: int = 200, **values: object) -> Response:
    """Return a page. It shows the notice of the preceding action once."""
    notice = call.cookies.get(_notice_cookie(call))
    values["notice"] = unquote(notice) if notice else None
    response = Response(rendered(call, template, **values), status, media_type="text/html", headers=_HEADERS)
    if notice:
        _give_notice(response, call, "", seconds=0)
    return response


def done(call: Call, notice: str, *parts: object, **query: object) -> Response:
    """Redirect to the page with these path parts below the prefix, which will show the notice."""
    response = redirect(PageContext(call).url(*parts, **query))
    _give_notice(response, call, quote(notice), seconds=_NOTICE_SECONDS)
    return response


def redirect(url: str) -> Response:
    """Redirect to another page, to be read with GET."""
    return Response(status_code=303, headers={"Location": url})


def _filled(query: bytes) -> str | None:
    """Return the query without empty form fields, which browsers send, and with `limit` lowered to what fits on a page
    of less than 100 kB. None: the query needs no change."""
    pairs = query.decode("latin-1").split("&")
    kept = [_short(each) for each in pairs if each.partition("=")[2]]
    return "&".join(kept) if query and kept != pairs and all("=" in each for each in pairs) else None


def _short(pair: str) -> str:
    name, _, value = pair.partition("=")
    is_number = len(value) <= 3 and value.isascii() and value.isdecimal()
    is_more = name == "limit" and is_number and _MOST_ROWS < int(value) <= _MOST_ASKED
    return f"limit={_MOST_ROWS}" if is_more else pair


def _notice_cookie(call: Call) -> str:
    """Return the notice cookie's name. Over https, its prefix prevents other hosts and the network from setting it."""
    return f"__Host-{NOTICE_COOKIE}" if call.context.sessions.is_secure(call) else NOTICE_COOKIE


def _give_notice(response: Response, call: Call, text: str, *, seconds: int) -> None:
    is_secure = call.context.sessions.is_secure(call)
    set_cookie(response, _notice_cookie(call), text, max_age=seconds, is_secure=is_secure)


def _problem_page(scope: Scope, document: JsonObject, headers: Mapping[str, str]) -> Response:
    """Return an error as a page, or as one sentence for a script.

    A caller who must sign in is redirected, except after submitting a form: there, reloading the error page sends the
    form again with everything that was typed."""
    call = Call(scope)
    status = int(document["status"])
    answered = {name: value for name, value in headers.items() if name != "WWW-Authenticate"}
    is_script = call.headers.get("hx-request") == "true"
    if status == 401 and is_script:
        return Response(status_code=401, headers={"HX-Redirect": _sign_in(call)})
    if status == 401 and call.method in ("GET", "HEAD"):
        return redirect(_sign_in(call))
    if is_script:
        text = rendered(call, "parts/problem.html", problem=document)
        return Response(text, status, media_type="text/html", headers=answered | _HEADERS)
    text = rendered(call, "error.html", problem=document, notice=None)
    return Response(text, status, media_type="text/html", headers=answered | _HEADERS)


def _sign_in(call: Call) -> str:
    """Return the address of the sign-in page, which leads back to this page."""
    query = call.scope["query_string"].decode("ascii", "replace")
    back = path_below(call.scope) + (f"?{query}" if query else "")
    if call.headers.get("hx-request") == "true":
        back = call.headers.get("hx-current-path", back)
    return f"{_sign_in_alone(call)}?next={quote(back, safe='/')}"


def _sign_in_alone(call: Call) -> str:
    return f"{call.scope.get('root_path', '')}/sign-in"
