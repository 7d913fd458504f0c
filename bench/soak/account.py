"""The soak's account: each tick of each job once, each delivery under its key, each warning explained."""

import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
from psycopg.rows import tuple_row

from bench.soak.harm import Harm
from bench.soak.instance import Soaked, log_lines
from bench.soak.receiver import Receiver

_LEDGERS = """
select job_id, workspace || '/' || coalesce(name, ''), expected, unaccounted, surplus, overdue, error::text
  from kronos.check_ledgers(%(after)s, 200, %(since)s, %(until)s)
"""
_DISPOSITIONS = """
select status, sum(tick_count) from kronos.execution_done where cause in ('SCHEDULE', 'CATCH_UP') group by 1 order by 1
"""
_LEFT = "select count(*) from kronos.execution_live"
_SUCCESSES = "select execution_id::text from kronos.execution_done where status = 'SUCCESS' and completed_at >= %s"
_REPEATS = """
select count(*) filter (where attempt_count > 0), count(*) filter (where attempt_count > 1)
  from kronos.execution_done
"""
# Due ticks are accounted for within seconds, or within this time on a busy machine.
_OVERDUE_SECONDS = 60.0
# After a disruption, processes may log warnings for this long: leases end, pg_cron is heard again.
_WITHIN_SECONDS = 240.0
# Log lines caused by users and receivers, without any disruption.
_ALWAYS = {"attempt.failed", "attempt.retried", "request.timed_out", "job.ends_later", "workspace.follows_later"}


@dataclass(slots=True, kw_only=True)
class Account:
    """The account of a soak."""

    jobs: int = 0
    ticks: int = 0
    wrong: list[str] = field(default_factory=list)
    left: int = 0
    dispositions: dict[str, int] = field(default_factory=dict)
    executions: int = 0
    repeated: int = 0
    undelivered: list[str] = field(default_factory=list)
    """Executions that are SUCCESS, and that no receiver has accepted."""
    lines: Counter[str] = field(default_factory=Counter)
    unexplained: list[str] = field(default_factory=list)

    @property
    def is_exact(self) -> bool:
        """Whether nothing was lost, duplicated or left over."""
        return not (self.wrong or self.left or self.undelivered)


def taken(soaked: Soaked, receiver: Receiver, harm: Harm, since: datetime) -> Account:
    """Return the counts, once everything is quiet."""
    account = Account()
    with psycopg.connect(soaked.database_url, row_factory=tuple_row, autocommit=True) as connection:
        until = time.monotonic() + _OVERDUE_SECONDS
        while not _read_ledgers(connection, since, account) and time.monotonic() < until:
            time.sleep(1)  # a minute has just begun: its ticks are being accounted for
        account.dispositions = {status: int(count) for status, count in connection.execute(_DISPOSITIONS)}
        ((account.left,),) = connection.execute(_LEFT).fetchall()
        ((account.executions, account.repeated),) = connection.execute(_REPEATS).fetchall()
        succeeded = {row[0] for row in connection.execute(_SUCCESSES, [since])}
    internal = _internal(soaked)
    account.undelivered = sorted(succeeded - set(receiver.accepted) - internal)
    _read_log(soaked, harm, account)
    return account


def _read_ledgers(connection: psycopg.Connection[tuple[Any, ...]], since: datetime, account: Account) -> bool:
    """Read the ledgers, and return whether nothing is overdue."""
    window = {"since": since, "until": datetime.now(UTC) - timedelta(seconds=1)}
    rows, after = list[tuple[Any, ...]](), UUID(int=0)
    while batch := connection.execute(_LEDGERS, window | {"after": after}).fetchall():
        rows += batch
        after = batch[-1][0]
    account.jobs, account.ticks = len(rows), sum(row[2] for row in rows)
    account.wrong = [
        f"{name}: {unaccounted} unaccounted, {surplus} surplus, {overdue} overdue, {error}"
        for _, name, _, unaccounted, surplus, overdue, error in rows
        if unaccounted or surplus or overdue or error
    ]
    return not any(row[5] for row in rows)


def _internal(soaked: Soaked) -> set[str]:
    """Return the executions of internal jobs, which no receiver sees."""
    with psycopg.connect(soaked.database_url, row_factory=tuple_row) as connection:
        rows = connection.execute(
            "select done.execution_id::text from kronos.execution_done as done join kronos.workspaces as workspace "
            "using (workspace_id) where workspace.slug = 'kronos-system'"
        )
        return {row[0] for row in rows}


def _read_log(soaked: Soaked, harm: Harm, account: Account) -> None:
    for line in log_lines(soaked):
        if line["level"] not in ("WARNING", "ERROR", "CRITICAL"):
            continue
        event = str(line.get("event", line["logger"]))
        account.lines[f"{line['level']} {event}"] += 1
        at = datetime.fromisoformat(str(line["at"])).timestamp()
        explained = any(0 <= at - when <= _WITHIN_SECONDS for when, _ in harm.times)
        is_fault = event in ("request.failed", "delivery.unforeseen", "live.failed", "result.bare")
        if is_fault or not (explained or event in _ALWAYS):
            account.unexplained.append(f"{line['at']} {line['file']} {event}: {str(line['message'])[:300]}")


def quiet(soaked: Soaked, seconds: float) -> bool:
    """Wait until nothing is due or under way, or the time is over. Returns whether everything is quiet."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            with psycopg.connect(soaked.database_url, row_factory=tuple_row, connect_timeout=5) as connection:
                ((left,),) = connection.execute(_LEFT).fetchall()
                if left == 0:
                    return True
        except psycopg.OperationalError:
            pass  # PostgreSQL is still restarting
        time.sleep(0.5)  # there is no signal for the end of the last one
    return False
