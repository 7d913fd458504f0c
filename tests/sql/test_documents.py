"""Changes of a config, of an endpoint, or of what an endpoint names all lock in one order: documents,
endpoints, gates.
"""

import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from factory import EndpointRow, add_endpoint, add_workspace
from kronos import sql
from sql_factory import Connection, await_lock, value, values

_CONFIG: dict[str, Any] = {
    "kind": "CONFIG",
    "name": "c",
    "content": Jsonb({"region": "us"}),
    "if_match": None,
    "if_none_match": [],
    "uses": None,
    "versions": None,
}


@contextmanager
def as_api(url: str, workspace_id: uuid.UUID) -> Iterator[Connection]:
    with psycopg.connect(url) as connection:
        connection.execute("set local role kronos_api")
        connection.execute("select set_config('kronos.workspace_id', %s, true)", [str(workspace_id)])
        yield connection


def add_config(connection: Connection, workspace_id: uuid.UUID, *endpoints: EndpointRow) -> None:
    """Insert a config `c` that these endpoints use, with use: latest."""
    document_id = value(
        connection,
        "insert into kronos.documents (workspace_id, kind, name) values (%s, 'CONFIG', 'c') returning document_id",
        [workspace_id],
    )
    connection.execute(
        "insert into kronos.document_versions (document_id, version, workspace_id, content) values (%s, 1, %s, '{}')",
        [document_id, workspace_id],
    )
    ids = [endpoint.endpoint_id for endpoint in endpoints]
    connection.execute("update kronos.endpoints set config_id = %s where endpoint_id = any (%s)", [document_id, ids])
    connection.execute(
        "update kronos.endpoint_versions set config_id = %s, config_version = 1 where endpoint_id = any (%s)",
        [document_id, ids],
    )
    connection.execute("update kronos.endpoint_gate set latest_version = 1 where endpoint_id = any (%s)", [ids])


def test_a_configs_change_takes_gates_in_the_order_of_their_ids(superuser: Connection, database_url: str) -> None:
    """As finalize_executions does, which holds one gate and wants the next. The order must not depend on the plan of
    the change.
    """
    workspace_id = add_workspace(superuser)
    endpoints = [add_endpoint(superuser, workspace_id, max_in_flight=10) for _ in range(8)]
    add_config(superuser, workspace_id, *endpoints)
    lowest, *others = sorted(endpoint.endpoint_id for endpoint in endpoints)
    # written last, so that a scan of the table reaches it last
    superuser.execute("update kronos.endpoint_gate set max_in_flight = 9 where endpoint_id = %s", [lowest])
    lock = "select from kronos.endpoint_gate where endpoint_id = any (%s) for update"
    with (
        psycopg.connect(database_url) as finalizing,
        as_api(database_url, workspace_id) as changing,
        ThreadPoolExecutor(1) as threads,
    ):
        finalizing.execute(lock, [[lowest]])
        changing.execute("set local enable_nestloop = off; set local enable_indexscan = off")
        changing.execute("set local enable_bitmapscan = off")
        change = threads.submit(changing.execute, sql.texts()["documents.replace_document"], _CONFIG)
        await_lock(superuser, changing)
        finalizing.execute(lock + " nowait", [others])
        finalizing.commit()
        change.result(60)
        changing.commit()
    assert set(values(superuser, "select latest_version from kronos.endpoint_gate")) == {2}


def test_an_endpoint_that_is_to_name_a_payload_spec_lets_its_config_be_changed_first(
    superuser: Connection, database_url: str
) -> None:
    """lock_endpoint locks the endpoint's row. The config's change wants that row after the config's."""
    workspace_id = add_workspace(superuser)
    endpoint = add_endpoint(superuser, workspace_id)
    add_config(superuser, workspace_id, endpoint)
    name = value(superuser, "select name from kronos.endpoints where endpoint_id = %s", [endpoint.endpoint_id])
    asked = {"name": name, "config": "c", "config_version": 1, "payload_spec": None, "payload_spec_version": None}
    with (
        as_api(database_url, workspace_id) as changing,
        as_api(database_url, workspace_id) as naming,
        ThreadPoolExecutor(1) as threads,
    ):
        changing.execute(sql.texts()["documents.lock_document"], _CONFIG)
        locked = threads.submit(naming.execute, sql.texts()["payload_specs.lock_endpoint"], asked)
        await_lock(superuser, naming)
        changing.execute(sql.texts()["documents.replace_document"], _CONFIG)
        changing.commit()
        assert locked.result(60).fetchall() == []  # it was checked with another version of the config
