"""`kronos plan`, `kronos apply` and `kronos export`: what files say of a workspace."""

import sys
from collections.abc import Callable
from dataclasses import replace
from typing import TypedDict, Unpack

import click
import orjson

from kronos.cli import apply_output, files
from kronos.cli.command import Api, command
from kronos.cli.exits import Ended, Exit
from kronos.cli.files import GatheredFiles
from kronos.model import JsonObject

_SECONDS = 90.0
"""A thousand jobs that all change take some seconds, and the API gives up after sixty."""
MOST_BYTES_SENT = 1024 * 1024


class FilesAsked(TypedDict):
    """What both commands are asked besides their files."""

    set_name: str | None
    prune: bool
    take_over: bool


def _shared(function: Callable[..., None]) -> Callable[..., None]:
    for option in (
        click.option(
            "--set", "set_name", metavar="NAME", help="The set that the files are.  [what they say, or default]"
        ),
        click.option("--take-over", is_flag=True, help="What is of another set too becomes this one's."),
        click.option("--prune", is_flag=True, help="Remove what the set made and the files do not have any more."),
        click.option(
            "-f",
            "--file",
            "paths",
            required=True,
            multiple=True,
            metavar="DIR|FILE|-",
            help="YAML or JSON; more than once.",
        ),
    ):
        function = option(function)
    return function


@command(None)
@_shared
@click.option("--exit-code", is_flag=True, help="End with 8 where there is something to apply.")
def plan(api: Api, paths: tuple[str, ...], exit_code: bool, **asked: Unpack[FilesAsked]) -> None:
    """Say what applying files would do, to fields and to runs.

    kronos plan -f kronos/ --prune
    """
    gathered = files.gathered(paths)
    planned = _send(api, gathered, asked, is_trial=True)
    apply_output.show(api.output, planned)
    if exit_code and apply_output.is_pending(planned):
        sys.exit(Exit.PENDING)


@command(None)
@_shared
@click.option("--dry-run", is_flag=True, help="As `kronos plan`: nothing is written.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def apply(api: Api, paths: tuple[str, ...], dry_run: bool, yes: bool, **asked: Unpack[FilesAsked]) -> None:
    """Make a workspace what files say, all of it or nothing.

    kronos apply -f kronos/ --prune --yes
    """
    gathered = files.gathered(paths)
    if not (yes or dry_run):
        if "-" in paths or not sys.stdin.isatty():
            raise click.UsageError("nobody can be asked here: add --yes, or look first with --dry-run")
        planned = _send(api, gathered, asked, is_trial=True)
        apply_output.show(replace(api.output, as_json=False), planned, err=api.as_json)
        if not apply_output.is_pending(planned):
            return
        click.confirm("Apply this?", abort=True, err=True)
    applied = _send(api, gathered, asked, is_trial=dry_run)
    apply_output.show(api.output, applied)


def _send(api: Api, gathered: GatheredFiles, asked: FilesAsked, *, is_trial: bool) -> JsonObject:
    """What the API makes of the files. Raises Ended with the places of what it refuses."""
    body: JsonObject = {**gathered.body, "validate_only": is_trial}
    body |= {name: asked[name] for name in ("prune", "take_over")}
    if asked["set_name"] is not None:
        body["set"] = asked["set_name"]
    if (size := len(orjson.dumps(body))) > MOST_BYTES_SENT:
        raise Ended(
            f"the files come to {size} bytes, and the API takes {MOST_BYTES_SENT} at once: divide them into sets, "
            "each applied by itself",
            Exit.USAGE,
        )
    patient = replace(api, client=replace(api.client, timeout_seconds=_SECONDS))
    try:
        answer: JsonObject = patient.send("POST", "apply", body=body, fields=("counts", "resources", "runs", "load"))
    except Ended as error:
        raise files.refused(error, gathered) from None
    return answer
