"""The number of executions that wait for a worker, for /metrics."""

from datetime import timedelta

from factory import EndpointRow, add_endpoint, add_executions
from sql.plans import rows_read, thrown_away, told_plans
from sql_factory import Connection, records, value

_ENDPOINTS, _EACH = 40, 20


def counted(connection: Connection, *, endpoints: int = 1000, most: int = 10_000) -> dict[str, int]:
    """How many wait, by workspace, the longest wait first."""
    found = records(connection, "select * from kronos.system_queue(%s, %s)", [endpoints, most])
    return {row["workspace"]: row["due"] for row in found}


def slug(connection: Connection, endpoint: EndpointRow) -> str:
    """The slug of the endpoint's workspace."""
    found: str = value(
        connection, "select slug from kronos.workspaces where workspace_id = %s", [endpoint.workspace_id]
    )
    return found


def test_each_priority_counts_and_what_is_not_due_does_not(superuser: Connection) -> None:
    plain, mixed, ahead = (add_endpoint(superuser) for _ in range(3))
    add_executions(superuser, plain, 3)
    for priority, execution in zip((-10, None, 3, 10), add_executions(superuser, mixed, 4), strict=True):
        superuser.execute(
            "update kronos.execution_live set priority = %s where execution_id = %s", [priority, execution]
        )
    later = [*add_executions(superuser, ahead, 2), *add_executions(superuser, mixed, 2)]
    superuser.execute(
        "update kronos.execution_live set visible_at = now() + %s where execution_id = any (%s)",
        [timedelta(hours=1), later],
    )
    assert counted(superuser) == {slug(superuser, plain): 3, slug(superuser, mixed): 4}
    superuser.execute(
        "update kronos.execution_live set claim_token = gen_random_uuid(), worker_id = 'w', claimed_at = now() "
        "where priority = 10"
    )
    assert counted(superuser)[slug(superuser, mixed)] == 3
    assert sum(counted(superuser, most=5).values()) == 5
    first = min(plain, mixed, ahead, key=lambda endpoint: endpoint.endpoint_id)
    assert counted(superuser, endpoints=1).keys() == {slug(superuser, first)} - {slug(superuser, ahead)}


def test_endpoints_of_one_workspace_are_one_row_a_transport(superuser: Connection) -> None:
    first = add_endpoint(superuser)
    second = add_endpoint(superuser, workspace_id=first.workspace_id)
    add_executions(superuser, first, 1)
    (old,) = add_executions(superuser, second, 1)
    superuser.execute(
        "update kronos.execution_live set visible_at = now() - interval '90 s' where execution_id = %s",
        [old],
    )
    (row,) = records(superuser, "select * from kronos.system_queue(10, 10)")
    assert (row["workspace"], row["transport"], row["due"]) == (slug(superuser, first), "http", 2)
    assert 90 <= row["oldest_seconds"] < 600


def test_what_waits_at_many_endpoints_is_read_once(superuser: Connection) -> None:
    """Not once per endpoint: for 9,000 executions of 200 endpoints, that compared 1,800,000 rows."""
    for _ in range(_ENDPOINTS):
        add_executions(superuser, add_endpoint(superuser), _EACH, has_jobs=False)
    superuser.execute("analyze kronos.execution_live, kronos.endpoints, kronos.endpoint_gate, kronos.workspaces")
    with told_plans(superuser) as plans:
        assert sum(counted(superuser).values()) == _ENDPOINTS * _EACH
    plan = "\n".join(plans)
    assert rows_read(plan, "execution_live") == _ENDPOINTS * _EACH
    assert thrown_away(plan) < _ENDPOINTS * _EACH
