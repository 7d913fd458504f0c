"""Templates of deliveries: {{input.report.id}} in bodies, header values, and the path and query of URLs.

check_* validate a template when its endpoint is saved, render_* fill it for a delivery. Inserted values are never read
as templates. A string that consists of one template takes the value's own JSON type.
{{input.team | default: "none"}} supplies a value if there is none, or null. {{scheduled_at | local}} is the tick in the
job's time zone. \\{{ is a literal {{.
"""

import json
import re
import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from urllib.parse import quote, unquote

from kronos.delivery.egress import EgressPolicy, check_url
from kronos.delivery.headers import check_headers
from kronos.delivery.refused import pointer_to
from kronos.delivery.sanitise import MAX_DEPTH, json_bytes
from kronos.delivery.template_text import Name, Piece, TemplateError, parse, parse_at
from kronos.model import Json, JsonObject

TEMPLATES = (
    *("url", "headers", "body_template"),
    *("fields_template", "key_template", "value_template"),
    *("subject_template", "text_template"),
    *("username", "password", "sasl", "tls"),
)
"""The spec members, of all endpoint types, that may contain templates. In others, {{ is plain text."""
# A template of 64 KiB can name an input of 256 kB six thousand times, so the result's size is checked before it is
# built.
MAX_RENDERED_BYTES = 1024 * 1024
_AUTHORITY = re.compile(r"[^:/?#]+://[^/?#]+[/?]")
_UNSENDABLE = re.compile(r"[^\t\x20-\x7e]")


class _Filler:
    """The values of one rendering, and how many bytes may still be inserted."""

    def __init__(self, context: Mapping[str, Json], budget: int) -> None:
        self._context = context
        self._budget = budget
        self._known: dict[Name, tuple[Json, int]] = {}

    def value(self, name: Name, pointer: str) -> Json:
        """Return a name's value. Raises TemplateError."""
        if (known := self._known.get(name)) is None:
            found = _look_up(name, self._context, pointer)
            known = self._known[name] = found, len(json_bytes(found))
        found, size = known
        self._budget -= size
        if self._budget < 0:
            raise TemplateError(f"the rendered template would have more than {MAX_RENDERED_BYTES} bytes")
        return found

    def text(self, name: Name, pointer: str) -> str:
        """Return a name's value inside a text: strings as they are, all others as JSON."""
        found = self.value(name, pointer)
        return found if isinstance(found, str) else json_bytes(found).decode()


def utc_text(at: datetime) -> str:
    """Return an instant in the format of deliveries: 2026-12-01T09:00:00Z."""
    return f"{at.astimezone(UTC).isoformat()[:-6]}Z"


def named(template: Json) -> Iterator[tuple[str, Name]]:
    """Yield every name in a checked template, with the pointer to its string."""
    if isinstance(template, str):
        if "{{" in template:
            yield from (("", piece) for piece in parse(template) if isinstance(piece, Name))
    elif isinstance(template, dict | list):
        for part, item in template.items() if isinstance(template, dict) else enumerate(template):
            for pointer, name in named(item):
                yield pointer_to(part) + pointer, name


def names(template: Json, root: str) -> set[str]:
    """Return the paths below a root that the template names; for `secret`, the secrets' names."""
    return {name.rest for _, name in named(template) if name.root == root}


def key_parts(text: str) -> list[Json]:
    """Return a concurrency_key in the form that PostgreSQL fills (kronos.concurrency_key): texts, and paths into the
    input with their defaults. Raises TemplateError, also if the key names anything else, or nothing."""
    parts: list[Json] = []
    for piece in parse(text):
        if isinstance(piece, str):
            parts.append(piece)
            continue
        if piece.root != "input" or not piece.rest:
            hint = "A key may only use values of the input: {{input.customer}}."
            raise TemplateError(f"{{{{{piece}}}}} is not a value of the input", hint=hint)
        default = None if piece.default is None else json.loads(piece.default)
        shown = default if default is None or isinstance(default, str) else json_bytes(default).decode()
        parts.append({"path": list(piece.parts[1:]), "default": shown})
    if all(isinstance(part, str) for part in parts):
        raise TemplateError("the key names no value of the input", hint='Name one: "{{input.customer}}".')
    return parts


