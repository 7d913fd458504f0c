"""Workspaces for tests, inserted as rows: two requests take 10 ms of CPU, and a thousand tests need a workspace."""

import uuid

import psycopg

_MODEL = """
    select endpoint_id from kronos.endpoints join kronos.workspaces using (workspace_id) where slug = %s
"""
_AS_THE_MODEL = """
    with workspace as (
        insert into kronos.workspaces (slug, name) values (%(slug)s, %(slug)s) returning workspace_id
    ), endpoint as (
        insert into kronos.endpoints (workspace_id, name, type)
        select workspace.workspace_id, model.name, model.type
          from workspace cross join kronos.endpoints as model
         where model.endpoint_id = %(model)s
        returning endpoint_id, workspace_id
    ), made_of as (
        insert into kronos.endpoint_versions (endpoint_id, version, workspace_id, spec, retry_policy, timeout_ms,
                                              max_attempts, max_crashes)
        select endpoint.endpoint_id, 1, endpoint.workspace_id, model.spec, model.retry_policy, model.timeout_ms,
               model.max_attempts, model.max_crashes
          from endpoint cross join kronos.endpoint_versions as model
         where model.endpoint_id = %(model)s
    )
    insert into kronos.endpoint_gate (endpoint_id, workspace_id, max_in_flight)
    select endpoint.endpoint_id, endpoint.workspace_id, model.max_in_flight
      from endpoint cross join kronos.endpoint_gate as model
     where model.endpoint_id = %(model)s
"""


class NewWorkspaces:
    """Makes workspaces like the one with the slug `model`, which the API created with its only endpoint."""

    def __init__(self, connection: psycopg.Connection, model: str) -> None:
        self._connection = connection
        ((self._model,),) = connection.execute(_MODEL, [model]).fetchall()

    def make(self) -> str:
        """Insert a workspace. Return its slug."""
        slug = f"w-{uuid.uuid4().hex[:12]}"
        self._connection.execute(_AS_THE_MODEL, {"slug": slug, "model": self._model})
        return slug
