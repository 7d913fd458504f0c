"""`kronos doctor`: every precondition and invariant, for people and for scripts."""

import sys
from collections.abc import Iterator
from dataclasses import asdict

import click
import orjson
from rich.progress import Progress
from rich.text import Text

from kronos import doctor as examination
from kronos.cli import environment
from kronos.cli.exits import Exit
from kronos.cli.helping import Command
from kronos.cli.output import console
from kronos.doctor.findings import Finding


@click.command(cls=Command)
@click.option("--fix", is_flag=True, help="Run the reaper first: entries, time zones, partitions.")
@click.option("--json", "as_json", is_flag=True, help="The findings as JSON.")
def doctor(*, fix: bool, as_json: bool) -> None:
    """Check all that Kronos stands on, and say what mends it. Ends with 0 only if all holds.

    kronos doctor
    kronos doctor --fix --json

    Reads KRONOS_DATABASE_URL; it takes the one that `kronos migrate` is run with. Without it, the instance that `kronos
    up` runs here.
    """
    url, keys = environment.database_url(), environment.key_source()
    errors_console = console(err=True)
    with Progress(console=errors_console, transient=True, disable=not errors_console.is_terminal) as progress:
        task = progress.add_task("ledgers of the last 24 hours", total=None, visible=False)

        def report(checked: int, total: int) -> None:
            progress.update(task, completed=checked, total=total, visible=True)

        found = examination.examine(url, fix=fix, progress=report, keys=keys)
        findings = list(found) if as_json else list(_shown(found))
    is_well = all(finding.ok for finding in findings)
    if as_json:
        document = {"ok": is_well, "findings": [_document(finding) for finding in findings]}
        click.echo(orjson.dumps(document, option=orjson.OPT_INDENT_2))
    sys.exit(Exit.DONE if is_well else Exit.FAILED)


def _document(finding: Finding) -> dict[str, object]:
    """What it means and what puts it right are shown where it does not hold."""
    return asdict(finding) if not finding.ok else {"check": finding.check, "ok": True, "detail": finding.detail}


def _shown(findings: Iterator[Finding]) -> Iterator[Finding]:
    """Each finding, printed as it comes."""
    to = console()
    for finding in findings:
        line = Text("OK    " if finding.ok else "FAIL  ", style="green" if finding.ok else "bold red")
        line.append(f"{finding.check:<19}", style="bold")
        line.append(finding.detail)
        to.print(line)
        if not finding.ok:
            for name, text in (("means", finding.meaning), ("fix", finding.fix)):
                if text is not None:
                    to.print(Text(f"{'':<25}{name}: {text}", style="yellow" if name == "fix" else ""))
        yield finding
