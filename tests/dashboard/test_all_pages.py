"""Properties of every page: by its HTML, and in a browser at two widths, light and dark."""

import re
from collections.abc import Iterator
from functools import cache
from itertools import product
from typing import Any

import httpx
import pytest
from lxml import html
from playwright.sync_api import Browser, Page

from conftest import Api
from dashboard.browser import AXE, Watched, watched
from dashboard.furniture import Furniture
from dashboard.pages import NOT_WALKED, PAGES
from depth import depth
from kronos.dashboard import app

_MOST_BYTES = 100_000
_INLINE = re.compile(r"<script(?![^>]*\bsrc=)|\sstyle=|\son[a-z]+=|<style", re.IGNORECASE)
# An SVG without a viewBox is cut off when it gets less than its width.
_CUT_OFF = """[...document.querySelectorAll("svg:not([viewBox])")]
    .filter((each) => each.clientWidth && each.clientWidth < each.width.baseVal.value).length"""
_HIGHEST_FRAME = 140
_SHORTER = {"/system/audit": "/system/audit?limit=8"}
"""What axe looks at instead: fewer rows of the same kinds. A workspace's audit has all of them."""
_LOOKS = tuple(product((360, 1440), ("light", "dark")))
_RULES = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    "resultTypes": ["violations"],  # passing rules are not described for each element
}
# The rest of its results would be 100 kB for Playwright to carry.
_FOUND = "rules => axe.run(document, rules).then((found) => found.violations)"


def test_every_route_is_walked() -> None:
    declared = {
        route.path  # type: ignore[attr-defined]
        for route in app.routes()
        if "GET" in route.methods  # type: ignore[attr-defined]
    }
    named = {re.sub(r"\{\w+\}", "{}", page.partition("?")[0]) for page in PAGES}
    missing = [path for path in declared - NOT_WALKED if re.sub(r"\{\w+\}", "{}", path) not in named]
    assert missing == []


@pytest.mark.parametrize("path", PAGES)
def test_a_page_is_whole_without_scripts(api: httpx.Client, furnished: Furniture, path: str) -> None:
    answered = api.get(furnished.path(path), follow_redirects=True)
    assert answered.status_code == (404 if path.endswith("/nothing-there") else 200), answered.text
    assert answered.headers["content-type"].startswith("text/html")
    assert len(answered.content) < _MOST_BYTES
    assert "script-src 'self'" in answered.headers["content-security-policy"]
    assert answered.headers.get_list("referrer-policy") == ["same-origin"]  # otherwise Origin is null in our own forms
    assert not _INLINE.search(answered.text)
    page = html.document_fromstring(answered.text)
    assert len(page.xpath("//h1")) == 1
    assert page.xpath("//main//h1")
    assert page.xpath("string(//title)").strip()
    identifiers = page.xpath("//@id")
    assert len(identifiers) == len(set(identifiers))
    links = [*page.xpath("//@href"), *page.xpath("//@src"), *page.xpath("//@action")]
    assert [each for each in links if not each.startswith(("/", "#"))] == []
    assert list(_mislabelled(page)) == []


def _mislabelled(page: html.HtmlElement) -> Iterator[tuple[str, str]]:
    """A column's head, and another label that its first cell has on a phone."""
    for table in page.xpath("//table[thead]"):
        heads = [" ".join(head.text_content().split()) for head in table.xpath("thead//th")]
        cells = [cell.get("data-label") for cell in table.xpath("(tbody/tr)[1]/*")]
        yield from (pair for pair in zip(heads, cells, strict=False) if pair[1] not in (None, pair[0]))


@pytest.fixture(scope="module")
def walker(browser: Browser, shared_api: Api) -> Iterator[Watched]:
    """One browser page for all of them, with axe in each document: it is sent once, not to each page."""
    with watched(browser, str(shared_api.client.base_url).rstrip("/"), key=shared_api.key) as walker:
        walker.begin_with(axe())  # like an extension's script, which the page's policy does not block
        yield walker


@pytest.mark.parametrize("path", PAGES)
def test_axe_finds_nothing_and_nothing_is_wider_than_the_screen(
    walker: Watched, furnished: Furniture, path: str
) -> None:
    """A page is loaded once: its look at a width, light or dark, depends on styles only; none of our scripts reads
    them.

    Each page is checked at both widths and in both themes, and the parts that all pages share in all four combinations.
    With --deep, each page is checked in all four.
    """
    found = {}
    walker.wrong.clear()
    walker.go(furnished.path(_SHORTER.get(path, path)))
    for width, theme in _looks(PAGES.index(path)):
        walker.show(width, theme)
        walker.keep(path, width, theme)
        if told := told_of(walker.page):
            found[width, theme] = told
    assert walker.wrong == []
    assert found == {}


def test_axe_finds_what_is_wrong_on_a_page(walker: Watched) -> None:
    walker.go("/w")
    assert told_of(walker.page) == []
    walker.page.evaluate("document.querySelector('main').append(document.createElement('img'))")
    (told,) = told_of(walker.page)
    assert told.startswith("image-alt: ['<img>']")


@cache
def axe() -> str:
    """Axe's script."""
    return AXE.read_text()


def _looks(number: int) -> list[tuple[int, str]]:
    """The combinations for the page with this number: each of two successive pages gets the half that the other does
    not."""
    apart = depth(2, deep=1)
    return [look for place, look in enumerate(_LOOKS) if (place + place // 2 + number) % apart == 0]


def test_both_widths_and_both_themes_are_looked_at_on_each_page_and_all_ways_on_two() -> None:
    for number in range(2):
        assert {width for width, _ in _looks(number)} == {360, 1440}
        assert {theme for _, theme in _looks(number)} == {"light", "dark"}
    assert {*_looks(0), *_looks(1)} == set(_LOOKS)


def told_of(page: Page) -> list[str]:
    """Return axe's findings on a page that has its script, and the elements that are wider than the screen."""
    violations = page.evaluate(_FOUND, _RULES)
    told = [f"{each['id']}: {_where(each)}" for each in violations]
    if (overflow := page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")) > 0:
        told.append(f"it is {overflow} px wider than the screen")
    if cut_off := page.evaluate(_CUT_OFF):
        told.append(f"{cut_off} charts are cut off")
    if (frame := page.evaluate("document.querySelector('header').offsetHeight")) > _HIGHEST_FRAME:
        told.append(f"{frame} px of it are the frame")
    return told


def _where(violation: dict[str, Any]) -> str:
    nodes = violation["nodes"]
    return f"{[node['html'][:200] for node in nodes[:3]]} {nodes[0]['failureSummary']}"
