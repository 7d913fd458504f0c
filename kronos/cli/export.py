"""`kronos export`: write a workspace to a file, as the API's response arrives."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import click
import orjson

from kronos.cli import json_members
from kronos.cli.command import Api, command
from kronos.cli.exits import Ended, Exit
from kronos.cli.json_members import CutError, Member
from kronos.model import Json

SCHEMA_PATH = "v1/schemas/workspace-file.json"


@command(None)
@click.option("--set", "set_name", metavar="NAME", help="Only resources of this set.")
@click.option(
    "--all", "is_all", is_flag=True, help="All resources, no matter who created them; the default without --set."
)
@click.option("-o", "--output", "to", type=click.Path(dir_okay=False, path_type=Path), help="File to write.")
def export(api: Api, set_name: str | None, is_all: bool, to: Path | None) -> None:
    """Write a workspace as a file for `kronos apply`.

    kronos export > kronos.yaml
    kronos export --set billing -o billing.yaml
    """
    if is_all and set_name is not None:
        raise click.UsageError("--all and --set cannot be combined")
    members = _of_file(api, json_members.members(api.pieces("export", set=set_name)))
    schema = f"{api.client.url.rstrip('/')}/{SCHEMA_PATH}"
    texts = as_json(members) if api.as_json else as_yaml(members, schema)
    try:
        if to is not None:
            _write(to, texts)
            click.echo(f"wrote {to}", err=api.as_json)
            return
        for text in texts:
            click.echo(text, nl=False)
    except CutError as error:
        raise api.client.foreign(f"is not a workspace file: {error}") from None


def _of_file(api: Api, members: Iterator[Member]) -> Iterator[Member]:
    """Yield the members after checking that they are those of a workspace file. Raises ClickException."""
    first = next(members, None)
    if first is None or first[0] != "set":
        raise api.client.foreign("has no set")
    yield first
    yield from members


def as_yaml(members: Iterator[Member], schema: str) -> Iterator[bytes]:
    """Yield a file for people. Editors find its `schema` in the first line."""
    from kronos.cli.yaml_files import written

    is_begun = False
    for name, value in members:
        if not isinstance(value, Iterator):
            text = written({name: value}) if value else ""
        else:
            items = (written([each]) for each in value)
            text = "" if (first := next(items, None)) is None else f"{name}:\n{first}"
        if not is_begun:  # nothing is written if the first member is rejected
            is_begun, text = True, f"# yaml-language-server: $schema={schema}\n{text}"
        yield text.encode()
        if isinstance(value, Iterator):
            for item in items:
                yield item.encode()


def as_json(members: Iterator[Member]) -> Iterator[bytes]:
    """Yield the file in the form that --json prints."""
    before = b"{\n"
    for name, value in members:
        yield before + b"  " + orjson.dumps(name) + b": "
        before = b",\n"
        if not isinstance(value, Iterator):
            yield _indented(value, b"  ")
            continue
        between = b"[\n    "
        for each in value:
            yield between + _indented(each, b"    ")
            between = b",\n    "
        yield b"[]" if between.startswith(b"[") else b"\n  ]"
    yield b"\n}\n"


def _indented(value: Json, by: bytes) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_INDENT_2).replace(b"\n", b"\n" + by)


def _write(to: Path, texts: Iterator[bytes]) -> None:
    """Write the file after the whole response has arrived. An existing file is kept if the response is cut off. The
    file may be a pipe, or in a folder where no other file can be created. Raises Ended."""
    try:
        with _draft(to.parent) as whole:
            for text in texts:
                whole.write(text)
            whole.seek(0)
            with to.open("wb") as file:
                shutil.copyfileobj(whole, file)
    except OSError as error:
        raise Ended(f"{to} cannot be written: {error.strerror}", Exit.USAGE) from None


def _draft(folder: Path) -> IO[bytes]:
    """Return a file without a name, in the folder of the target: the system's folder for temporary files may be in
    memory. That folder is used if none can be created there, as beside /dev/stdout. Raises OSError."""
    try:
        return tempfile.TemporaryFile(dir=folder)
    except OSError:  # also in /dev/fd; the error differs between systems
        return tempfile.TemporaryFile()
