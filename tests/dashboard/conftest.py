"""A browser for the dashboard tests that open pages, and pages in it.

reader(path) a page's HTML, fetched with httpx and parsed: most tests need no browser page a Chromium page with the
administrator's key; its violations fail the test
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import httpx
import psycopg
import pytest
from jinja2 import FileSystemBytecodeCache
from lxml import html
from playwright.sync_api import Browser, Request

from conftest import Api
from dashboard.browser import Watched, chromium, watched
from dashboard.furniture import Furniture, furnish
from explain_scene import Scene
from servers import folder_of_all

Reader = Callable[[str], html.HtmlElement]


@pytest.fixture(scope="session")
def started() -> Iterator[tuple[Browser, asyncio.AbstractEventLoop]]:
    """One browser, and Playwright's loop. The loop is hidden from this thread, or asynchronous tests could not run."""
    with chromium() as browser:
        loop = asyncio.get_running_loop()
        with _known(None):
            yield browser, loop


@pytest.fixture(scope="module")
def browser(started: tuple[Browser, asyncio.AbstractEventLoop]) -> Iterator[Browser]:
    """The browser; while a file uses it, Playwright's loop is this thread's running loop."""
    browser, loop = started
    with _known(loop):
        yield browser


@contextmanager
def _known(loop: asyncio.AbstractEventLoop | None) -> Iterator[None]:
    """Make `loop` this thread's running loop."""
    before = asyncio.events._get_running_loop()
    asyncio.events._set_running_loop(loop)
    try:
        yield
    finally:
        asyncio.events._set_running_loop(before)


@pytest.fixture(autouse=True)
def _no_cookies(request: pytest.FixtureRequest) -> None:
    """Cookies that an earlier test received are cleared: the client is shared by the session."""
    if "api" in request.fixturenames:
        request.getfixturevalue("api").cookies.clear()


@pytest.fixture(scope="session", autouse=True)
def _templates_compiled_once() -> None:
    """All pytest processes share the compiled templates: to compile all 80 takes a process 1 s of CPU."""
    from kronos.dashboard import rendering  # imported here, so that only tests of the dashboard load FastAPI

    compiled = folder_of_all() / "templates"
    compiled.mkdir(exist_ok=True)
    rendering._environment().bytecode_cache = FileSystemBytecodeCache(str(compiled))


@pytest.fixture
def origin(api: httpx.Client) -> str:
    return str(api.base_url).rstrip("/")


@pytest.fixture(scope="session")
def kept(started: tuple[Browser, asyncio.AbstractEventLoop]) -> Iterator[list[tuple[Watched, ExitStack]]]:
    """The page that the last test left as new, and what closes it; or nothing."""
    pages: list[tuple[Watched, ExitStack]] = []
    yield pages
    with _known(started[1]):
        for _, ending in pages:
            ending.close()


@pytest.fixture
def page(browser: Browser, shared_api: Api, origin: str, kept: list[tuple[Watched, ExitStack]]) -> Iterator[Watched]:
    if not kept:
        ending = ExitStack()
        kept.append((ending.enter_context(watched(browser, origin, key=shared_api.key)), ending))
    page, ending = kept.pop()
    with ending:
        yield page
        assert page.wrong == []
        if page.renew():
            kept.append((page, ending.pop_all()))


@pytest.fixture
def asked(page: Watched) -> Iterator[list[str]]:
    """The requests that the page's script has sent since the page was opened."""
    found: list[str] = []

    def note(request: Request) -> None:
        if request.headers.get("hx-request"):
            found.append(request.url)

    page.page.on("request", note)
    yield found
    page.page.remove_listener("request", note)


@pytest.fixture
def reader(api: httpx.Client) -> Reader:
    def read(path: str) -> html.HtmlElement:
        answered = api.get(path, follow_redirects=True)  # a form with empty fields redirects to its short address
        assert answered.status_code == 200, answered.text
        return html.document_fromstring(answered.text)

    return read


@pytest.fixture(scope="session")
def furnished(shared_api: Api, new_workspace: Callable[[], str]) -> Furniture:
    return furnish(shared_api.client, shared_api.database_url, new_workspace())


@pytest.fixture
def scene(api: httpx.Client, workspace: str, shared_superuser: psycopg.Connection) -> Scene:
    return Scene(api, shared_superuser, workspace)
