"""The command reference, generated from the commands themselves: docs/cli.md, and a man page for each command."""

import textwrap
from collections.abc import Iterator, Sequence

import click

from kronos.cli.exits import Exit
from kronos.cli.helping import CommonOption, examples_of, options_of, prose_of, walk

_WIDTH = 108
_DRY = {"--dry-run", "--validate-only"}
_Node = tuple[tuple[str, ...], click.Command]


def markdown(root: click.Command, page: str) -> str:
    """Return docs/cli.md with the generated sections between its marks. Raises ValueError if a mark is missing."""
    nodes = [(path, each) for path, each in walk(root) if path]
    for name, lines in (
        ("exit codes", _exit_codes()),
        ("common options", _common_options(nodes)),
        ("dry run", _having(nodes, _DRY)),
        ("confirmed", _having(nodes, {"--yes"})),
        ("commands", (line for node in nodes for line in _section(*node))),
    ):
        before, begin, rest = page.partition(f"<!-- begin {name}: written by bin/docs -->\n")
        _, end, after = rest.partition(f"<!-- end {name} -->\n")
        if not begin or not end:
            raise ValueError(f"docs/cli.md has no marks for {name!r}")
        page = before + begin + "\n" + "\n".join(lines).strip("\n") + "\n\n" + end + after
    return page


def man_pages(root: click.Command, version: str) -> Iterator[tuple[str, str]]:
    """Yield a page for each command, with its file name."""
    nodes = list(walk(root))
    for path, command in nodes:
        below = [(each, found) for each, found in nodes if len(each) == len(path) + 1 and each[: len(path)] == path]
        yield f"{'-'.join(('kronos', *path))}.1", "\n".join(_page(path, command, below, version)) + "\n"


def usage_of(path: Sequence[str], command: click.Command) -> str:
    """Return the usage of a command, in one line."""
    context = click.Context(command, info_name=" ".join(("kronos", *path)))
    return " ".join((context.command_path, *command.collect_usage_pieces(context)))


def _section(path: tuple[str, ...], command: click.Command) -> Iterator[str]:
    yield f"{'#' * (len(path) + 2)} kronos {' '.join(path)}"
    yield ""
    for paragraph in prose_of(command):
        yield from _wrapped(_escaped(paragraph))
        yield ""
    examples = examples_of(command)
    if isinstance(command, click.Group):
        return
    if examples:
        yield "```text"
        yield from (f"$ {each}" for each in examples)
        yield "```"
        yield ""
    yield from _wrapped(f"`{usage_of(path, command)}`")
    yield ""
    options = [_option(command, each) for each in options_of(command, common=False)]
    if options:
        yield from options
        yield ""


def _option(command: click.Command, option: click.Option) -> str:
    names, help = option.get_help_record(click.Context(command)) or ("", "")
    return textwrap.fill(
        f"- `{names}` {_escaped(help)}", _WIDTH, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False
    )


def _escaped(text: str) -> str:
    """Escape text for Markdown, so that nothing in it becomes a tag or emphasis."""
    return text if "`" in text else text.replace("<", "\\<").replace("*", "\\*")


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, _WIDTH, break_long_words=False, break_on_hyphens=False)


def _exit_codes() -> Iterator[str]:
    yield "| code | class | meaning |"
    yield "| --- | --- | --- |"
    yield from (f"| {int(each)} | {each.name} | {each.meaning} |" for each in Exit)


def _common_options(nodes: Sequence[_Node]) -> Iterator[str]:
    found: dict[str, str] = {}
    for _, command in nodes:
        for each in options_of(command, common=True):
            found.setdefault(each.opts[0], _option(command, each))
    yield from found.values()


def _having(nodes: Sequence[_Node], names: set[str]) -> Iterator[str]:
    for path, command in nodes:
        has = [name for each in options_of(command, common=False) for name in each.opts if name in names]
        if has:
            yield f"- `kronos {' '.join(path)} {has[0]}`"


def _page(path: tuple[str, ...], command: click.Command, below: Sequence[_Node], version: str) -> Iterator[str]:
    """Yield the lines of one man page, in the macros of man(7)."""
    title = "-".join(("kronos", *path))
    more = prose_of(command)
    yield f'.TH "{_roff(title.upper())}" "1" "" "kronos {_roff(version)}" "Kronos"'
    yield from (".SH NAME", f"{_roff(title)} \\- {_roff(command.get_short_help_str(200))}")
    yield from (".SH SYNOPSIS", f".B {_roff(usage_of(path, command))}")
    if examples := examples_of(command):
        yield ".SH EXAMPLES"
        yield from (".nf", *map(_line, examples), ".fi")
    if more:
        yield ".SH DESCRIPTION"
        yield from "\n.PP\n".join(map(_line, more)).splitlines()
    for heading, is_common in (("OPTIONS", False), ("OPTIONS OF ALL COMMANDS OVER THE API", True)):
        records = [each.get_help_record(click.Context(command)) for each in options_of(command, common=is_common)]
        yield from _listed(heading, [record for record in records if record is not None])
    yield from _listed("COMMANDS", [(f"kronos-{'-'.join(each)}(1)", (prose_of(found) or [""])[0])
                                    for each, found in below])  # fmt: skip
    if not path or any(isinstance(each, CommonOption) for each in command.params):
        yield from _listed("EXIT STATUS", [(str(int(each)), each.meaning) for each in Exit])
    if path:
        yield from (".SH SEE ALSO", f".BR {_roff('-'.join(('kronos', *path[:-1])))} (1)")


def _listed(heading: str, records: Sequence[tuple[str, str]]) -> Iterator[str]:
    if records:
        yield f".SH {heading}"
        yield from (line for names, text in records for line in (".TP", f".B {_roff(names)}", _line(text)))


def _roff(text: str) -> str:
    return text.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq").replace('"', "\\(dq")


def _line(text: str) -> str:
    """Return a line of text that roff does not take for a request."""
    shown = _roff(text)
    return f"\\&{shown}" if shown[:1] in (".", "'") else shown
