"""A healthy database, `kronos doctor`'s findings about it, and the command itself."""

import uuid
from collections.abc import Callable
from datetime import datetime, timedelta

from click.testing import CliRunner, Result

from kronos.__main__ import main
from kronos.doctor import checks
from kronos.doctor.finding import Finding
from sql_factory import Connection, make_cron_job, value

MINUTE = timedelta(minutes=1)


# Checks that fail on a test's copy. pg_cron's launcher serves another database and does not ring here, no worker runs,
# and no key exists. The test servers are tuned for speed and may lose data in a crash. The disk is the machine's.
NOT_HERE = {"cron.database_name", "heartbeat", "workers", "queue", "durability", "commits", "disk", "administrators"}


Examine = Callable[..., dict[str, Finding]]

# Checks of the process need settings; "database" and "fix" appear only when something is wrong.
OF_THE_PROCESS = {"settings", "egress", "certificates", "database certificates", "metrics", "key file"}
CHECKS = set(checks.CHECKS) - OF_THE_PROCESS - {"database", "fix"}


def healthy_job(superuser: Connection) -> uuid.UUID:
    """A job whose ticks are accounted for up to and including this minute."""
    minute: datetime = value(superuser, "select date_trunc('minute', now())")
    made = make_cron_job(
        superuser, ticks_from=minute - 11 * MINUTE, next_tick_at=minute - 10 * MINUTE, is_registered=True
    )
    superuser.execute("select kronos.account_ticks(array[%s::uuid], clock_timestamp())", [made])
    return made


def failing(found: dict[str, Finding]) -> set[str]:
    for finding in found.values():
        assert finding.detail
        assert finding.ok or (finding.meaning and finding.fix), finding
    return {check for check, finding in found.items() if not finding.ok} - NOT_HERE


def run(url: str | None, *options: str) -> Result:
    return CliRunner().invoke(main, ["doctor", *options], env={"KRONOS_DATABASE_URL": url}, catch_exceptions=False)
