"""The layout of --help: what a command is for, then examples, then everything else.

Examples are a paragraph of the docstring whose first line begins with `kronos ` or `$ `. Each line that begins so is an
example; other lines continue the one before.
"""

import difflib
import inspect
from collections.abc import Callable, Iterator, Sequence

import click

_MOST_OF_A_GROUP = 3


class CommonOption(click.Option):
    """An option that every command over the API has. It is listed after a command's own options."""


def examples_of(command: click.Command) -> list[str]:
    """Return a command's examples, one per line. A group without its own has the first example of each subcommand."""
    own = [each for part in _paragraphs(command) if _is_examples(part) for each in _joined(part)]
    if own or not isinstance(command, click.Group):
        return own
    context = click.Context(command)
    found = (command.get_command(context, name) for name in command.list_commands(context))
    return [each for verb in found if verb is not None for each in examples_of(verb)[:1]]


def prose_of(command: click.Command) -> list[str]:
    """Return a command's help without its examples, by paragraph. The first says what the command is for."""
    return [" ".join(part.split()) for part in _paragraphs(command) if not _is_examples(part)]


def options_of(command: click.Command, *, common: bool) -> list[click.Option]:
    """Return a command's own options, or those that it shares with every command over the API."""
    return [
        each
        for each in command.params
        if isinstance(each, click.Option) and not each.hidden and isinstance(each, CommonOption) == common
    ]


def _paragraphs(command: click.Command) -> list[str]:
    text = inspect.cleandoc(command.help or "").partition("\f")[0]
    return [part for part in text.split("\n\n") if part.strip()]


def _is_examples(part: str) -> bool:
    return part.lstrip().startswith(("kronos ", "$ "))


def _joined(part: str) -> list[str]:
    lines: list[str] = []
    for line in map(str.strip, part.splitlines()):
        if _is_examples(line) or not lines:
            lines.append(line.removeprefix("$ "))
        else:
            lines[-1] = f"{lines[-1].removesuffix(chr(92)).rstrip()} {line}"
    return lines


class _Helped(click.Command):
    """A command whose help shows examples first."""

    def get_help_option(self, ctx: click.Context) -> click.Option | None:
        """Return --help, with the same text for every command."""
        found = super().get_help_option(ctx)
        if found is not None:
            found.help = "Show this and exit."
        return found

    def format_help_text(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write what the command is for, its examples, and the rest of its help."""
        first, *more = prose_of(self) or [""]
        _write(formatter, [first])
        examples = examples_of(self)
        if isinstance(self, click.Group):
            examples = examples[:_MOST_OF_A_GROUP]
        if examples:
            with formatter.section("Examples"):
                for each in examples:
                    formatter.write(f"{'':>{formatter.current_indent}}{each}\n")
        _write(formatter, more)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the command's own options, then the shared ones."""
        common = options_of(self, common=True)
        help_option = self.get_help_option(ctx)
        own: Sequence[click.Option] = [*options_of(self, common=False), *([help_option] if help_option else [])]
        for title, options in (("Options", own), ("Options of all commands over the API", common)):
            records = [record for each in options if (record := each.get_help_record(ctx)) is not None]
            if records:
                with formatter.section(title):
                    formatter.write_dl(records)
        if isinstance(self, click.Group):
            self.format_commands(ctx, formatter)


class Command(_Helped):
    """A command of `kronos`."""


class CommandGroup(_Helped, click.Group):
    """A command with subcommands. Those created with @group.command() use the classes of this module."""

    command_class = Command
    group_class = type

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command that the first word names. Raises UsageError, which suggests the nearest name."""
        name, *rest = args
        found = self.get_command(ctx, name)
        if found is None and name == "help" and not ctx.resilient_parsing:  # as in git, docker and kubectl
            if not rest:
                click.echo(ctx.get_help())
                ctx.exit()
            return self.resolve_command(ctx, [*rest, "--help"])
        if found is not None or ctx.resilient_parsing:
            return (name if found is not None else None), found, rest
        names = self.list_commands(ctx)
        hint = _turned(self, ctx, name, rest) or _nearest(name, names)
        raise click.UsageError(f"No such command {name!r}.{hint}", ctx)


_MEANT = {
    "list": "ls",
    "show": "get",
    "describe": "get",
    "new": "create",
    "add": "create",
    "update": "edit",
    "patch": "edit",
    "set": "put",
    "delete": "rm",
    "remove": "rm",
    "run": "trigger",
    "start": "trigger",
    "stop": "cancel",
    "cancel": "rm",
    "unpause": "resume",
    "history": "versions",
    "version": "--version",
}
"""What other tools call each verb."""


def _turned(group: click.Group, ctx: click.Context, verb: str, rest: Sequence[str]) -> str:
    """Suggest the reverse order, if a verb came before its resource: `kronos get job` means `kronos job get`."""
    resource = group.get_command(ctx, rest[0]) if rest else None
    if not isinstance(resource, click.Group):
        return ""
    meant = verb if verb in resource.commands else _MEANT.get(verb.lower())
    return f" Did you mean '{rest[0]} {meant}'?" if meant in resource.commands else ""


def _nearest(typed: str, names: Sequence[str]) -> str:
    """Suggest similar names; return an empty text if none is similar."""
    meant = _MEANT.get(typed.lower())
    near = [meant] if meant in (*names, "--version") else difflib.get_close_matches(typed.lower(), names, cutoff=0.6)
    return f" Did you mean {' or '.join(map(repr, near))}?" if near else ""


def group(function: Callable[[], None]) -> CommandGroup:
    """Turn a function with an empty body into a command group of `kronos`, whose help is the docstring."""
    return click.group(cls=CommandGroup)(function)


def _write(formatter: click.HelpFormatter, paragraphs: Sequence[str]) -> None:
    for each in paragraphs:
        formatter.write_paragraph()
        with formatter.indentation():
            formatter.write_text(each)


def walk(command: click.Command, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Yield every command below `command` with the words that lead to it. Aliases are left out."""
    yield path, command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            found = command.get_command(context, name)
            if found is not None and not found.hidden and (found.name == name or not path):
                yield from walk(found, (*path, name))
