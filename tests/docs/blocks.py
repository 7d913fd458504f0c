"""The fenced blocks of the README and of docs/, and the marks in front of them."""

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

ROOT = Path(__file__).parents[2]
COMMANDS = ("console", "bash", "sh")
PARSED = ("json", "yaml", "toml", "python")
SHOWN = ("text", "mermaid", "ini", "nginx", "http", "typescript")
"""Blocks for reading only: nothing in them can be run or parsed."""
_MARK = re.compile(r"<!-- (not run|run by|run until): (.+?) -->\s*\Z", re.DOTALL)
_HAS_FENCE = re.compile(r"```|~~~")


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A fenced block. Its `mark`: `not run` with the reason; `run by` a test's file; `run until` its output has a
    text."""

    page: str
    line: int
    language: str
    text: str
    mark: str | None
    reason: str

    @property
    def place(self) -> str:
        """Its location, for people."""
        return f"{self.page}:{self.line}"


@cache
def pages() -> tuple[Path, ...]:
    """The README first, then docs/ by name."""
    return (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))


@cache
def blocks() -> tuple[Block, ...]:
    """Each block of each page, in order."""
    return tuple(block for page in pages() for block in _of(page))


# Only blocks: code within a paragraph is ignored.
_READER = MarkdownIt().disable("inline")


def _of(page: Path) -> list[Block]:
    found: list[Block] = []
    before: Token | None = None
    text = page.read_text()
    if not _HAS_FENCE.search(text):  # most decisions: parsing all pages took a tenth of pytest's startup
        return found
    for token in _READER.parse(text):
        if token.type == "fence":
            assert token.map is not None
            marked = _MARK.search(before.content) if before is not None and before.type == "html_block" else None
            found.append(
                Block(
                    page=str(page.relative_to(ROOT)),
                    line=token.map[0] + 1,
                    language=(token.info.split() or [""])[0],
                    text=token.content,
                    mark=marked[1] if marked else None,
                    reason=" ".join(marked[2].split()) if marked else "",
                )
            )
        before = token
    return found
