"""A server whose sessions are killed in the middle of their work, while only the test moves things on."""

import signal
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress

import psycopg
import pytest

from conftest import await_condition
from faults.own_server import await_unrung, connected, own_server
from killing import signalled
from kronos.embedded.cluster import Cluster
from sql_factory import Connection


@contextmanager
def unrung_server() -> Iterator[Cluster]:
    """A server that may crash. Its internal jobs have no entries: only the test rings."""
    with own_server() as made:
        with connected(made) as superuser:
            await_unrung(superuser, "delete from cron.job where jobname like 'kronos:%'")
        yield made


def crash(cluster: Cluster, victim: Connection) -> None:
    """kill -9 of a backend: PostgreSQL ends all backends, recovers and continues."""
    # closed, not committed: in which state it was ended is unknown
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

        # until then PostgreSQL has not noticed, and still admits sessions that it will end
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
