"""`kronos export`: a workspace as files hold it, written as it is read."""

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
@click.option("--set", "set_name", metavar="NAME", help="What this set manages.")
@click.option("--all", "is_all", is_flag=True, help="All, whoever made it; as without --set.")
@click.option("-o", "--output", "to", type=click.Path(dir_okay=False, path_type=Path), help="A file to write.")
def export(api: Api, set_name: str | None, is_all: bool, to: Path | None) -> None:
    """Write a workspace as a file that apply reads.

    kronos export > kronos.yaml
    kronos export --set billing -o billing.yaml
    """
    if is_all and set_name is not None:
        raise click.UsageError("--all and --set are two things: leave one of them out")
    members = _of_file(api, json_members.members(api.pieces("export", set=set_name)))
    schema = f"{api.client.url.rstrip('/')}/{SCHEMA_PATH}"
    texts = as_json(members) if api.as_json else as_yaml(members, schema)
    try:
        if to is not None:
            _write(to, texts)
            click.echo(f"{to} is written", err=api.as_json)
            return
        for text in texts:
            click.echo(text, nl=False)
    except CutError as error:
        raise api.client.foreign(f"is no file of a workspace: {error}") from None


def _of_file(api: Api, members: Iterator[Member]) -> Iterator[Member]:
    """The same, which are those of a file. Raises ClickException."""
    first = next(members, None)
    if first is None or first[0] != "set":
        raise api.client.foreign("has no set")
    yield first
    yield from members


def as_yaml(members: Iterator[Member], schema: str) -> Iterator[bytes]:
    """A file for people, of what is in it; readers find its `schema` by its first line."""
    from kronos.cli.yaml_files import written

    is_begun = False
    for name, value in members:
        if not isinstance(value, Iterator):
            text = written({name: value}) if value else ""
        else:
            items = (written([each]) for each in value)
            text = "" if (first := next(items, None)) is None else f"{name}:\n{first}"
        if not is_begun:  # nothing is written where the first of it is refused
            is_begun, text = True, f"# yaml-language-server: $schema={schema}\n{text}"
        yield text.encode()
        if isinstance(value, Iterator):
            for item in items:
                yield item.encode()


def as_json(members: Iterator[Member]) -> Iterator[bytes]:
    """As --json prints any answer."""
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
    """Writes the file once all of it is there: one that was there stays, where the API's answer ends before its end. It
    may be a pipe, or in a folder where no other may be made. Raises Ended."""
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
    """A file without a name, beside what it is going to be: a system's folder for such may be memory. Where nobody may
    make one there, as beside /dev/stdout, it is in that. Raises OSError."""
    try:
        return tempfile.TemporaryFile(dir=folder)
    except OSError:  # nor in /dev/fd: each says it in its own way
        return tempfile.TemporaryFile()
