"""One-shots without a row in jobs: made as the API makes them, ended, and read back."""

from datetime import datetime, timedelta
from typing import Any

from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from factory import EndpointRow
from kronos import sql
from sql_factory import Connection, records, value

NO_FILTER: dict[str, object] = dict.fromkeys(
    ("endpoint", "trigger", "status", "tag", "q", "created_after", "created_before")
)
DAY = timedelta(days=1)


def name_of(connection: Connection, endpoint: EndpointRow) -> str:
    return str(value(connection, "select name from kronos.endpoints where endpoint_id = %s", [endpoint.endpoint_id]))


def make(
    connection: Connection,
    endpoint: EndpointRow,
    count: int = 1,
    *,
    names: list[str] | None = None,
    run_at: datetime | None = None,
    is_whole: bool = False,
) -> list[dict[str, Any]]:
    """Make `count` one-shots with make_one_shots, as the API does. `names` replaces the endpoint's own name."""
    names = names or [name_of(connection, endpoint)] * count
    with connection.transaction():
        connection.execute("set local role kronos_api")
        connection.execute("select set_config('kronos.workspace_id', %s, true)", [str(endpoint.workspace_id)])
        return records(
            connection,
            "select * from kronos.make_one_shots(%s, %s::jsonb[], %s::timestamptz[], %s) order by nth",
            [names, [Jsonb({"n": n}) for n in range(len(names))], [run_at] * len(names), is_whole],
        )


def finish(connection: Connection, *, status: str = "SUCCESS", where: str = "true") -> None:
    """End all unfinished executions, moving them as a worker's statement does."""
    connection.execute(
        f"""
        with ended as (delete from kronos.execution_live where {where} returning *)
        insert into kronos.execution_done (execution_id, workspace_id, job_id, endpoint_id, endpoint_version,
            cause, status, scheduled_at,
                                           run_at, created_at, started_at, completed_at, attempt_count,
                                               max_attempts, input)
        select execution_id, workspace_id, job_id, endpoint_id, endpoint_version, cause, '{status}',
               scheduled_at, run_at,
               created_at, now(), now(), 1, max_attempts, input
          from ended
        """.encode()
    )


def take_endpoints_for_many(connection: Connection, *, rows: int) -> None:
    """Make lists treat two endpoints as very many, so that they read `rows` rows of the workspace before querying each
    endpoint.
    """
    for name, edits in {
        "live_one_shots": {"c_many     constant integer := 200": "c_many constant integer := 1"},
        "done_one_shots": {"c_many constant integer  := 200": "c_many constant integer := 1"},
        "endpoints_jobs": {"c_many constant integer := 200": "c_many constant integer := 1"},
        "newest_live_one_shots": {"integer := 4000": f"integer := {rows}", "4 * p_limit": "p_limit"},
        "newest_done_one_shots": {"integer  := 4000": f"integer := {rows}", "4 * p_limit": "p_limit", "400;  ": "1;  "},
        "newest_jobs": {"integer := 4000": f"integer := {rows}", "4 * p_limit": "p_limit"},
    }.items():
        text = (sql.root() / "functions" / "lookup" / f"{name}.sql").read_text()
        for old, new in edits.items():
            assert text.count(old) == 1, f"{name} has no {old!r}"
            text = text.replace(old, new)
        connection.execute(text.encode())


def get(connection: Connection, endpoint: EndpointRow, job: object) -> list[dict[str, Any]]:
    """The API's response to a read."""
    return run_as_api(connection, endpoint, "job_reads.get_job", {"job": str(job)})


def run_as_api(
    connection: Connection, endpoint: EndpointRow, statement: str, params: dict[str, object]
) -> list[dict[str, Any]]:
    with connection.transaction(force_rollback=True), connection.cursor(row_factory=dict_row) as cursor:
        cursor.execute("set local role kronos_api")
        cursor.execute("select set_config('kronos.workspace_id', %s, true)", [str(endpoint.workspace_id)])
        return cursor.execute(sql.texts()[statement].encode(), params).fetchall()
