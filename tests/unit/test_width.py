"""Texts that people read next to an editor's file tree are at most 110 columns wide: all SQL, and the paragraphs of
pages.
"""

import re
from pathlib import Path

from conftest import ROOT

_WIDE = 110
_SQL = {path.relative_to(ROOT / "sql").as_posix(): path.read_text() for path in (ROOT / "sql").rglob("*.sql")}
_PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), ROOT / "sql" / "README.md"])


def test_sql() -> None:
    assert len(_SQL) > 300
    assert {
        name: lines
        for name, text in _SQL.items()
        if (lines := [line for line in text.splitlines() if len(line) > _WIDE])
    } == {}


def _wide(page: Path) -> list[str]:
    """The lines of a page's paragraphs that are too wide. Tables, headings, code blocks and single long words may be
    wider.
    """
    prose = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    lines = [line for line in prose.splitlines() if not line.startswith(("|", "#"))]
    return [line for line in lines if len(line) > _WIDE and " " in line.strip().removeprefix("- ")]


def test_paragraphs_of_pages() -> None:
    assert len(_PAGES) > 200
    assert {page.relative_to(ROOT).as_posix(): lines for page in _PAGES if (lines := _wide(page))} == {}
