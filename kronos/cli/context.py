"""`kronos context …`: the APIs that you use, each with its address, a workspace and a key under a name."""

import os
from pathlib import Path

import click

from kronos.cli import contexts, target
from kronos.cli.command import group, shaped
from kronos.cli.contexts import KeptContext
from kronos.cli.exits import Ended, Exit
from kronos.cli.names import give_names
from kronos.cli.output import Output

_COLUMNS = {"current": "CURRENT", "name": "NAME", "url": "URL", "workspace": "WORKSPACE", "key": "KEY"}
_FIELDS = ("name", "url", "workspace", "key", "file")
_USED = ("context", "url", "url_from", "workspace", "workspace_from", "key", "key_from")
_EMPTY = "no context yet; add one: kronos context add staging --url https://kronos.example.com --key-file staging.key"


@group
def context() -> None:
    """Contexts: APIs that you use, each with its key.

    A context is a file of mode 0600 in $XDG_CONFIG_HOME/kronos/contexts, by default ~/.config/kronos/contexts. What
    names the API decides, the first of these: --url or --context; KRONOS_URL; KRONOS_CONTEXT; the context that was
    chosen by `kronos context use`; the `kronos up` that runs here. A context's workspace and key go with its address
    and with no other.
    """


@context.command()
@shaped
def ls(output: Output) -> None:
    """List the contexts that there are.

    kronos context ls
    """
    chosen = contexts.current()
    rows = []
    for name in contexts.names():
        try:
            each = contexts.read(name)
        except Ended as error:
            click.echo(f"kronos: {error.message}", err=True)
            continue
        rows.append(
            {
                "current": ("*" if name == chosen else None) if not output.as_json else name == chosen,
                "name": name,
                "url": each.url,
                "workspace": each.workspace,
                "key": each.key_shown,
            }
        )
    output.list(rows, _COLUMNS, empty=_EMPTY)


@context.command()
@click.argument("name")
@click.option("--url", required=True, help="Where the API is, such as https://kronos.example.com.")
@click.option("--workspace", "-w", help="The workspace that its commands are for, a slug or an id.")
@click.option(
    "--key-file",
    type=click.Path(dir_okay=False, allow_dash=True, path_type=Path),
    help="A file with the API key, or - for standard input: it is copied.  [KRONOS_API_KEY]",
)
@click.option("--replace", is_flag=True, help="In place of the one that has this name.")
@click.option("--use", is_flag=True, help="Choose it, too.")
@shaped
def add(
    output: Output, name: str, url: str, workspace: str | None, key_file: Path | None, replace: bool, use: bool
) -> None:
    """Keep an API under NAME. The key is never an argument: other users could read it.

    kronos context add staging --url https://kronos.example.com -w acme --key-file staging.key
    kronos context add local --url http://127.0.0.1:8080 --key-file - < admin.key
    """
    path = contexts.path_of(name)
    if path.exists() and not replace:
        raise Ended(f"there is a context {name!r}: pass --replace to put this one in its place", Exit.CONFLICT)
    target.require_address(url)
    key = target.key_in(key_file) if key_file is not None else os.environ.get("KRONOS_API_KEY")
    if key:
        target.require_key(key)
    made = KeptContext(name=name, url=url, workspace=workspace or None, key=key or None)
    contexts.write(made)
    if use:
        contexts.use(name)
    if not made.key:
        click.echo(f"kronos: {name} has no key: its commands take --key-file or KRONOS_API_KEY", err=True)
    _show(output, made)


@context.command()
@click.argument("name", required=False)
@click.option("--none", "is_none", is_flag=True, help="Choose none: the `kronos up` that runs here is asked.")
@shaped
def use(output: Output, name: str | None, is_none: bool) -> None:
    """Choose the context that commands use which name none.

    kronos context use staging
    kronos context use --none
    """
    if (name is None) != is_none:
        raise click.UsageError("which one? Name a context, or pass --none")
    contexts.use(name)
    output.say("no context is used" if name is None else f"context {name} is used", {"context": name})


@context.command()
@click.argument("name")
@shaped
def rm(output: Output, name: str) -> None:
    """Forget a context, with its copy of the key. The key works on: `kronos key revoke` ends it.

    kronos context rm staging
    """
    contexts.remove(name)
    output.say(f"context {name} is forgotten", {"context": name})


@context.command()
@click.argument("name", required=False)
@shaped
def show(output: Output, name: str | None) -> None:
    """Show a context. Without NAME, what a command would use here, and what says so.

    kronos context show
    kronos context show staging --json
    """
    if name is not None:
        _show(output, contexts.read(name))
        return
    found = target.find(target.WhereAsked())
    client = found.client
    output.show(
        {
            "context": client.context,
            "url": client.url,
            "url_from": found.url_from,
            "workspace": found.workspace,
            "workspace_from": found.workspace_from,
            "key": contexts.shown_of(client.key),
            "key_from": found.key_from,
        },
        _USED,
    )


def _show(output: Output, found: KeptContext) -> None:
    """All of it but the key."""
    fields = {"name": found.name, "url": found.url, "workspace": found.workspace, "key": found.key_shown}
    output.show({**fields, "file": str(contexts.path_of(found.name))}, _FIELDS)


for _each in (use, rm, show):
    give_names(context, _each)
