"""`kronos context …`: saved APIs, each with an address, a workspace and a key, under a name."""

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
    """Contexts: saved APIs that you use, each with its key.

    A context is a file with mode 0600 in $XDG_CONFIG_HOME/kronos/contexts, by default ~/.config/kronos/contexts. The
    first of these that is set selects the API: --url or --context; KRONOS_URL; KRONOS_CONTEXT; the context chosen with
    `kronos context use`; the local `kronos up`. A context's workspace and key are only used with its own address.
    """


@context.command()
@shaped
def ls(output: Output) -> None:
    """List the contexts.

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
@click.option("--url", required=True, help="Address of the API, such as https://kronos.example.com.")
@click.option("--workspace", "-w", help="Default workspace, by slug or id.")
@click.option(
    "--key-file",
    type=click.Path(dir_okay=False, allow_dash=True, path_type=Path),
    help="File with the API key, or - for standard input; the key is copied.  [KRONOS_API_KEY]",
)
@click.option("--replace", is_flag=True, help="Replace the context of this name.")
@click.option("--use", is_flag=True, help="Also make it the current context.")
@shaped
def add(
    output: Output, name: str, url: str, workspace: str | None, key_file: Path | None, replace: bool, use: bool
) -> None:
    """Save an API under NAME. The key is never an argument, because other users could read it.

    kronos context add staging --url https://kronos.example.com -w acme --key-file staging.key
    kronos context add local --url http://127.0.0.1:8080 --key-file - < admin.key
    """
    path = contexts.path_of(name)
    if path.exists() and not replace:
        raise Ended(f"context {name!r} exists: pass --replace to replace it", Exit.CONFLICT)
    target.require_address(url)
    key = target.key_in(key_file) if key_file is not None else os.environ.get("KRONOS_API_KEY")
    if key:
        target.require_key(key)
    made = KeptContext(name=name, url=url, workspace=workspace or None, key=key or None)
    contexts.write(made)
    if use:
        contexts.use(name)
    if not made.key:
        click.echo(
            f"kronos: context {name} has no key: pass --key-file or set KRONOS_API_KEY when you use it", err=True
        )
    _show(output, made)


@context.command()
@click.argument("name", required=False)
@click.option("--none", "is_none", is_flag=True, help="Choose no context: commands use the local `kronos up`.")
@shaped
def use(output: Output, name: str | None, is_none: bool) -> None:
    """Choose the context for commands that name none.

    kronos context use staging
    kronos context use --none
    """
    if (name is None) != is_none:
        raise click.UsageError("which context? Name one, or pass --none")
    contexts.use(name)
    output.say("no context is used" if name is None else f"using context {name}", {"context": name})


@context.command()
@click.argument("name")
@shaped
def rm(output: Output, name: str) -> None:
    """Delete a context, with its copy of the key. The key remains valid: to revoke it, use `kronos key revoke`.

    kronos context rm staging
    """
    contexts.remove(name)
    output.say(f"context {name} is deleted", {"context": name})


@context.command()
@click.argument("name", required=False)
@shaped
def show(output: Output, name: str | None) -> None:
    """Show a context. Without NAME, show what commands would use, and where each value comes from.

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
    """Print the context without its key."""
    fields = {"name": found.name, "url": found.url, "workspace": found.workspace, "key": found.key_shown}
    output.show({**fields, "file": str(contexts.path_of(found.name))}, _FIELDS)


for _each in (use, rm, show):
    give_names(context, _each)
