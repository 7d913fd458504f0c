"""Finds what the user of the running command typed for a field of the API: an error then names the option, as its user
does not know the API's name."""

from collections.abc import Iterator

import click
from click.core import ParameterSource

from kronos.cli.helping import CommonOption
from kronos.cli.inputs import JsonText

_PARTS = ("", "/spec", "/retry_policy", "/limits", "/selects", "/condition", "/filter")
"""Where a body has the fields that options fill, under the options' own names."""
_OTHERS = {
    "target": ("/spec/url", "/spec/redis_url", "/spec/bootstrap_servers", "/spec/smtp_url"),
    "body": ("/spec/body_template",),
    "more": ("/spec",),
    "retry": ("/retry_policy",),
    "max_per_key": ("/limits/max_concurrency_per_key",),
    "failures": ("/condition/count",),
    "missed": ("/condition/count",),
    "late": ("/condition/seconds",),
    "running": ("/condition/seconds",),
    "no_success": ("/condition/seconds",),
    "week": ("/business_days",),
    "hours": ("/business_hours",),
    "closed_days": ("/days",),
    "open_days": ("/days",),
    "ics": ("/days",),
    "also": ("/calendars",),
    "span": ("/seconds",),
    "to": ("/spec/url",),
    "after_number": ("/cursor",),
}
"""The options that fill a field of another name."""


def as_typed(pointer: str) -> str | None:
    """Return the option or argument of the running command that fills this field or query parameter, or a part of it:
    first one that was given. With JSON, also where the fault is in it. None: there is none."""
    context = click.get_current_context(silent=True)
    if context is None or not pointer.startswith("/"):
        return None
    found: list[tuple[bool, int, str]] = []
    for each in context.command.params:
        is_given = context.get_parameter_source(each.name or "") is ParameterSource.COMMANDLINE
        # --url and the like are no fields
        filled = () if isinstance(each, CommonOption) else _filled_by(each)
        found += [
            (is_given, len(field), _named(each, pointer[len(field) :])) for field in filled if _has(field, pointer)
        ]
    return max(found, key=lambda each: each[:2])[2] if found else None


def _filled_by(param: click.Parameter) -> Iterator[str]:
    name = param.name or ""
    # from_, input_ and set_name are fields, with a name that Python allows
    own = name.removesuffix("_").removesuffix("_name") if name != "job_name" else name
    yield from (f"{part}/{own}" for part in _PARTS)
    yield from _OTHERS.get(name, ())


def _has(field: str, pointer: str) -> bool:
    return pointer == field or pointer.startswith(f"{field}/")


def _named(param: click.Parameter, rest: str) -> str:
    name = max(param.opts, key=len) if isinstance(param, click.Option) else param.human_readable_name
    return f"{name}, at {rest}" if rest and isinstance(param.type, JsonText) else name
