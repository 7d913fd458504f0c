"""A browser for each file of the dashboard's tests that opens pages, and pages in it.

reader(path)     HTML of a page by httpx, parsed: most tests need no browser
page             a page of Chromium with the administrator's key; what it does wrong fails the test
"""

from collections.abc import Callable, Iterator

import httpx
import psycopg
import pytest
from lxml import html
from playwright.sync_api import Browser

from conftest import Api
from dashboard.browser import Watched, chromium, watched
from dashboard.furniture import Furniture, furnish
from explain_scene import Scene

Reader = Callable[[str], html.HtmlElement]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Of one file: while it is there its loop runs in this thread, and no asynchronous test can."""
    with chromium() as browser:
        yield browser


@pytest.fixture(autouse=True)
def _no_cookies(request: pytest.FixtureRequest) -> None:
    """What a test before has got: the client is the session's."""
    if "api" in request.fixturenames:
        request.getfixturevalue("api").cookies.clear()


@pytest.fixture
def origin(api: httpx.Client) -> str:
    return str(api.base_url).rstrip("/")


@pytest.fixture
def page(browser: Browser, shared_api: Api, origin: str) -> Iterator[Watched]:
    with watched(browser, origin, key=shared_api.key) as page:
        yield page
        assert page.wrong == []


@pytest.fixture
def reader(api: httpx.Client) -> Reader:
    def read(path: str) -> html.HtmlElement:
        answered = api.get(path, follow_redirects=True)  # a form whose fields are empty is led to its short address
        assert answered.status_code == 200, answered.text
        return html.document_fromstring(answered.text)

    return read


@pytest.fixture(scope="session")
def furnished(shared_api: Api, new_workspace: Callable[[], str]) -> Furniture:
    return furnish(shared_api.client, shared_api.database_url, new_workspace())


@pytest.fixture
def scene(api: httpx.Client, workspace: str, shared_superuser: psycopg.Connection) -> Scene:
    return Scene(api, shared_superuser, workspace)
