"""Parameter types for values given as text, in a file, or on standard input."""

import math
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

import click
from click.decorators import FC

from kronos.cli.output import printable
from kronos.model import Json

NULL: Final = object()
"""JSON null was given. None means that the option was not given."""
STDIN: Final = "-"


class JsonText(click.ParamType[Json]):
    """JSON on the command line; `@FILE` reads it from a file and `-` from standard input."""

    name = "json"

    def convert(self, value: Json, param: click.Parameter | None, ctx: click.Context | None) -> Json:
        """Return the value. Fails with a message if the text is not JSON."""
        if not isinstance(value, str):
            return value
        from kronos import errors  # here, so that the commands without it do not load the API
        from kronos.api.body import strict

        try:
            found = strict(_written(value))
        except errors.InvalidRequest as error:
            self.fail(f"{error.detail}. {' '.join(fault.hint for fault in error.faults if fault.hint)}", param, ctx)
        except RecursionError:
            self.fail("it is nested too deeply: flatten it", param, ctx)
        except OSError as error:
            self.fail(f"the file {value.removeprefix('@')!r} cannot be read: {error.strerror}", param, ctx)
        except ValueError as error:
            self.fail(
                f'not valid JSON ({error}): write it like \'{{"team": "sales"}}\', or @FILE, or - for standard input',
                param,
                ctx,
            )
        return NULL if found is None else found


class Number(click.FloatRange):
    """A number within bounds. click's own range accepts nan."""

    def convert(self, value: float, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return the number. Fails for nan."""
        found: float = super().convert(value, param, ctx)
        if math.isnan(found):
            self.fail(f"{value} is not a number", param, ctx)
        return found


class FileText(click.ParamType[str]):
    """The text of a file, or of standard input for `-`."""

    name = "file"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the file's text. Fails with a message if it cannot be read."""
        try:
            return text_of(value)
        except (OSError, ValueError) as error:
            self.fail(f"{value} cannot be read ({error}): pass a file, or - for standard input", param, ctx)


class IdempotencyKey(click.ParamType[str]):
    """A key for the Idempotency-Key header. It is sent in quotes, so it may contain blanks."""

    name = "key"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the header's value. Fails with a message if a header cannot contain it."""
        if not re.fullmatch(r"[\x20-\x7e]*", value):
            self.fail("an idempotency key consists of visible ASCII characters and blanks", param, ctx)
        return '"' + re.sub(r'(["\\])', r"\\\1", value) + '"'


def text_of(name: str) -> str:
    """Return the text of a file, or of standard input for `-`, which can be read only once. Raises OSError,
    ValueError."""
    if name != STDIN:
        return Path(name).read_text(encoding="utf-8")
    context = click.get_current_context(silent=True)
    if context is not None:
        if context.find_root().meta.get(_READ):
            raise ValueError("standard input can be read only once: pass one of the two as a file")
        context.find_root().meta[_READ] = True
    if sys.stdin is None:
        raise ValueError("standard input is closed")
    return sys.stdin.buffer.read().decode()  # UTF-8, as in files, whatever the terminal's encoding


_READ = f"{__name__}.read"


def _written(text: str) -> str:
    """Return the text of the argument, of the file that it names, or of standard input. Raises OSError, ValueError."""
    if text == STDIN:
        return text_of(STDIN)
    if text[:1] == "@":
        return text_of(text[1:])
    text.encode()  # raises for bytes that are not UTF-8: Python decoded them as lone surrogates
    return text


def options(*each: Callable[[FC], FC]) -> Callable[[FC], FC]:
    """Return a decorator that adds options which several commands share, in the order in which help lists them."""

    def add(function: FC) -> FC:
        for option in reversed(each):
            function = option(function)
        return function

    return add


def given(**fields: Json) -> Json:
    """Return the fields that were given."""
    return {name: None if value is NULL else value for name, value in fields.items() if value is not None}


def require_utf8(*values: Json) -> None:
    """Raises UsageError if a value cannot be sent as UTF-8."""
    for value in values:
        for text in value if isinstance(value, tuple) else (value,):
            if isinstance(text, str) and not text.isascii():
                try:
                    text.encode()
                except UnicodeEncodeError:
                    shown = os.fsencode(text).decode(errors="backslashreplace")
                    raise click.UsageError(
                        f"'{printable(shown)}' is not UTF-8, the encoding of all requests, or the locale (LC_ALL, "
                        "LANG) uses another encoding"
                    ) from None
