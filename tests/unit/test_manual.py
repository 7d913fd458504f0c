"""The commands' own documentation: each has a summary line, an example that parses and its place in the manual."""

import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from kronos.__main__ import main
from kronos.cli import inputs
from kronos.cli.exits import Exit
from kronos.cli.helping import Command, CommandGroup, examples_of, walk
from kronos.cli.reference import man_pages, markdown

ROOT = Path(__file__).parents[2]
ALL = [(path, command) for path, command in walk(main) if path]
LEAVES = [(path, command) for path, command in ALL if not isinstance(command, click.Group)]


def calls_of(example: str) -> Iterator[list[str]]:
    """The arguments of each call of `kronos` in an example, without the surrounding pipes and files."""
    lexer = shlex.shlex(example, posix=True, punctuation_chars="|<>;")
    lexer.whitespace_split = True
    words = list(lexer)
    for begin in (at + 1 for at, word in enumerate(words) if word == "kronos"):
        end = next((at for at in range(begin, len(words)) if set(words[at]) <= set("|<>;")), len(words))
        yield words[begin:end]


def parsed(words: list[str]) -> click.Context:
    """The context of the command that these words call, without running it. Raises UsageError."""
    context = main.make_context("kronos", words)
    command: click.Command = main
    while isinstance(command, click.Group):
        name, found, rest = command.resolve_command(context, [*context._protected_args, *context.args])
        assert found is not None
        context = found.make_context(name, rest, parent=context)
        command = found
    return context


def called_by(words: list[str]) -> str:
    """The command that these words call. An argument that names a missing file still parses."""
    try:
        return parsed(words).command_path
    except click.BadParameter as error:
        if error.ctx is None or "No such file" not in error.message:
            raise
        return error.ctx.command_path


def test_there_are_commands() -> None:
    assert len(LEAVES) > 90


def test_each_command_is_of_ours_and_has_a_line() -> None:
    for path, command in ALL:
        assert isinstance(command, Command | CommandGroup), path
        line = command.get_short_help_str(80)
        assert line, path
        assert not line.endswith("..."), path


def test_each_command_has_an_example_of_itself_that_parses(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(inputs, "text_of", lambda name: "{}")
    monkeypatch.chdir(tmp_path)
    for named in ("acme.jsonl", "jobs.json"):
        (tmp_path / named).touch()
    for path, command in LEAVES:
        examples = examples_of(command)
        assert examples, path
        for example in examples:
            called = {called_by(words) for words in calls_of(example)}
            assert " ".join(("kronos", *path)) in called, example


def test_examples_stand_before_options() -> None:
    for path, command in ALL:
        text = CliRunner().invoke(main, [*path, "--help"]).output
        assert -1 < text.find("Examples:") < text.find("Options:"), path
        assert "$ kronos" not in text, path
        if not isinstance(command, click.Group):
            assert all(f"  {each}\n" in text for each in examples_of(command)), path


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        (["jbo", "ls"], "job"),
        (["jobs", "ls"], "job"),
        (["job", "lst"], "ls"),
        (["endpoint", "craete"], "create"),
        (["completoin"], "completion"),
        (["job", "ls", "--endpiont", "x"], "--endpoint"),
        (["config", "putt"], "put"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_a_typo_is_answered_with_the_nearest(typed: list[str], meant: str) -> None:
    answer = CliRunner().invoke(main, typed)
    assert answer.exit_code == Exit.USAGE
    assert "Did you mean" in answer.stderr
    assert f"'{meant}'" in answer.stderr


def test_what_is_like_nothing_is_answered_with_no_question() -> None:
    assert "Did you mean" not in CliRunner().invoke(main, ["xylophone"]).stderr


def test_exit_codes_keep_their_numbers_and_are_documented() -> None:
    assert {each.name: int(each) for each in Exit} == {
        "DONE": 0, "FAILED": 1, "USAGE": 2, "NOT_FOUND": 3, "REFUSED": 4, "CONFLICT": 5,
        "UNAVAILABLE": 6, "TIMED_OUT": 7, "PENDING": 8, "CANCELLED": 130,
    }  # fmt: skip
    text = " ".join(CliRunner().invoke(main, ["--help"]).output.split())
    page = (ROOT / "docs" / "cli.md").read_text()
    for each in Exit:
        assert f"{int(each)} {each.meaning}" in text
        assert f"| {int(each)} | {each.name} | {each.meaning} |" in page


def test_the_page_of_the_command_line_is_what_the_commands_say() -> None:
    page = (ROOT / "docs" / "cli.md").read_text()
    assert markdown(main, page) == page, "run bin/docs"
    without = page.replace("### kronos job create", "### kronos job make")
    assert markdown(main, without) == page


def test_a_page_without_its_marks_is_refused() -> None:
    with pytest.raises(ValueError, match="no marks for 'exit codes'"):
        markdown(main, "# Command line\n")


def test_man_pages_are_whole() -> None:
    pages = dict(man_pages(main, version("kronos")))
    assert len(pages) == len(ALL) + 1
    for name, text in pages.items():
        assert text.replace("\\-", "-").startswith(f'.TH "{name.removesuffix(".1").upper()}" "1"')
        for line in text.splitlines():
            assert re.match(r"\.(TH|SH|PP|TP|BR?|nf|fi)\b|[^.']|$", line), (name, line)
    assert "\\&'" not in pages["kronos-job-create.1"]
    assert "0 9 * * 1" in pages["kronos-job-create.1"]


@pytest.mark.skipif(shutil.which("mandoc") is None, reason="mandoc is not installed")
def test_man_pages_are_read_by_mandoc(tmp_path: Path) -> None:
    for name, text in man_pages(main, version("kronos")):
        (tmp_path / name).write_text(text)
    lint = ["mandoc", "-T", "lint", "-W", "error", *map(str, sorted(tmp_path.iterdir()))]
    found = subprocess.run(lint, capture_output=True, text=True, check=False)
    assert (found.returncode, found.stdout) == (0, "")
