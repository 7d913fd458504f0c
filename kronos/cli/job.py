"""`kronos job …`: what people ask of a job, over the API."""

import sys
from pathlib import Path

import click
import orjson
from rich.console import Console
from rich.text import Text

from kronos.cli import environment
from kronos.cli.client import connect
from kronos.model import Json

_STYLES = {"RAN": "green", "RUNNING": "green", "WILL_RUN": "green", "NOT_DUE": "cyan", "WAITING": "yellow", "WILL_BE_SKIPPED": "yellow"}


@click.group()
def job() -> None:
    """Ask about a job over the API."""


@job.command()
@click.argument("job")
@click.option("--workspace", "-w", required=True, help="The job's workspace, a slug or an id.")
@click.option("--at", help="The instant, such as 2026-12-01T09:00:00Z.  [default: now]")
@click.option("--json", "as_json", is_flag=True, help="The answer as the API gives it.")
@click.option("--url", help="Where the API is.  [KRONOS_URL, or the one that `kronos up` runs here]")
@click.option("--key-file", type=click.Path(dir_okay=False, path_type=Path), help="A file with an API key.  [KRONOS_API_KEY]")
def explain(*, job: str, workspace: str, at: str | None, as_json: bool, url: str | None, key_file: Path | None) -> None:
    """Why JOB (an id or a name) did or did not run at an instant: the decision, and each step to it."""
    environment.warn_of_unknown()
    answer = connect(url, key_file).get("v1", "workspaces", workspace, "jobs", job, "explain", at=at)
    if as_json:
        click.echo(orjson.dumps(answer, option=orjson.OPT_INDENT_2))
        return
    console = Console(file=sys.stdout, highlight=False, soft_wrap=True)
    for line in _lines(answer):
        console.print(line)


def _lines(answer: Json) -> list[Text]:
    """The decision first, then what was looked at: + where it lets the tick run, - where it does not."""
    head = Text(f"{answer['decision']}  ", style=_STYLES.get(answer["decision"], "red"))
    head.append(answer["because"], style="bold")
    tick = f", tick {answer['tick']}" if answer["tick"] else ""
    lines = [head, Text(f"code {answer['code']}, at {answer['at']}{tick}", style="dim")]
    for step in answer["steps"]:
        line = Text("  + " if step["holds"] else "  - ", style="green" if step["holds"] else "red")
        line.append(f"{step['step']:<14}", style="dim")
        line.append(step["detail"])
        lines.append(line)
    return lines