def check(template: Json) -> None:
    """Check the syntax and roots of all strings in a body template. Raises TemplateError."""
    _walk(template, None, 0)


def check_header_templates(headers: Mapping[str, str]) -> None:
    """Check that headers can be sent, and the templates in their values. Raises Refused."""
    check_headers(headers)
    for name, value in headers.items():
        parse_at(value, pointer_to(name))


def check_url_template(text: str, policy: EgressPolicy) -> None:
    """Check that a URL can be requested once its templates are filled; its host may contain none. Raises Refused."""
    pieces = _url_pieces(text)
    _check_secrets_in_url(pieces)
    check_url("".join(piece if isinstance(piece, str) else "x" for piece in pieces), policy)


def render(template: Json, context: Mapping[str, Json]) -> Json:
    """Return the template with every name replaced by its value in `context`. Raises TemplateError, nothing else."""
    return _walk(template, _Filler(context, MAX_RENDERED_BYTES), 0)


def render_body(body_template: Json, context: Mapping[str, Json]) -> bytes:
    """Return the bytes to send: the rendered template, or the job's input if there is none. Raises TemplateError."""
    value = context.get("input") if body_template is None else render(body_template, context)
    return json_bytes(value)


def render_headers(headers: Mapping[str, str], context: Mapping[str, Json]) -> dict[str, str]:
    """Return the headers with their values filled in. Raises TemplateError, also for a value not valid in a header."""
    filler = _Filler(context, MAX_RENDERED_BYTES)
    rendered: dict[str, str] = {}
    for name, value in headers.items():
        pointer = pointer_to(name)
        text = "".join(
            piece if isinstance(piece, str) else filler.text(piece, pointer) for piece in parse_at(value, pointer)
        ).strip()
        if not (text.isascii() and text.isprintable()) and _UNSENDABLE.search(text):
            hint = "Header values may only contain visible ASCII characters, spaces and tabs."
            message = f"the template's value for the header {name} contains a character that cannot be sent"
            raise TemplateError(message, hint=hint, pointer=pointer)
        rendered[name] = text
    return rendered


def render_url(text: str, context: Mapping[str, Json]) -> str:
    """Return the URL with each value percent-encoded, so that it stays within its segment or parameter. Raises
    Refused."""
    filler = _Filler(context, MAX_RENDERED_BYTES)
    pieces = _url_pieces(text)
    rendered = "".join(piece if isinstance(piece, str) else _encoded(filler.text(piece, ""), piece) for piece in pieces)
    if len(pieces) > 1 and _path_steps(rendered) > _path_steps(
        "".join(piece if isinstance(piece, str) else "x" for piece in pieces)
    ):
        raise TemplateError("a value would turn a segment of the URL's path into . or ..")
    return rendered


def _path_steps(url: str) -> int:
    """Count the path segments that receivers read as . or ..: with escapes decoded and parameters after ; removed."""
    segments = url.partition("?")[0].split("/")
    return sum(
        segment.startswith((".", "%")) and unquote(segment).partition(";")[0] in (".", "..") for segment in segments
    )


def _walk(template: Json, filler: _Filler | None, depth: int) -> Json:
    """Return the rendered template, or, without a filler, the checked template itself.

    An error collects its pointer on the way out, so that valid parts cost nothing.
    """
    if depth > MAX_DEPTH:
        raise TemplateError(f"the template is nested deeper than {MAX_DEPTH}")
    if isinstance(template, str):
        return _fill(parse_at(template, ""), filler, "")
    if isinstance(template, list):
        return _walk_items(template, filler, depth + 1)
    if isinstance(template, dict):
        return _walk_members(template, filler, depth + 1)
    return template


