"""The changes of an apply in the form for people: + - ~ per resource, its fields, and the effect on runs."""

from collections.abc import Iterator

import click
import orjson

from kronos.cli.output import Output, console, printable
from kronos.counting import counted
from kronos.model import Json, JsonObject

_SIGNS = {"created": ("+", "green"), "changed": ("~", "yellow"), "removed": ("-", "red")}
_MOST_TIMES = 3
_MOST_CHARACTERS = 200


def is_pending(applied: JsonObject) -> bool:
    """Return whether there are changes to apply."""
    return any(applied["counts"].get(name) for name in _SIGNS) or any(_taken_over(applied))


def show(output: Output, applied: JsonObject, *, err: bool = False) -> None:
    """Print the result. --json prints the API's response, --plain one line per resource that changes."""
    if output.as_json:
        click.echo(orjson.dumps(applied, option=orjson.OPT_INDENT_2))
        return
    adopted = _taken_over(applied)
    changes = [each for each in applied["resources"] if each["change"] in _SIGNS]
    if output.as_plain:
        for each in changes:
            click.echo(f"{each['change']}\t{each['kind']}\t{printable(each['name'])}")
        for each in adopted:
            click.echo(f"adopted\t{each['kind']}\t{printable(each['name'])}")
        return
    to = console(err=err)
    for each in changes:
        sign, style = _SIGNS[each["change"]]
        to.print(f"{sign} {_words(each['kind'])} {printable(each['name'])}", style=style, markup=False)
        for line in _details(each):
            to.print(f"    {line}", markup=False)
    for each in adopted:
        to.print(
            f"= {_words(each['kind'])} {printable(each['name'])} exists, and belongs to this set from now on",
            markup=False,
        )
    for each in applied.get("left", ()):
        to.print(
            f"  {_words(each['kind'])} {printable(each['name'])} is not in the files: --prune removes it", markup=False
        )
    for line in _summary(applied):
        to.print(line, markup=False)


def _taken_over(applied: JsonObject) -> list[JsonObject]:
    """Return the unchanged resources that now belong to the set; a later --prune may remove them."""
    return [each for each in applied["resources"] if each["change"] == "unchanged" and each["is_adopted"]]


def _summary(applied: JsonObject) -> Iterator[str]:
    counts, runs = applied["counts"], applied["runs"]
    done = ("created", "changed", "removed") if applied["is_applied"] else ("to create", "to change", "to remove")
    told = ", ".join(f"{counts[name]} {word}" for name, word in zip(_SIGNS, done, strict=True))
    yield f"{'Applied' if applied['is_applied'] else 'Plan'}: {told}, {counts['unchanged']} unchanged."
    if any(runs.values()):
        yield f"Runs within 7 days: {runs['added']} added, {runs['removed']} removed, {runs['moved']} moved."
    busiest = applied["load"]["busiest"]
    if busiest and any(runs.values()):
        yield f"The busiest minute has {counted(busiest[0]['runs'], 'run')}, at {busiest[0]['at']}."
    for warning in applied["load"]["warnings"]:
        yield f"warning: {printable(warning)}"


def _details(resource: JsonObject) -> Iterator[str]:
    if resource["is_adopted"]:
        yield "it exists, and belongs to this set from now on"
    if resource["kind"] == "heartbeat" and resource["change"] == "created":
        yield printable(f"for its ping URL: kronos heartbeat rotate {resource['name']}")
    if (drift := resource["drift"]) is not None:
        who = f" by {drift['actor']} at {drift['at']} ({drift['action']})" if drift["actor"] else ""
        what = "removed" if resource["change"] == "created" else "changed"
        yield printable(f"{what} on the server since files were last applied{who}")
    for each in resource["fields"]:
        mark = "  # drift" if each["is_drift"] else ""
        yield f"{printable(each['field'][1:])}: {_value(each['before'])} -> {_value(each['after'])}{mark}"
    if (runs := resource["runs"]) is not None:
        yield from _runs(runs)


def _runs(runs: JsonObject) -> Iterator[str]:
    if runs["description"] != runs["description_before"]:
        told = " -> ".join(filter(None, (runs["description_before"], runs["description"])))
        yield printable(told)
    for name, sign in (("added", "+"), ("removed", "-")):
        if runs[name]:
            yield f"{sign} {counted(runs[name], 'run')}: {_times(runs[f'first_{name}'], runs[name])}"
    if runs["moved"]:
        moved = [f"{each['from_at']} -> {each['to_at']}" for each in runs["first_moved"]]
        yield f"~ {counted(runs['moved'], 'run')}: {_times(moved, runs['moved'])}"


def _times(times: list[str], all_of_them: int) -> str:
    shown = times[:_MOST_TIMES]
    return ", ".join(shown) + (" …" if all_of_them > len(shown) else "")


def _value(value: Json) -> str:
    text = orjson.dumps(value).decode()
    return printable(text if len(text) <= _MOST_CHARACTERS else f"{text[:_MOST_CHARACTERS]}…")


def _words(kind: str) -> str:
    return kind.replace("_", " ")
