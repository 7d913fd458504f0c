"""What tests compare after a rejected request notices each write, whenever it is committed."""

import psycopg

from api_answers import counts
from factory import add_workspace


def test_a_row_is_counted_once_it_is_committed(database_url: str, superuser: psycopg.Connection) -> None:
    before = counts(superuser)
    assert before == counts(superuser)
    with psycopg.connect(database_url) as other:
        add_workspace(other)
        assert counts(superuser) == before, "nobody else sees it yet"
        other.rollback()
        assert counts(superuser) == before
        made = add_workspace(other)
        assert counts(superuser) == before
        other.commit()
    after = counts(superuser)
    assert (after[0], after[1:]) == (before[0] + 1, before[1:])
    superuser.execute("delete from kronos.workspaces where workspace_id = %s", [made])
    assert counts(superuser) == before
