"""A route of a page, and its answers: the page itself, a redirect with a notice, an error page.

A page's route is an Operation of the API: the same key or session, roles, strict parameters and limits. What goes wrong
in it, wherever, is answered as a page (problems.py asks `scope["kronos.problem"]`).
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
# no-referrer would have browsers send `Origin: null` with our own forms (Fetch, 3.1), which are refused then.
_HEADERS = {"Content-Security-Policy": _POLICY, "Referrer-Policy": "same-origin"}
NOTICE_COOKIE = "kronos-notice"
_NOTICE_SECONDS = 20
_MOST_ROWS, _MOST_ASKED = 50, 200
"""Of a page, and of a page of the API's (PageQuery): of more it is refused, as there."""


class PageRoute(Operation):
    """One method of one path of the dashboard."""

    @staticmethod
    def shown_as(scope: Scope, document: JsonObject, headers: Mapping[str, str]) -> Response:
        """What goes wrong before the route is reached, and in it."""
        return _problem_page(scope, document, headers)

    def _make(self) -> None:
        super()._make()
        served = self.app

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            scope["kronos.problem"] = self.shown_as
            is_script = (b"hx-request", b"true") in scope["headers"]  # it is answered at once, at whatever address
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
    """The pages of one part of the dashboard. Each names the least role that it needs; None: it is for everybody."""

    def __init__(self, prefix: str = "") -> None:
        super().__init__(prefix, tags=["dashboard"])
        self._router = APIRouter(prefix=prefix, route_class=PageRoute, include_in_schema=False)


def shown(call: Call, template: str, status: int = 200, **values: object) -> Response:
    """A page. The notice of what was done just before stands in it, once."""
    notice = call.cookies.get(_notice_cookie(call))
    values["notice"] = unquote(notice) if notice else None
    response = Response(rendered(call, template, **values), status, media_type="text/html", headers=_HEADERS)
    if notice:
        _give_notice(response, call, "", seconds=0)
    return response


def done(call: Call, notice: str, *parts: object, **query: object) -> Response:
    """Something was done: on to the page with these parts below the prefix, which says so."""
    response = redirect(PageContext(call).url(*parts, **query))
    _give_notice(response, call, quote(notice), seconds=_NOTICE_SECONDS)
    return response


def redirect(url: str) -> Response:
    """On to another page, which is read with GET."""
    return Response(status_code=303, headers={"Location": url})


def _filled(query: bytes) -> str | None:
    """The query as pages have it: without the fields of a form that were left empty, as browsers send them, and with no
    more rows than fit on a page that is less than 100 kB; None: it is so."""
    pairs = query.decode("latin-1").split("&")
    kept = [_short(each) for each in pairs if each.partition("=")[2]]
    return "&".join(kept) if query and kept != pairs and all("=" in each for each in pairs) else None


def _short(pair: str) -> str:
    name, _, value = pair.partition("=")
    is_number = len(value) <= 3 and value.isascii() and value.isdecimal()
    is_more = name == "limit" and is_number and _MOST_ROWS < int(value) <= _MOST_ASKED
    return f"limit={_MOST_ROWS}" if is_more else pair


def _notice_cookie(call: Call) -> str:
    """Its name: over https one that no other host and nobody on the way can set, so that a notice is ours."""
    return f"__Host-{NOTICE_COOKIE}" if call.context.sessions.is_secure(call) else NOTICE_COOKIE


def _give_notice(response: Response, call: Call, text: str, *, seconds: int) -> None:
    is_secure = call.context.sessions.is_secure(call)
    set_cookie(response, _notice_cookie(call), text, max_age=seconds, is_secure=is_secure)


def _problem_page(scope: Scope, document: JsonObject, headers: Mapping[str, str]) -> Response:
    """What went wrong, as a page; a script gets one sentence. Who has to sign in is sent there, but not from a form
    that was sent: to load the answer to it again is to send it again, with all that was typed."""
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
    """The page where people sign in, which brings them back."""
    query = call.scope["query_string"].decode("ascii", "replace")
    back = path_below(call.scope) + (f"?{query}" if query else "")
    if call.headers.get("hx-request") == "true":
        back = call.headers.get("hx-current-path", back)
    return f"{_sign_in_alone(call)}?next={quote(back, safe='/')}"


def _sign_in_alone(call: Call) -> str:
    return f"{call.scope.get('root_path', '')}/sign-in"