def _walk_items(template: list[Json], filler: _Filler | None, depth: int) -> list[Json]:
    items: list[Json] = []
    try:
        for item in template:
            items.append(_walk(item, filler, depth))  # the number of items so far is the index of a faulty one
    except TemplateError as error:
        raise _below(error, len(items)) from None
    return items


def _walk_members(template: JsonObject, filler: _Filler | None, depth: int) -> JsonObject:
    for name in template:
        if "{{" in name:
            hint = "Use templates in values only, with a fixed name for each member."
            raise TemplateError("a member's name contains {{", hint=hint, pointer=pointer_to(name))
    members: JsonObject = {}
    name = ""
    try:
        for name, item in template.items():
            members[name] = _walk(item, filler, depth)
    except TemplateError as error:
        raise _below(error, name) from None
    return members


def _below(error: TemplateError, part: str | int) -> TemplateError:
    return TemplateError(error.message, hint=error.hint, pointer=pointer_to(part) + error.pointer)


def _fill(pieces: tuple[Piece, ...], filler: _Filler | None, pointer: str) -> Json:
    if filler is None:
        return None
    match pieces:
        case (Name() as name,):
            return filler.value(name, pointer)
        case _:
            return "".join(piece if isinstance(piece, str) else filler.text(piece, pointer) for piece in pieces)


def _look_up(name: Name, context: Mapping[str, Json], pointer: str) -> Json:
    if name.is_local:
        return context["scheduled_local"]
    if name.root == "secret":
        # a secret's value appears only in the request; an error for a missing one contains only its name
        if (secret := context.get("secret", {}).get(name.rest)) is not None:
            return secret
        return _absent(name, str(name), pointer)
    value: Json = context
    for reached, part in enumerate(name.parts):
        if isinstance(value, Mapping) and part in value:
            value = value[part]
        elif isinstance(value, list) and (place := _place(part)) < len(value):
            value = value[place]
        else:
            return _absent(name, ".".join(name.parts[: reached + 1]), pointer)
    return value if value is not None or name.default is None else json.loads(name.default)


def _absent(name: Name, there: str, pointer: str) -> Json:
    if name.default is not None:
        return json.loads(name.default)
    raise TemplateError(f"there is no {there[:128]}, which a template names", pointer=pointer)


def _place(part: str) -> int:
    # No list index has ten digits, and int() rejects 4,301 of them.
    return int(part) if part.isascii() and part.isdigit() and len(part) < 10 else sys.maxsize


def _url_pieces(text: str) -> tuple[Piece, ...]:
    pieces = parse_at(text, "")
    # The whole authority must precede the first value: scheme://host, and the / or ? that ends it.
    if pieces != (text,) and not (isinstance(pieces[0], str) and _AUTHORITY.match(pieces[0])):
        hint = "Write out the scheme and host; use templates only in the path and the query."
        raise TemplateError("the URL's scheme and host may not come from a template", hint=hint)
    return pieces


def _check_secrets_in_url(pieces: tuple[Piece, ...]) -> None:
    """Reject secrets in a URL's path. Receivers log the path of every request, but may leave out the query."""
    for piece in pieces:
        if isinstance(piece, str) and "?" in piece:
            return
        if isinstance(piece, Name) and piece.root == "secret":
            hint = "Put it in a header, the body, or the URL's query."
            raise TemplateError(f"{{{{{piece}}}}}: a secret may not be in a URL's path", hint=hint)


def _encoded(value: str, name: Name) -> str:
    if "." in value and any(part in (".", "..") for part in re.split(r"[/\\;]", value)):
        # Receivers decode %2F before they resolve dots: ../../admin would reach another path. Some read /..;/ as a
        # step, too.
        raise TemplateError(
            f"the value of {{{{{name}}}}} contains a path step (. or ..), which is not allowed in a URL"
        )
    return quote(value, safe="", errors="replace")
