"""Every write and every link of the pages: to which roles it is offered and for which it is rejected. No form, whatever
its content, causes a server error."""

from collections.abc import Callable, Iterator
from typing import Final
from uuid import uuid4

import httpx
import psycopg
import pytest
from lxml import html
from starlette.routing import BaseRoute, Match

from conftest import Api
from dashboard.conftest import Reader
from dashboard.furniture import Furniture, furnish
from dashboard.pages import PAGES
from dashboard.runs import ended
from factory import add_key
from kronos.api.operation import Operation
from kronos.dashboard import app
from kronos.model import Role
from sql_factory import value

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
SIGNING: Final = ("/sign-in", "/sign-out")
ROUTES: Final[list[BaseRoute]] = app.routes()
WRITES: Final = sorted(each.path for each in ROUTES if isinstance(each, Operation) and "POST" in (each.methods or ()))
NAMES: Final = {
    "endpoints": "sink",
    "configs": "production",
    "payload-specs": "report-input",
    "secrets": "api-token",
    "heartbeats": "backup",
    "calendars": "bank",
    "alert-rules": "fails",
}
MARKUP: Final = "<script>alert(1)</script>'\"><b>{{ 7 * 7 }}"
PAYLOADS: Final = ("payload-of-theirs", "out of paper", "hook?token=")
HOSTILE: Final = (
    b"/tags=x&/tags:list=y&/name/a=1&/name=2&/input:json=%7B%7D&/input/a=1",
    b"once=%00&/endpoint=%00&/name=%00",
    b"/input:json=%7B%22a%22:%22%5Cu0000%22%7D&/spec:json=%22%5Cud800%22&/values:json=%5B" + b"%5B" * 200,
    b"/none=1&confirmed=yes&action=pause&all=yes&q=none-such&total=%C2%B2&done="
    + b"9" * 5000
    + b"&version=-1&if_match=%D9%A3",
    b"/a" * 3000 + b"=1",
)


@pytest.fixture(scope="module")
def own(shared_api: Api, new_workspace: Callable[[], str]) -> Furniture:
    """The workspace of this file: it receives all sorts of forms, and its texts are markup."""
    made = furnish(shared_api.client, shared_api.database_url, new_workspace())
    api, base = shared_api.client, f"/v1/workspaces/{made.workspace}"
    job = f"{base}/jobs/{made.names['job']}"
    sent = [
        api.patch(base, json={"name": MARKUP}),
        api.patch(job, json={"title": MARKUP, "tags": [MARKUP], "input": {"a": PAYLOADS[0], "b": MARKUP}}),
        api.patch(job, json={"input": {"a": PAYLOADS[0]}}),
        api.post(f"{job}/pause", json={"note": MARKUP}),
        api.put(f"{base}/configs/production", json={"values": {MARKUP: MARKUP}}),
        api.post(f"{base}/keys", json={"role": "viewer", "name": MARKUP}),
    ]
    assert [each.text for each in sent if each.is_error] == []
    with psycopg.connect(shared_api.database_url, autocommit=True) as connection:
        failed = ended(connection, made.workspace, made.names["job"], nth=700, message=MARKUP)
    return Furniture(workspace=made.workspace, names={**made.names, "execution": failed})


def path_of(route: str, own: Furniture) -> str:
    """A route's path with existing names and ids."""
    for kind, name in NAMES.items():
        route = route.replace(f"{kind}/{{name}}", f"{kind}/{name}")
    names = {"w": own.workspace, "j": own.names["job"], "e": own.names["execution"]}
    return route.format(**names, o=own.names["operation"], i=uuid4(), b=uuid4(), key_id=uuid4())


def needed(path: str, method: str) -> Role | None:
    """The role that the route behind a link or a form needs. None: no role, or the route is the API's."""
    scope = {"type": "http", "path": path.partition("?")[0].partition("#")[0], "method": method, "root_path": ""}
    for each in ROUTES:
        if each.matches(scope)[0] == Match.FULL:
            return each.needs if isinstance(each, Operation) else None
    return None


def offered(page: html.HtmlElement) -> Iterator[tuple[str, str]]:
    """The paths and methods that a page offers its reader."""
    yield from ((each, "GET") for each in page.xpath("//a/@href") if each.startswith("/"))
    for form in page.xpath("//form[@action][.//button]"):
        yield form.get("action"), form.get("method", "get").upper()


@pytest.mark.parametrize("role", ["viewer", "admin"])
def test_what_a_role_may_not_do_or_see_is_on_no_page_and_text_is_text(
    api: httpx.Client, own: Furniture, shared_superuser: psycopg.Connection, role: str
) -> None:
    key = add_key(shared_superuser, own.workspace, role, sees_payloads=role != "viewer")
    headers = {"Authorization": f"Bearer {key}"}
    pages = {path: api.get(own.path(path), headers=headers) for path in PAGES}
    # Pages cope without the data that is withheld from a viewer.
    assert {path: each.text for path, each in pages.items() if each.status_code >= 500} == {}
    shown = {path: html.document_fromstring(each.text) for path, each in pages.items() if each.status_code == 200}
    assert len(shown) > 20
    wrong = [
        (path, target)
        for path, page in shown.items()
        for target, method in offered(page)
        if (needs := needed(target, method)) is not None and not Role(role).covers(needs)
    ]
    assert wrong == []
    texts = "".join(each.text for each in pages.values())
    assert [each for each in PAYLOADS if (each in texts) == (role == "viewer")] == []
    assert [each for each in ("<script>alert", "<b>", 'href="javascript:') if each in texts] == []
    assert "&lt;script&gt;alert(1)" in texts


