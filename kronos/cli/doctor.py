"""`kronos doctor`: check every precondition and invariant, for people and for scripts."""

import os
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
from kronos.doctor.checks import CHECKS, SEVERITIES
from kronos.doctor.finding import Finding

_MARKS = {"critical": ("FAIL  ", "bold red"), "warning": ("WARN  ", "bold yellow"), "notice": ("NOTE  ", "cyan")}
_WIDTH = max(map(len, CHECKS)) + 1


@click.command(cls=Command)
@click.option(
    "--fix", is_flag=True, help="First repair what is safe to repair: entries, ticks, leases, partitions, upkeep."
)
@click.option("--dry-run", is_flag=True, help="With --fix: print what it would do, and change nothing.")
@click.option(
    "--fail-on",
    type=click.Choice(list(SEVERITIES)),
    default="warning",
    show_default=True,
    help="Exit with 1 only for failed checks of this severity or worse.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
def doctor(*, fix: bool, dry_run: bool, fail_on: str, as_json: bool) -> None:
    """Check everything that Kronos depends on, with fixes. Exits with 0 only if all checks pass.

    kronos doctor
    kronos doctor --fix --json
    kronos doctor --fix --dry-run
    kronos doctor --fail-on critical

    Uses KRONOS_DATABASE_URL, the same URL as `kronos migrate`; if it is not set, the local `kronos up`. docs/doctor.md
    lists each check, its severity, and its fix.
    """
    if dry_run and not fix:
        raise click.UsageError("--dry-run prints what --fix would do: pass both")
    url, keys = environment.database_url(), environment.key_source()
    settings = environment.judged(database_url=url) if "KRONOS_DATABASE_URL" in os.environ else None
    errors_console = console(err=True)
    with Progress(console=errors_console, transient=True, disable=not errors_console.is_terminal) as progress:
        task = progress.add_task("ledgers of the last 24 hours", total=None, visible=False)

        def report(checked: int, total: int) -> None:
            progress.update(task, completed=checked, total=total, visible=True)

        found = examination.examine(
            url, fix=fix and not dry_run, dry_run=dry_run, progress=report, keys=keys, settings=settings
        )
        findings = list(found) if as_json else list(_shown(found))
    order = list(SEVERITIES)
    is_well = all(each.ok or order.index(each.severity) > order.index(fail_on) for each in findings)  # type: ignore[arg-type]  # click has checked it
    if as_json:
        document = {"ok": is_well, "findings": [_document(finding) for finding in findings]}
        click.echo(orjson.dumps(document, option=orjson.OPT_INDENT_2))
    sys.exit(Exit.DONE if is_well else Exit.FAILED)


def _document(finding: Finding) -> dict[str, object]:
    """Return a finding as JSON. Its meaning and fix are included only if the check failed."""
    about: dict[str, object] = {"check": finding.check, "severity": finding.severity, "ok": finding.ok}
    return about | (asdict(finding) if not finding.ok else {"detail": finding.detail})


def _shown(findings: Iterator[Finding]) -> Iterator[Finding]:
    """Print each finding as it comes, and yield it."""
    to = console()
    for finding in findings:
        line = Text(*(("OK    ", "green") if finding.ok else _MARKS[finding.severity]))
        line.append(f"{finding.check:<{_WIDTH}}", style="bold")
        line.append(finding.detail)
        to.print(line)
        if not finding.ok:
            for name, text in (("means", finding.meaning), ("fix", finding.fix)):
                if text is not None:
                    to.print(Text(f"{'':<{_WIDTH + 6}}{name}: {text}", style="yellow" if name == "fix" else ""))
        yield finding
