"""What people read beside an editor's tree is 110 columns wide: the comments of SQL, and pages' paragraphs."""

import re

import pytest

from conftest import ROOT

_COMMENT = re.compile(r"^ *-- \S.*$", re.MULTILINE)  # further in stands what is drawn, or aligned
_WIDE = 110


@pytest.mark.parametrize("folder", ["functions", "queries", "schema", "views"])
def test_comments_of_sql(folder: str) -> None:
    texts = {path: path.read_text(encoding="utf-8") for path in sorted((ROOT / "sql" / folder).rglob("*.sql"))}
    assert len(texts) > 3
    assert [(path.name, line) for path, text in texts.items() for line in _COMMENT.findall(text) if len(line) > _WIDE] == []