@pytest.mark.parametrize(
    "page", ["", "/jobs", "/jobs/reaper", "/endpoints", "/configs", "/keys", "/usage", "/settings"]
)
def test_nobody_is_offered_a_change_of_kronos_own_workspace(
    reader: Reader, shared_superuser: psycopg.Connection, page: str
) -> None:
    its_id = value(shared_superuser, "select workspace_id from kronos.workspaces where slug = 'kronos-system'")
    for named in ("kronos-system", its_id, str(its_id).upper()):
        shown = reader(f"/w/{named}{page}")
        posts = [target for target, method in offered(shown) if method == "POST" and not target.endswith("/sign-out")]
        assert posts == []
        assert [each for each in shown.xpath("//main//a/@href") if each.endswith(("new", "/edit", "/delete"))] == []


def test_a_page_of_a_missing_workspace_or_anothers_is_missing(
    api: httpx.Client, own: Furniture, shared_superuser: psycopg.Connection, new_workspace: Callable[[], str]
) -> None:
    foreign = {"Authorization": f"Bearer {add_key(shared_superuser, new_workspace(), 'admin')}"}
    missing = Furniture(workspace="no-such-workspace", names=own.names)
    paths = [each for each in PAGES if each.startswith("/w/{workspace}") and "=&" not in f"{each}&"]
    wrong = [
        (path, found.status_code, hidden.status_code)
        for path in paths
        for found, hidden in [(api.get(missing.path(path)), api.get(own.path(path), headers=foreign))]
        if (found.status_code, hidden.status_code) != (404, 404)
    ]
    assert wrong == []


@pytest.mark.parametrize("script", [{}, {"HX-Request": "true"}], ids=["page", "script"])
def test_what_is_refused_before_a_page_is_reached_is_a_page_too(
    api: httpx.Client, workspace: str, script: dict[str, str]
) -> None:
    key = "kr_live_000000000000_" + "x" * 43
    large = api.post(f"/w/{workspace}/configs", content=b"a=" + b"x" * 2**20, headers=FORM | script)
    burnt = api.get(f"/w/{workspace}", params={"x": key}, headers=script)
    method = api.get("/sign-out", headers=script)
    assert [each.status_code for each in (large, burnt, method)] == [413, 400, 405]
    for each in (large, burnt, method):
        assert each.headers["content-type"].startswith("text/html")
        assert each.headers["request-id"] in each.text
        assert key not in each.text
    assert method.headers["allow"] == "POST"


def test_a_write_is_its_roles_and_comes_from_our_own_pages(
    api: httpx.Client, origin: str, own: Furniture, shared_superuser: psycopg.Connection
) -> None:
    keys = {each: add_key(shared_superuser, own.workspace, each) for each in ("viewer", "operator", "admin")}
    foreign = add_key(shared_superuser, own.workspace, "admin")
    signed = httpx.post(f"{origin}/sign-in", data={"key": keys["admin"]}, headers={"Origin": origin}, timeout=60)
    cookie = {"Cookie": signed.headers["set-cookie"].partition(";")[0]}
    wrong: list[tuple[str, object, int]] = []
    with httpx.Client(base_url=origin, timeout=60) as browser:
        for route in WRITES:
            path = path_of(route, own)
            for sent_from in ({}, {"Origin": "null"}, {"Origin": origin, "Sec-Fetch-Site": "cross-site"}):
                answered = browser.post(path, content=b"key=" + foreign.encode(), headers=FORM | cookie | sent_from)
                if answered.status_code != 403 or "set-cookie" in answered.headers:
                    wrong.append((route, sent_from, answered.status_code))
            needs = needed(path, "POST")
            for role, key in keys.items():
                if route not in SIGNING and (needs is None or not Role(role).covers(needs)):
                    answered = browser.post(path, content=b"x=1", headers=FORM | {"Authorization": f"Bearer {key}"})
                    if answered.status_code != 403:
                        wrong.append((route, role, answered.status_code))
    assert wrong == []


@pytest.mark.parametrize("sent", HOSTILE, ids=range(len(HOSTILE)))
def test_no_form_is_an_error_of_ours(api: httpx.Client, own: Furniture, sent: bytes) -> None:
    wrong = []
    for route in WRITES:
        answered = api.post(path_of(route, own), content=sent, headers=FORM)
        if answered.status_code >= 500:
            wrong.append((route, answered.status_code))
    assert api.post(f"/w/{own.workspace}/settings/resume").status_code == 303  # one of them suspends it
    assert wrong == []
