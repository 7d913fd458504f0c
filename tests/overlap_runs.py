"""A job whose runs must not overlap; the test decides when it ticks."""

import uuid
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import psycopg

from factory import EndpointRow
from sql_factory import Connection, Record, account, make_cron_job, records, value, values
from worker.protocol import claim, finalize

MINUTE = timedelta(minutes=1)
POLICIES = ("SKIP", "QUEUE", "REPLACE")


@dataclass(kw_only=True)
class Ticking:
    """A job that ticks every minute, when the test says so."""

    connection: Connection
    worker: psycopg.Connection
    endpoint: EndpointRow
    overlap: str
    columns: dict[str, Any] = field(default_factory=dict)
    job_id: uuid.UUID = field(init=False)
    now: datetime = field(init=False)

    def __post_init__(self) -> None:
        self.now = value(self.connection, "select date_trunc('minute', now()) - interval '30 minutes'")
        self.job_id = make_cron_job(
            self.connection,
            self.endpoint,
            overlap=self.overlap,
            next_tick_at=self.now + MINUTE,
            ticks_from=self.now,
            **self.columns,
        )

    def tick(self, count: int = 1) -> list[Record]:
        """Account for the next `count` ticks, each at its own instant. Return their executions."""
        first = self.now + MINUTE
        for _ in range(count):
            self.now += MINUTE
            account(self.connection, self.job_id, now=self.now)
        return records(
            self.connection,
            "select * from kronos.executions where job_id = %s and scheduled_at between %s and %s order by "
            "scheduled_at",
            [self.job_id, first, self.now],
        )

    def one_tick(self) -> Record:
        (made,) = self.tick()
        return made

    def claim(self) -> tuple[uuid.UUID, list[uuid.UUID]]:
        return claim(self.worker, self.endpoint)

    def run_one(self) -> uuid.UUID:
        """Make one tick and claim its execution. Return the claim token."""
        made = self.one_tick()
        token, claimed = self.claim()
        assert claimed == [made["execution_id"]]
        return token

    def end(self, token: uuid.UUID, execution_id: uuid.UUID, status: str = "SUCCESS") -> str:
        return finalize(self.worker, token, [execution_id], status)[execution_id]

    def statuses(self) -> list[str]:
        return values(
            self.connection,
            "select status from kronos.executions where job_id = %s order by scheduled_at",
            [self.job_id],
        )


def waiting(one: Ticking) -> list[uuid.UUID]:
    """The job's held executions."""
    return values(
        one.connection,
        "select execution_id from kronos.execution_live where job_id = %s and visible_at = 'infinity'",
        [one.job_id],
    )


def waits(one: Ticking, execution_id: uuid.UUID) -> bool:
    return execution_id in waiting(one)


def upkeep(connection: Connection) -> int:
    """Run upkeep. Return how many executions it released."""
    return int(value(connection, "select released from kronos.upkeep(1000)"))
