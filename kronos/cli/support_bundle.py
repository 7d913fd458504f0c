"""`kronos support-bundle`: collect what support needs first, in one file."""

import io
import os
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import click

from kronos.cli import environment
from kronos.cli.exits import Ended, Exit
from kronos.cli.helping import Command
from kronos.embedded.home import Home, default_home
from kronos.server_time import CLOCK
from kronos.support import bundle

_SAID = "It contains no inputs, outputs, headers, keys, passwords or addresses; review it before you send it"


@click.command(cls=Command)
@click.option(
    "--output",
    type=click.Path(dir_okay=False, allow_dash=True, path_type=Path),
    help="File to create, a .tar.gz; it must not exist. - is standard output, for a read-only container.",
)
@click.option(
    "--logs",
    type=click.Path(file_okay=False, exists=True, path_type=Path),
    help="Folder with Kronos logs (*.log).  [default: those of the local `kronos up`]",
)
@click.option(
    "--with-names", is_flag=True, help="Include the details of findings that name jobs, endpoints, roles or files."
)
def support_bundle(*, output: Path | None, logs: Path | None, with_names: bool) -> None:
    """Write one file with what support needs first.

    kronos support-bundle
    kronos support-bundle --output bundle.tar.gz --with-names
    kronos support-bundle --output - > bundle.tar.gz

    The bundle contains only listed items; it never contains job payloads or receivers' responses. Uses
    KRONOS_DATABASE_URL, the same URL as `kronos migrate`; if it is not set, the local `kronos up`, with its logs.
    """
    url, keys = environment.database_url(), environment.key_source()
    settings = environment.judged(database_url=url)
    if logs is None and "KRONOS_DATABASE_URL" not in os.environ:
        logs = Home(default_home()).log  # exists: the database URL is this instance's
    parts = bundle.parts(url, settings=settings, keys=keys, logs=logs, with_names=with_names)
    if str(output) == "-":
        if sys.stdout.isatty():
            raise Ended(
                "a bundle is binary and cannot go to a terminal: redirect it to a file, > bundle.tar.gz", Exit.USAGE
            )
        content = io.BytesIO()
        files = _write(content, parts)
        sys.stdout.buffer.write(content.getvalue())
        click.echo(f"{files} files, {content.tell()} bytes. {_SAID}", err=True)
        return
    file = output or Path(f"kronos-support-{CLOCK.now():%Y%m%d-%H%M%S}.tar.gz")
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise Ended(
            f"{file} cannot be created: {error.strerror}. Pass another one with --output, or - for standard output",
            Exit.USAGE,
        ) from None
    try:
        with os.fdopen(descriptor, "wb") as stream:
            files = _write(stream, parts)
    except OSError as error:
        file.unlink(missing_ok=True)  # half a bundle is useless, and would block the next attempt
        raise Ended(f"{file} cannot be written: {error.strerror}. Pass another one with --output") from None
    click.echo(f"{file}: {files} files, {file.stat().st_size} bytes. {_SAID}")


def _write(stream: IO[bytes], parts: Iterator[tuple[str, bytes]]) -> int:
    """Write the parts to an archive and return how many there are."""
    files = 0
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        for name, content in parts:
            member = tarfile.TarInfo(f"kronos-support/{name}")
            member.size, member.mode, member.mtime = len(content), 0o600, int(CLOCK.seconds())
            archive.addfile(member, io.BytesIO(content))
            files += 1
    return files
