"""`kronos support-bundle`: what a helper asks for first, in one file."""

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

_SAID = "It has no input, output, header, key, password or address; look into it before you send it"


@click.command(cls=Command)
@click.option(
    "--output",
    type=click.Path(dir_okay=False, allow_dash=True, path_type=Path),
    help="The file, a .tar.gz; none may be there yet. - is standard output, for a container that can write nothing.",
)
@click.option(
    "--logs",
    type=click.Path(file_okay=False, exists=True, path_type=Path),
    help="Where logs (*.log) of Kronos are; by default those of the `kronos up` that runs here.",
)
@click.option("--with-names", is_flag=True, help="With what findings say of jobs, endpoints, roles and files by name.")
def support_bundle(*, output: Path | None, logs: Path | None, with_names: bool) -> None:
    """Write one file with what a helper asks for first.

    kronos support-bundle
    kronos support-bundle --output bundle.tar.gz --with-names
    kronos support-bundle --output - > bundle.tar.gz

    What is in it is there because it is on a list; nothing that jobs carry or receivers answer is. Reads
    KRONOS_DATABASE_URL; it takes the one that `kronos migrate` is run with. Without it, the instance that `kronos up`
    runs here, with its logs.
    """
    url, keys = environment.database_url(), environment.key_source()
    settings = environment.judged(database_url=url)
    if logs is None and "KRONOS_DATABASE_URL" not in os.environ:
        logs = Home(default_home()).log  # it is there: the database's URL is of it
    parts = bundle.parts(url, settings=settings, keys=keys, logs=logs, with_names=with_names)
    if str(output) == "-":
        if sys.stdout.isatty():
            raise Ended("a bundle is no text for a terminal: send it to a file, > bundle.tar.gz", Exit.USAGE)
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
            f"{file} cannot be made: {error.strerror}. Name another one with --output, or - for standard output",
            Exit.USAGE,
        ) from None
    try:
        with os.fdopen(descriptor, "wb") as stream:
            files = _write(stream, parts)
    except OSError as error:
        file.unlink(missing_ok=True)  # half of it helps nobody, and it would be in the way of the next try
        raise Ended(f"{file} cannot be written: {error.strerror}. Name another one with --output") from None
    click.echo(f"{file}: {files} files, {file.stat().st_size} bytes. {_SAID}")


def _write(stream: IO[bytes], parts: Iterator[tuple[str, bytes]]) -> int:
    """The archive of the parts; how many they are."""
    files = 0
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        for name, content in parts:
            member = tarfile.TarInfo(f"kronos-support/{name}")
            member.size, member.mode, member.mtime = len(content), 0o600, int(CLOCK.seconds())
            archive.addfile(member, io.BytesIO(content))
            files += 1
    return files
