"""Jobs made by SQL for an endpoint with a payload spec."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest

from conftest import await_condition
from enqueueing import App, count
from factory import add_endpoint
from sql.test_enqueue import FUTURE, refused
from sql_factory import Connection, value, values


def test_an_endpoint_with_a_payload_spec_is_refused_whatever_the_caller_says_of_its_input(
    shared: Connection, app: App
) -> None:
    """SQL cannot check a JSON Schema, so no input given by SQL is validated."""
    bound = add_endpoint(shared, app.workspace_id)
    name = value(shared, "select name from kronos.endpoints where endpoint_id = %s", [bound.endpoint_id])
    spec = value(
        shared,
        "insert into kronos.documents (workspace_id, kind, name) values (%s, 'PAYLOAD_SPEC', 'orders')"
        " returning document_id",
        [app.workspace_id],
    )
    shared.execute("update kronos.endpoints set payload_spec_id = %s where endpoint_id = %s", [spec, bound.endpoint_id])
    sound = {"endpoint": app.endpoint}
    for more in ({}, {"name": "n"}, {"idempotency_key": "k"}, {"run_at": FUTURE.isoformat()}):
        for said in ("", f"{spec}:1", f",{bound.endpoint_id}/{spec}:1,"):
            app.connection.execute("select set_config('kronos.validated', %s, false)", [said])
            error = refused(app, sound, sound | more, {"endpoint": name} | more)
            assert str(error).startswith(
                f"jobs[2].endpoint: '{name}' has the payload spec 'orders', against which SQL cannot validate"
            )
            assert (error.sqlstate, error.diag.column_name) == ("KR016", "endpoint")
            assert error.diag.message_hint == (
                f"Use the API, which validates it, or `kronos job create-many --workspace {app.slug}`."
            )
    with pytest.raises(psycopg.Error, match=rf"^endpoint: '{name}' has the payload spec 'orders'"):
        app.enqueue(name, {"id": 7})
    assert count(shared, app) == 0
    assert app.enqueue(app.endpoint)


@pytest.mark.parametrize("more", [{}, {"name": "n"}, {"run_at": FUTURE.isoformat()}], ids=["plain", "named", "later"])
def test_an_endpoint_that_is_given_a_payload_spec_meanwhile_takes_nothing_from_sql(
    shared: Connection, app: App, module_database_url: str, more: dict[str, Any]
) -> None:
    spec = value(
        shared,
        "insert into kronos.documents (workspace_id, kind, name) values (%s, 'PAYLOAD_SPEC', 'orders')"
        " returning document_id",
        [app.workspace_id],
    )
    with psycopg.connect(module_database_url) as change, ThreadPoolExecutor(1) as thread:
        change.execute("select from kronos.endpoints where endpoint_id = %s for update", [app.endpoint_id])
        change.execute(
            "update kronos.endpoints set payload_spec_id = %s where endpoint_id = %s", [spec, app.endpoint_id]
        )
        waiting = thread.submit(app.enqueue_many, {"endpoint": app.endpoint} | more)
        await_condition(
            lambda: values(
                shared,
                "select 1 from pg_stat_activity where %s = any (pg_blocking_pids(pid))",
                [change.info.backend_pid],
            ),
            "the call to wait for the endpoint",
        )
        change.commit()
        error = waiting.exception()
    assert isinstance(error, psycopg.Error)
    assert (error.sqlstate, error.diag.column_name, "payload spec" in str(error)) == ("KR016", "endpoint", True)
    assert error.diag.message_hint
    assert count(shared, app) == 0
