"""Functions that are there go on once a migration of a later release has added a column to a table."""

from sql_factory import Connection, values

_ANSWER_WITH_ROWS = """
select format('select * from kronos.%I(%s)', proname,
              array_to_string(array_fill('null'::text, array[pronargs::integer]), ','))
  from pg_proc
 where pronamespace = 'kronos'::regnamespace and proretset
   and prorettype in (select reltype from pg_class where relkind in ('r', 'p') and relnamespace = pronamespace)
 order by proname
"""


def test_functions_that_answer_with_rows_of_a_table_go_on_once_it_has_another_column(superuser: Connection) -> None:
    """A body that is kept parsed (begin atomic) has the columns of when it was made, and is made again only where its
    own file has changed: after a migration of kronos.jobs neither the load nor an apply was answered."""
    asked = values(superuser, _ANSWER_WITH_ROWS)
    assert len(asked) > 4
    with superuser.transaction(force_rollback=True):
        for table in ("jobs", "endpoints", "documents", "workspaces"):
            superuser.execute(f"alter table kronos.{table} add column of_the_next_release text")
        for each in asked:
            superuser.execute(each)
