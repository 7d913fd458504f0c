"""Alert rules and the ended runs that they judge, inserted by SQL."""

import uuid
from collections.abc import Sequence
from typing import Any

from psycopg.types.json import Jsonb

from factory import EndpointRow
from sql_factory import Connection, Record, records, value

FAILURES = {"type": "FAILURES", "count": 3}


def add_rule(
    connection: Connection,
    endpoint: EndpointRow,
    condition: dict[str, Any] | None = None,
    *,
    tells: Sequence[EndpointRow] = (),
    **columns: object,
) -> uuid.UUID:
    """Insert a rule in the endpoint's workspace; other columns by name."""
    given = {"name": f"r-{uuid.uuid4().hex[:8]}", "tell": [told.endpoint_id for told in tells], **columns}
    names = ", ".join(given)
    rule_id: uuid.UUID = value(
        connection,
        f"insert into kronos.alert_rules (workspace_id, condition, {names})"
        f" values (%(workspace_id)s, %(condition)s, {', '.join(f'%({name})s' for name in given)}) returning rule_id",
        {"workspace_id": endpoint.workspace_id, "condition": Jsonb(condition or FAILURES), **given},
    )
    return rule_id


def end_runs(
    connection: Connection,
    job_id: uuid.UUID,
    statuses: str,
    *,
    late: int = 0,
    ran: int = 0,
    cause: str = "SCHEDULE",
) -> list[uuid.UUID]:
    """Insert ended runs of a job, in order, one per letter: S succeeded, F failed, M missed, E expired, K skipped, C
    cancelled. Return their ids.
    """
    words = {"S": "SUCCESS", "F": "FAILED", "M": "MISSED", "E": "EXPIRED", "K": "SKIPPED", "C": "CANCELLED"}
    ended: list[uuid.UUID] = []
    for letter in statuses:
        execution_id: uuid.UUID = value(
            connection,
            "insert into kronos.execution_done (execution_id, workspace_id, job_id, endpoint_id, endpoint_version,"
            " cause, status, status_reason, scheduled_at, run_at, created_at, started_at, completed_at, attempt_count,"
            " max_attempts, input, error)"
            " select kronos.uuid7(), job.workspace_id, job.job_id, job.endpoint_id, 1, %(cause)s, %(status)s,"
            " '{\"code\": \"x\"}', due.at, due.at, due.at, due.at + %(late)s * interval '1 second',"
            " due.at + (%(late)s + %(ran)s) * interval '1 second', 1, 1, '{}', '{\"type\": \"x\"}'"
            "   from kronos.jobs as job,"
            "        (select kronos.clock() - (%(late)s + %(ran)s) * interval '1 second' as at) as due"
            "  where job.job_id = %(job_id)s returning execution_id",
            {"cause": cause, "status": words[letter], "late": late, "ran": ran, "job_id": job_id},
        )
        ended.append(execution_id)
    return ended


def evaluate(connection: Connection) -> Record:
    """Evaluate the alert rules, as the internal job does."""
    counts: Record = value(connection, "select kronos.evaluate_alerts()")
    assert "busy" not in counts
    return counts


def incidents(connection: Connection, rule_id: uuid.UUID) -> list[Record]:
    """All incidents of a rule, oldest first."""
    return records(
        connection, "select * from kronos.incidents where rule_id = %s order by opened_at, incident_id", [rule_id]
    )


def told(connection: Connection, endpoint: EndpointRow) -> list[Record]:
    """The inputs of the pending deliveries to an endpoint, oldest first."""
    return [
        row["input"]
        for row in records(
            connection,
            "select input from kronos.execution_live where endpoint_id = %s order by execution_id",
            [endpoint.endpoint_id],
        )
    ]


def fail_one_shot(connection: Connection, endpoint: EndpointRow, execution_id: object = None) -> None:
    """Insert a failed one-shot without a row in jobs."""
    connection.execute(
        "insert into kronos.execution_done (execution_id, workspace_id, job_id, endpoint_id, endpoint_version, cause,"
        " status, scheduled_at, run_at, created_at, started_at, attempt_count, max_attempts, input)"
        " select id, %s, id, %s, 1, 'API', 'FAILED', now(), now(), now(), now(), 1, 1, '{}'"
        "   from (select coalesce(%s::uuid, kronos.uuid7()) as id) as made",
        [endpoint.workspace_id, endpoint.endpoint_id, execution_id],
    )


def add_incident(connection: Connection, workspace: str, *, rule: str = "theirs") -> str:
    """Insert an OPEN incident of a rule, and the rule if it does not exist."""
    incident_id: str = value(
        connection,
        """
        with rule as (
            insert into kronos.alert_rules (workspace_id, name, condition)
            select workspace_id, %(rule)s, '{"type": "FAILURES", "count": 3}'
              from kronos.workspaces where slug = %(workspace)s
                on conflict (workspace_id, name) do update set name = excluded.name
            returning *
        )
        insert into kronos.incidents (workspace_id, rule_id, rule, severity, condition, kind, subject_id, subject,
                                      detail, said_at, times_said)
        select workspace_id, rule_id, name, severity, condition, 'JOB', gen_random_uuid(), 'nightly',
               'it failed 3 times in a row', kronos.now(), 1
          from rule
        returning incident_id::text
        """,
        {"workspace": workspace, "rule": rule},
    )
    return incident_id
