"""What is given to a command as text, a file or standard input."""

import math
import os
import re
import sys
from pathlib import Path
from typing import Final

import click

from kronos.cli.output import printable
from kronos.model import Json

NULL: Final = object()
"""The JSON null that was written; None is what was not given."""
STDIN: Final = "-"


class JsonText(click.ParamType[Json]):
    """JSON on the command line; `@FILE` reads it from a file and `-` from standard input."""

    name = "json"

    def convert(self, value: Json, param: click.Parameter | None, ctx: click.Context | None) -> Json:
        """The value. Fails in a sentence where it is no JSON."""
        if not isinstance(value, str):
            return value
        from kronos import errors  # here, so that the commands without it do not load the API
        from kronos.api.body import strict

        try:
            found = strict(_written(value))
        except errors.InvalidRequest as error:
            self.fail(f"{error.detail}. {' '.join(fault.hint for fault in error.faults if fault.hint)}", param, ctx)
        except RecursionError:
            self.fail("it is nested too deep: flatten it", param, ctx)
        except (OSError, ValueError) as error:
            self.fail(
                f'no JSON ({error}): write it like \'{{"team": "sales"}}\', or @FILE, or - for standard input',
                param,
                ctx,
            )
        return NULL if found is None else found


class Number(click.FloatRange):
    """A number within bounds; what is no number is within all of click's."""

    def convert(self, value: float, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The number. Fails for nan."""
        found: float = super().convert(value, param, ctx)
        if math.isnan(found):
            self.fail(f"{value} is no number", param, ctx)
        return found


class FileText(click.ParamType[str]):
    """The text of a file, or of standard input where `-` is given."""

    name = "file"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """What is in it. Fails in a sentence where it cannot be read."""
        try:
            return text_of(value)
        except (OSError, ValueError) as error:
            self.fail(f"{value} cannot be read ({error}): name a file, or - for standard input", param, ctx)


class IdempotencyKey(click.ParamType[str]):
    """A key for the header Idempotency-Key, in the quoted form, in which it may hold blanks."""

    name = "key"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The header's value. Fails in a sentence where no header can have it."""
        if not re.fullmatch(r"[\x20-\x7e]*", value):
            self.fail("an idempotency key is of visible ASCII characters and blanks", param, ctx)
        return '"' + re.sub(r'(["\\])', r"\\\1", value) + '"'


def text_of(name: str) -> str:
    """The text of the file of this name, or of standard input for `-`, which can be read once. Raises OSError,
    ValueError."""
    if name != STDIN:
        return Path(name).read_text(encoding="utf-8")
    context = click.get_current_context(silent=True)
    if context is not None:
        if context.find_root().meta.get(_READ):
            raise ValueError("standard input was read already: give one of the two as a file")
        context.find_root().meta[_READ] = True
    if sys.stdin is None:
        raise ValueError("standard input is closed")
    return sys.stdin.buffer.read().decode()  # UTF-8, as a file is, whatever the terminal has


_READ = f"{__name__}.read"


def _written(text: str) -> str:
    """What stands in the argument, in the file that it names, or in standard input. Raises OSError, ValueError."""
    if text == STDIN:
        return text_of(STDIN)
    if text[:1] == "@":
        return text_of(text[1:])
    text.encode()  # bytes that are no UTF-8 came as halves of surrogate pairs
    return text


def given(**fields: Json) -> Json:
    """The fields that were given."""
    return {name: None if value is NULL else value for name, value in fields.items() if value is not None}


def require_utf8(*values: Json) -> None:
    """That what was typed can be sent. Raises UsageError."""
    for value in values:
        for text in value if isinstance(value, tuple) else (value,):
            if isinstance(text, str) and not text.isascii():
                try:
                    text.encode()
                except UnicodeEncodeError:
                    shown = os.fsencode(text).decode(errors="backslashreplace")
                    raise click.UsageError(
                        f"'{printable(shown)}' is not UTF-8, as which everything is sent, or the locale (LC_ALL, LANG) "
                        "is another's"
                    ) from None
