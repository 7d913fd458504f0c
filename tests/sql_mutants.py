"""Mutants of a file of SQL: its text with one place changed."""

import re
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

_TOKEN = re.compile(r"--[^\n]*|'(?:[^']|'')*'|\d+(?:\.\d+)?|[A-Za-z_%][\w$.%]*|::|:=|->>?|<=|>=|<>|@>|<@|=>|\$\$|\S")
_BODY = re.compile(r"\$\$|\nbegin atomic\b|(?=\nreturn\b)")
# Replacements. Changes that a removed condition shows as well, such as <> for =, are left out.
_INSTEAD = {
    "<": "<=", "<=": "<", ">": ">=", ">=": ">", "+": "-", "-": "+", "true": "false", "false": "true",
    "greatest": "least", "least": "greatest", "min": "max", "max": "min", "desc": "", "left": "", "distinct": "",
    "kronos.now": "kronos.clock", "kronos.clock": "kronos.now",
}  # fmt: skip
_OF_A_CONDITION = {"and", "or", "from"}
_ENDS = _OF_A_CONDITION | {
    ",", ";", ")", "$$", "cross", "else", "end", "for", "group", "having", "inner", "into", "join", "left", "limit",
    "loop", "on", "order", "returning", "set", "then", "union", "values", "when", "where", "window",
}  # fmt: skip
_STATEMENTS = {"perform", "return", "raise", "update", "insert", "delete"}


class Mutant(NamedTuple):
    path: Path
    text: str
    what: str
    """Its file and line, and the text of that line now."""


def mutants_of(path: Path) -> Iterator[Mutant]:
    """Yield mutants of a function's body, or of a file of statements."""
    whole = path.read_text()
    body = _BODY.search(whole)
    begin = body.end() if body and path.parent.name != "queries" else 0
    tokens = [token for token in _TOKEN.finditer(whole, begin) if not token[0].startswith("--")]
    seen = {whole}
    for start, end, text in _changes(tokens):
        made = whole[:start] + text + whole[end:]
        if made not in seen:
            seen.add(made)
            line, before = whole.count("\n", 0, start) + 1, " ".join(whole[start:end].split())
            reads = whole.splitlines()[line - 1].strip()
            yield Mutant(path, made, f"{path.name}:{line}: {before[:90]!r} -> {text!r} in {reads!r}")


def _changes(tokens: Sequence[re.Match[str]]) -> Iterator[tuple[int, int, str]]:
    """Yield (start, end, replacement) of each change."""
    for number, token in enumerate(tokens):
        word, following = token[0].lower(), tokens[number + 1 :]
        part = _end_of_part(following)
        if word in _INSTEAD:
            yield *token.span(), _INSTEAD[word]
        if word[0].isdigit():
            yield *token.span(), str(int(float(word)) + 1)
        if word in ("and", "or", "limit", "order") and part:
            yield token.start(), part, ""
        if word in ("where", "if", "when", "elsif") and part:
            yield token.end(), part, " true"
        if word in ("if", "when", "elsif") and (end := _end_of_part(following, _OF_A_CONDITION)):
            yield token.end(), end, " false"
        if word == "order" and part:
            yield part, part, " desc"
        if word == "coalesce":
            yield from _coalesced(following)
        if word == "for" and following and following[0][0] in ("update", "share", "no", "key"):
            yield token.start(), part or following[0].end(), ""
        if word == "skip":
            yield token.start(), following[0].end(), ""
        if word in _STATEMENTS and number and tokens[number - 1][0] in (";", "begin", "then", "else", "loop"):
            yield token.start(), next(each for each in following if each[0] == ";").end(), "null;"


def _end_of_part(tokens: Sequence[re.Match[str]], within: Collection[str] = ()) -> int | None:
    """Where the part that begins here ends: before a word that cannot belong to it, or at the end of the enclosing
    parenthesis.
    """
    depth, end, cases = 0, None, 0
    for token in tokens:
        word = token[0].lower()
        if word == "end" and cases:
            cases -= 1
        elif not depth and not cases and word in _ENDS and word not in within:
            break
        cases += word == "case"
        depth += {"(": 1, ")": -1}.get(word, 0)
        end = token.end()
    return end


def _coalesced(tokens: Sequence[re.Match[str]]) -> Iterator[tuple[int, int, str]]:
    """coalesce(a, b) becomes coalesce(a) and coalesce(b)."""
    depth, comma = 0, None
    for token in tokens:
        depth += {"(": 1, ")": -1}.get(token[0], 0)
        if depth == 1 and token[0] == "," and comma is None:
            comma = token
        if depth == 0:
            if comma is not None:
                yield comma.start(), token.start(), ""
                yield tokens[0].end(), comma.end(), ""
            return
