"""A server whose sessions are killed in the middle of what they do, while the test alone decides what goes on."""

import signal
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress

import psycopg
import pytest

from conftest import await_condition
from faults.own_server import connected, own_server
from killing import signalled
from kronos.embedded.cluster import Cluster
from sql_factory import Connection


@contextmanager
def unrung_server() -> Iterator[Cluster]:
    """A server that may crash. Its internal jobs have no entries: nothing rings but the test."""
    with own_server() as made:
        with connected(made) as superuser:
            superuser.execute("delete from cron.job where jobname like 'kronos:%'")
        yield made


def crash(cluster: Cluster, victim: Connection) -> None:
    """kill -9 of a backend: PostgreSQL ends all of them, recovers and goes on."""
    # closed, not committed: nobody knows in which state it was ended
    with closing(psycopg.connect(cluster.superuser_url, autocommit=True)) as bystander:
        assert signalled(victim.info.backend_pid, signal.SIGKILL)
        with pytest.raises(psycopg.OperationalError):
            victim.execute("commit")

        def has_ended() -> bool:
            try:
                bystander.execute("select 1")
            except psycopg.OperationalError:
                return True
            return False

        # until then PostgreSQL has not noticed, and lets sessions in that it will end
        await_condition(has_ended, "PostgreSQL to end all sessions", seconds=60)

    def recovered() -> bool:
        with suppress(psycopg.OperationalError), connected(cluster):
            return True
        return False

    await_condition(recovered, "the server to be there again after its crash", seconds=60)


def terminate(cluster: Cluster, victim: Connection) -> None:
    with connected(cluster) as superuser:
        superuser.execute("select pg_terminate_backend(%s, 10000)", [victim.info.backend_pid])
    with pytest.raises(psycopg.OperationalError):
        victim.execute("commit")
