"""What several files of the tests of migrations share."""

import pytest

from sql_factory import Connection


@pytest.fixture
def bare(superuser: Connection, database_url: str) -> str:
    """A database that has pg_cron, where Kronos never was."""
    superuser.execute("drop schema kronos cascade")
    superuser.execute("delete from cron.job")
    return database_url
