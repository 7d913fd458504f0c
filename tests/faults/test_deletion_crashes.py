"""kill -9 of PostgreSQL's process inside a workspace's deletion: in the request, and in each of its steps. Nothing of
the step is left, nothing else is lost, and the deletion continues to its end."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import psycopg
import pytest

from depth import depth
from factory import add_endpoint, add_executions, add_key
from faults.crashes import crash, terminate, unrung_server
from faults.own_server import connected
from kronos.embedded.cluster import Cluster
from sql_factory import Connection, make_cron_job, value, values
from worker.protocol import as_worker, claim, finalize

pytestmark = [pytest.mark.faults, pytest.mark.pg_cron]

# The moments in which a session is killed. A crash of the server costs seconds, the end of a session none. Both undo
# uncommitted work, but only a crash recovers from the write-ahead log.
MOMENTS = ("request", "ENTRIES", "EXECUTIONS", "HISTORY", "JOBS", "NOTES", "REST")
CRASHED = MOMENTS[:: depth(3, deep=1)]
_TABLES = """
    select relname from pg_class join pg_attribute on attrelid = pg_class.oid and attname = 'workspace_id'
     where relnamespace = 'kronos'::regnamespace and relkind in ('r', 'p') and not relispartition
       and relname not in ('audit', 'audit_chains', 'audit_pending')
     order by 1
"""


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with unrung_server() as made:
        yield made


@dataclass(frozen=True, kw_only=True)
class Tenant:
    """A workspace with something in each table that a deletion handles."""

    workspace_id: UUID
    slug: str
    entries: list[str]

    def rows(self, superuser: Connection) -> dict[str, list[str]]:
        """All of its rows, including entries."""
        found = {
            table: values(
                superuser,
                f"select row::text from kronos.{table} as row where workspace_id = %s order by 1",
                [self.workspace_id],
            )
            for table in values(superuser, _TABLES)
        }
        found["cron.job"] = values(superuser, "select jobname from cron.job where jobname = any (%s)", [self.entries])
        found["deletions"] = values(
            superuser, "select row::text from kronos.deletions as row where deleted_id = %s", [self.workspace_id]
        )
        return {table: rows for table, rows in found.items() if rows}

    def begin(self, connection: Connection) -> UUID:
        """Begin the deletion, as the API does."""
        connection.execute("select set_config('kronos.workspace_id', %s, true)", [str(self.workspace_id)])
        began: UUID = value(connection, "select operation_id from kronos.begin_deletion(%s, false)", [self.slug])
        return began


def made_tenant(cluster: Cluster) -> Tenant:
    with connected(cluster) as superuser, as_worker(cluster.superuser_url) as worker:
        endpoint = add_endpoint(superuser)
        slug = value(superuser, "select slug from kronos.workspaces where workspace_id = %s", [endpoint.workspace_id])
        jobs = [make_cron_job(superuser, endpoint, cron=f"{n} 4 1 1 *", is_registered=True) for n in range(4)]
        add_executions(superuser, endpoint, 4)
        for status in ("SUCCESS", "FAILED"):
            token, ids = claim(worker, endpoint, quota=2)
            assert len(ids) == 2
            finalize(worker, token, ids, status=status)
        add_executions(superuser, endpoint, 3)
        add_key(superuser, slug, "viewer")
        return Tenant(workspace_id=endpoint.workspace_id, slug=slug, entries=[f"kronos:{each}" for each in jobs])


def phase_of(superuser: Connection, operation: UUID) -> str | None:
    found: str | None = value(
        superuser,
        "select case when status = 'RUNNING' then phase end from kronos.deletions where operation_id = %s",
        [operation],
    )
    return found


def dies(cluster: Cluster, tenant: Tenant, moment: str, act: Callable[[Connection], Any]) -> None:
    """Let a session do `act` and kill it before its commit: nothing has changed."""
    with connected(cluster) as superuser:
        superuser.execute("update kronos.deletions set next_at = '-infinity'")
        before = tenant.rows(superuser)
    victim = psycopg.connect(cluster.superuser_url)
    act(victim)
    assert tenant.rows(victim) != before, f"nothing was done in {moment}"
    (crash if moment in CRASHED else terminate)(cluster, victim)
    victim.close()
    with connected(cluster) as superuser:
        assert tenant.rows(superuser) == before, moment


def test_whoever_is_killed_inside_a_deletion_leaves_nothing_half_done_and_it_comes_to_its_end(
    cluster: Cluster,
) -> None:
    ours, theirs = made_tenant(cluster), made_tenant(cluster)
    dies(cluster, ours, "request", ours.begin)
    with connected(cluster) as superuser:
        assert value(superuser, "select status from kronos.workspaces where slug = %s", [ours.slug]) == "ACTIVE"
        untouched = theirs.rows(superuser)
        with psycopg.connect(cluster.superuser_url) as holder:  # so that the entries are left to a step
            holder.execute("select from cron.job where jobname = %s for update", [ours.entries[0]])
            with superuser.transaction():
                operation = ours.begin(superuser)
    step, seen = "select kronos.delete_some(%s, 1)", []
    for _ in range(200):
        with connected(cluster) as superuser:
            phase = phase_of(superuser, operation)
        if phase is None:
            break
        if phase not in seen:
            seen.append(phase)
            dies(cluster, ours, phase, lambda victim: victim.execute(step, [operation]))
        with connected(cluster) as superuser:
            superuser.execute("update kronos.deletions set next_at = '-infinity'")
            superuser.execute(step, [operation])
            assert value(superuser, "select last_error from kronos.deletions") is None
    assert seen == list(MOMENTS[1:])
    with connected(cluster) as superuser:
        assert list(ours.rows(superuser)) == ["deletions"]
        assert theirs.rows(superuser) == untouched
        made = superuser.execute(
            "insert into kronos.workspaces (slug, name) values (%s, 'again') returning version", [ours.slug]
        ).fetchone()
        assert made == (2,), "a workspace that takes its slug continues its version numbers"
