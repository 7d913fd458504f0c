"""`kronos plan` and `kronos apply`: make a workspace match files."""

import sys
from dataclasses import replace
from typing import TypedDict, Unpack

import click
import orjson

from kronos.cli import apply_output, files
from kronos.cli.command import Api, command, options
from kronos.cli.exits import Ended, Exit
from kronos.cli.files import GatheredFiles
from kronos.model import JsonObject

_SECONDS = 90.0
"""A thousand changed jobs take some seconds, and the API gives up after sixty."""
MOST_BYTES_SENT = 1024 * 1024


class FilesAsked(TypedDict):
    """The options that both commands share, besides the files."""

    set_name: str | None
    prune: bool
    take_over: bool


_shared = options(
    click.option(
        "-f",
        "--file",
        "paths",
        required=True,
        multiple=True,
        metavar="DIR|FILE|-",
        help="YAML or JSON files; repeatable.",
    ),
    click.option(
        "--prune", is_flag=True, help="Remove resources that the set created and the files no longer contain."
    ),
    click.option("--take-over", is_flag=True, help="Also take over resources in the files that belong to another set."),
    click.option("--set", "set_name", metavar="NAME", help="Set that the files belong to.  [default: as in the files]"),
)


@command(None)
@_shared
@click.option("--exit-code", is_flag=True, help="Exit with 8 if there are changes to apply.")
def plan(api: Api, paths: tuple[str, ...], exit_code: bool, **asked: Unpack[FilesAsked]) -> None:
    """Show what applying files would change. Covers fields and runs.

    kronos plan -f kronos/ --prune
    """
    gathered = files.gathered(paths)
    planned = _send(api, gathered, asked, is_trial=True)
    apply_output.show(api.output, planned)
    if exit_code and apply_output.is_pending(planned):
        sys.exit(Exit.PENDING)


@command(None)
@_shared
@click.option("--dry-run", is_flag=True, help="Only show the changes, like `kronos plan`.")
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
def apply(api: Api, paths: tuple[str, ...], dry_run: bool, yes: bool, **asked: Unpack[FilesAsked]) -> None:
    """Make a workspace match files. Applies all changes, or none.

    kronos apply -f kronos/ --prune --yes
    """
    gathered = files.gathered(paths)
    if not (yes or dry_run):
        if "-" in paths or not sys.stdin.isatty():
            raise click.UsageError("there is no terminal to confirm on: pass --yes, or preview with --dry-run")
        planned = _send(api, gathered, asked, is_trial=True)
        apply_output.show(replace(api.output, as_json=False), planned, err=api.as_json)
        if not apply_output.is_pending(planned):
            return
        click.confirm("Apply these changes?", abort=True, err=True)
    applied = _send(api, gathered, asked, is_trial=dry_run)
    apply_output.show(api.output, applied)


def _send(api: Api, gathered: GatheredFiles, asked: FilesAsked, *, is_trial: bool) -> JsonObject:
    """Send the files to the API and return its response. Raises Ended, with the places of rejected values."""
    body: JsonObject = {**gathered.body, "validate_only": is_trial}
    body |= {name: asked[name] for name in ("prune", "take_over")}
    if asked["set_name"] is not None:
        body["set"] = asked["set_name"]
    if (size := len(orjson.dumps(body))) > MOST_BYTES_SENT:
        raise Ended(
            f"the files have {size} bytes, and the API accepts at most {MOST_BYTES_SENT}: divide them into sets, and "
            "apply each separately",
            Exit.USAGE,
        )
    patient = replace(api, client=replace(api.client, timeout_seconds=_SECONDS))
    try:
        answer: JsonObject = patient.send("POST", "apply", body=body, fields=("counts", "resources", "runs", "load"))
    except Ended as error:
        raise files.refused(error, gathered) from None
    return answer
