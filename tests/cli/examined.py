"""A sound database, what `kronos doctor` finds in it, and the command itself."""

from collections.abc import Callable
from datetime import timedelta

from click.testing import CliRunner, Result

from kronos.__main__ import main
from kronos.doctor.findings import Finding

MINUTE = timedelta(minutes=1)


# In a copy pg_cron's launcher serves another database, and rings here for nobody.
NOT_HERE = {"cron.database_name", "heartbeat", "workers", "queue"}  # nor does a worker run


Examine = Callable[..., dict[str, Finding]]


CHECKS = {
    "clock", "pg_cron", "launcher", "roles", "schema", "connection", "entry owners", "privileges",
    "cron.database_name", "internal jobs",
    "heartbeat", "hold", "cron settings", "drift", "malformed jobs", "deletions", "overdue jobs", "time zones",
    "secrets", "time zone data",
    "partitions", "partition notes", "partition owners", "retention", "default partitions", "audit", "growth", "ledger",
    "objects", "alarms",
    "workers", "queue", "writes", "tables", "steps",
}  # fmt: skip


def failing(found: dict[str, Finding]) -> set[str]:
    for finding in found.values():
        assert finding.detail
        assert finding.ok or (finding.meaning and finding.fix), finding
    return {check for check, finding in found.items() if not finding.ok} - NOT_HERE


def run(url: str | None, *options: str) -> Result:
    return CliRunner().invoke(main, ["doctor", *options], env={"KRONOS_DATABASE_URL": url}, catch_exceptions=False)
