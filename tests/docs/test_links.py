"""Every link of a page leads to an existing file, folder or heading."""

import re
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token

from docs.blocks import ROOT, pages

_PAGES = [*pages(), ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", ROOT / "sql" / "README.md"]


def _tokens(page: Path) -> list[Token]:
    """The tokens of all its text, including tables."""
    return [
        inner
        for token in MarkdownIt("commonmark").enable("table").parse(page.read_text())
        for inner in (token, *(token.children or []))
    ]


@cache
def _anchors(page: Path) -> frozenset[str]:
    """The anchors that GitHub generates for its headings."""
    found: list[str] = []
    tokens = _tokens(page)
    for opened, inline in pairwise(tokens):
        if opened.type == "heading_open":
            text = "".join(child.content for child in inline.children or [] if child.type in ("text", "code_inline"))
            slug = re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")
            found.append(f"{slug}-{found.count(slug)}" if slug in found else slug)
    return frozenset(found)


def _leads_nowhere(page: Path, link: str) -> bool:
    path, _, anchor = link.partition("#")
    target = (page.parent / path).resolve() if path else page
    if not target.exists():
        return True
    return bool(anchor) and (target.suffix != ".md" or anchor not in _anchors(target))


@pytest.mark.parametrize("page", _PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_no_link_of_a_page_leads_nowhere(page: Path) -> None:
    links = [str(token.attrs["href"]) for token in _tokens(page) if token.type == "link_open"]
    own = [link for link in links if not re.match(r"[a-z]+:", link)]
    assert [link for link in own if _leads_nowhere(page, link)] == []


def test_headings_are_named_as_github_names_them(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# What `fire` does, and when\n\n## A\n\n## A\n")
    assert _anchors(page) == {"what-fire-does-and-when", "a", "a-1"}
