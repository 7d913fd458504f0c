"""Applications that make jobs by SQL in their own transactions: their logins, and the jobs that they made."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from psycopg.types.json import Jsonb

from factory import add_endpoint, add_workspace
from sql_factory import Connection, records, value


@dataclass(frozen=True, kw_only=True)
class App:
    """An application's login, its connection, and its workspace with one endpoint."""

    connection: Connection
    role: str
    workspace_id: uuid.UUID
    slug: str
    endpoint: str
    endpoint_id: uuid.UUID

    def enqueue(self, *arguments: Any, **named: Any) -> uuid.UUID:
        names = [f"{name} => %s" for name in named]
        call = ", ".join(["%s"] * len(arguments) + names)
        given = [*arguments, *named.values()]
        made: uuid.UUID = value(
            self.connection,
            f"select kronos.enqueue({call})",
            [Jsonb(each) if isinstance(each, dict) else each for each in given],
        )
        return made

    def enqueue_many(self, *jobs: Any) -> list[uuid.UUID]:
        made: list[uuid.UUID] = value(self.connection, "select kronos.enqueue_many(%s)", [Jsonb(list(jobs))])
        return made


def an_app(superuser: Connection, connection: Connection, *, is_granted: bool = True) -> App:
    """A new login. From now on, `connection`, which is a superuser's too, has its rights."""
    workspace_id = add_workspace(superuser)
    endpoint = add_endpoint(superuser, workspace_id)
    slug = value(superuser, "select slug from kronos.workspaces where workspace_id = %s", [workspace_id])
    name = value(superuser, "select name from kronos.endpoints where endpoint_id = %s", [endpoint.endpoint_id])
    role = f"app_{uuid.uuid4().hex[:12]}"
    superuser.execute(f"create role {role} login")
    if is_granted:
        # as `kronos workspace grant-sql` does, which would open another connection (tests/sql/test_sql_grants.py)
        assert value(superuser, "select kronos.grant_sql(%s, %s)", [slug, role]) == slug
    connection.execute(f"set session authorization {role}")
    return App(
        connection=connection,
        role=role,
        workspace_id=workspace_id,
        slug=slug,
        endpoint=name,
        endpoint_id=endpoint.endpoint_id,
    )


def done_with(superuser: Connection, app: App) -> None:
    """Give the connection its own rights back, and drop the role. Roles belong to the cluster and outlive the
    database.
    """
    app.connection.rollback()
    app.connection.execute("reset session authorization; discard temp")
    superuser.execute("delete from kronos.sql_grants where role_name = %s", [app.role])
    superuser.execute(f"drop owned by {app.role}")
    superuser.execute(f"drop role {app.role}")


def job(superuser: Connection, job_id: uuid.UUID) -> dict[str, Any]:
    """The job as the API shows it."""
    (found,) = records(superuser, "select * from kronos.job_details where job_id = %s", [job_id])
    return found


def count(superuser: Connection, app: App) -> int:
    """Count the workspace's live executions and its rows in jobs."""
    found: int = value(
        superuser,
        "select (select count(*) from kronos.execution_live where workspace_id = %(w)s)"
        " + (select count(*) from kronos.jobs where workspace_id = %(w)s)",
        {"w": app.workspace_id},
    )
    return found


@contextmanager
def granted_app(superuser: Connection, connection: Connection) -> Iterator[App]:
    """An application that may make jobs in its workspace, until the block ends."""
    made = an_app(superuser, connection)
    try:
        yield made
    finally:
        done_with(superuser, made)
