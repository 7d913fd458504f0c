"""Helpers to run commands and to read their output."""

from collections.abc import Callable
from typing import TypeAlias

from click.testing import Result

Kronos: TypeAlias = Callable[..., Result]
"""Run a command against the session's API, in the test's workspace; `stdin` is its standard input."""


def shown(result: Result) -> dict[str, str]:
    """The fields of a resource, as commands show them to people."""
    assert result.exit_code == 0, result.output
    return {line.split()[0]: " ".join(line.split()[1:]) for line in result.stdout.splitlines()}


def printed(run: Kronos, *arguments: str, code: int = 0) -> list[str]:
    """The lines that a command prints; those on standard error begin with `! `."""
    ended = run(*arguments)
    assert ended.exit_code == code, ended.output
    return [*ended.stdout.splitlines(), *(f"! {line}" for line in ended.stderr.splitlines())]
