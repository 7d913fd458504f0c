"""Tests leave nothing behind, and do not signal processes that may have ended."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

TESTS = Path(__file__).parents[1]
# What they do after the block is part of what they test, and must not happen if the block failed.
_NO_CLEANING = {"stopped_in", "uncommitted_catch_up"}
# They signal their own children, which exist until they are waited for.
_MAY_SIGNAL = {"killing.py", "forked.py", "forking.py"}


def _files_with(word: str) -> Iterator[tuple[Path, str]]:
    for file in sorted(TESTS.rglob("*.py")):
        if word in (text := file.read_text()):
            yield file, text


def _goes_on_after_its_yield(body: list[ast.stmt]) -> bool:
    """Whether a statement follows the yield that an exception in the block would skip."""
    for at, statement in enumerate(body):
        if not any(isinstance(node, ast.Yield) for node in ast.walk(statement)):
            continue
        if isinstance(statement, ast.Try) and statement.finalbody:
            return False
        if isinstance(statement, ast.If) and isinstance(statement.body[-1], ast.Return):
            continue  # a separate branch
        if body[at + 1 :]:
            return True
        return isinstance(statement, ast.With) and _goes_on_after_its_yield(statement.body)
    return False


def test_what_a_block_began_is_ended_whatever_happens_in_it() -> None:
    found = [
        f"{file.relative_to(TESTS)}: {made.name}"
        for file, text in _files_with("contextmanager")
        for made in ast.walk(ast.parse(text))
        if isinstance(made, ast.FunctionDef | ast.AsyncFunctionDef)
        and any("contextmanager" in ast.unparse(each) for each in made.decorator_list)
        and made.name not in _NO_CLEANING
        and _goes_on_after_its_yield(made.body)
    ]
    assert found == [], "put the statements after the yield into a finally"


def test_a_process_that_has_ended_meanwhile_fails_no_test() -> None:
    found = [
        str(file.relative_to(TESTS))
        for file, text in _files_with("os.kill")
        if file.name not in _MAY_SIGNAL and re.search(r"\bos\.kill(pg)?\(", text)
    ]
    assert found == [], "use killing.signalled"
