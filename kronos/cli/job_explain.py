"""`kronos job explain`: explain why a job did or did not run at a given instant, over the API."""

import click
import orjson
from rich.text import Text

from kronos.cli.client import printable
from kronos.cli.command import Api, command
from kronos.cli.job import job
from kronos.cli.output import console
from kronos.model import Json

_DECISIONS = {
    "RAN": "green",
    "RUNNING": "green",
    "WILL_RUN": "green",
    "NOT_DUE": "cyan",
    "WAITING": "yellow",
    "WILL_BE_SKIPPED": "yellow",
}
_EXPLAINED = ("job_id", "decision", "because", "code", "at", "tick", "steps", "alerts")


@command(job)
@click.argument("job")
@click.option(
    "--at",
    help="The instant, such as 2026-12-01T09:00:00Z, or a local time in the job's zone, such as '2026-12-01 09:00'.  "
    "[default: now]",
)
def explain(api: Api, job: str, at: str | None) -> None:
    """Explain why JOB did or did not run at an instant. Prints the decision, and the steps to it. JOB: id or name.

    kronos job explain report --at 2026-12-01T09:00:00Z
    """
    answer = api.get("jobs", job, "explain", fields=_EXPLAINED, at=at)
    if not all({"step", "holds", "detail"} <= step.keys() for step in api.rows_of(answer, "steps")):
        raise api.client.foreign("explains nothing")
    if api.as_json:
        click.echo(orjson.dumps(answer, option=orjson.OPT_INDENT_2))
        return
    if api.as_plain:
        api.show(answer, _EXPLAINED)
        return
    to = console()
    for line in _lines(answer, api.get("jobs", str(answer["job_id"]), fields=("name", "title"))):
        to.print(line)


def _lines(answer: Json, asked: Json) -> list[Text]:
    """Return the decision, then the job, then each step: + if it lets the tick run, - if it does not."""
    head = Text(f"{answer['decision']}  ", style=_DECISIONS.get(str(answer["decision"]), "red"))
    head.append(printable(str(answer["because"])), style="bold")
    tick = f", tick {answer['tick']}" if answer["tick"] else ""
    lines = [head, Text(f"code {answer['code']}, at {answer['at']}{tick}", style="dim")]
    if asked["title"]:
        name = f" ({asked['name']})" if asked["name"] else ""
        lines.append(Text(printable(f"job {asked['title']}{name}"), style="dim"))
    for step in answer["steps"]:
        line = Text("  + " if step["holds"] else "  - ", style="green" if step["holds"] else "red")
        line.append(f"{step['step']!s:<14}", style="dim")
        line.append(printable(str(step["detail"])))
        lines.append(line)
    for alert in answer["alerts"]:
        over = f", over since {alert['resolved_at']}" if alert["resolved_at"] else ""
        line = Text("  ! alert         ", style="yellow")
        line.append(printable(f"{alert['rule']}: {alert['detail']}, since {alert['opened_at']}{over}"))
        lines.append(line)
    return lines
