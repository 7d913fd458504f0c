"""A dead letter that cannot be redriven, whatever the error, stops no other."""

import pytest

from factory import add_endpoint, add_executions
from sql.test_dead_letters import fail, letters, operation
from sql_factory import Connection, records, value


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ("raise unique_violation using constraint = 'jobs_name_taken'", "name_taken"),  # taken at the same time
        ("raise check_violation using constraint = 'jobs_name_shape'", "internal_error"),
        ("raise data_exception", "internal_error"),
    ],
)
def test_a_letter_with_any_error_stops_no_other(superuser: Connection, fault: str, code: str) -> None:
    endpoint = add_endpoint(superuser)
    ids = add_executions(superuser, endpoint, 3)
    fail(superuser, ids)
    superuser.execute(
        f"create function kronos.fail_one() returns trigger language plpgsql as $$ begin {fault}; end $$;"
        "create trigger fail_one before insert on kronos.execution_live for each row"
        f" when (new.execution_id = '{ids[1]}') execute function kronos.fail_one()"
    )
    operation_id = operation(superuser, endpoint)
    while value(superuser, "select kronos.advance_operations(100)") is not None:
        pass
    (row,) = records(
        superuser,
        "select status, done, failed, failures from kronos.operations where operation_id = %s",
        [operation_id],
    )
    assert row == {"status": "COMPLETED", "done": 2, "failed": 1, "failures": {code: 1}}
    assert letters(superuser, endpoint) == [ids[1]]
