"""An API whose connection to PostgreSQL can be cut, and the stored state of a workspace."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psycopg

from api.cutting_proxy import Proxy, cutting_proxy
from conftest import make_workspace, running_api
from new_workspaces import NewWorkspaces

_STATE = """
select jsonb_build_object(
    'workspaces', (select jsonb_agg(row order by row.workspace_id) from kronos.workspaces as row
        where slug in (%(slug)s, %(new)s)),
    'endpoints', (select jsonb_agg(row order by row.endpoint_id) from kronos.endpoints as row
        where workspace_id = %(id)s),
    'jobs', (select jsonb_agg(to_jsonb(row) - array['ticks_from', 'schedule'] order by row.job_id)
        from kronos.jobs as row
              where workspace_id = %(id)s),
    'live', (select jsonb_agg(row order by row.execution_id) from kronos.execution_live as row
        where workspace_id = %(id)s),
    'done', (select jsonb_agg(row order by row.execution_id) from kronos.execution_done as row
        where workspace_id = %(id)s),
    'backfills', (select jsonb_agg(row order by row.backfill_id) from kronos.backfills as row
        where workspace_id = %(id)s),
    'health', (select jsonb_agg(row order by row.endpoint_id) from kronos.endpoint_health as row
        where workspace_id = %(id)s),
    'gates', (select jsonb_agg(row order by row.endpoint_id) from kronos.endpoint_gate as row
        where workspace_id = %(id)s),
    'documents', (select jsonb_agg(row order by row.document_id) from kronos.documents as row
        where workspace_id = %(id)s),
    'secrets', (select jsonb_agg(row order by row.name) from kronos.secrets as row where workspace_id = %(id)s),
    'beats', (select jsonb_agg(row order by row.name) from kronos.beats as row where workspace_id = %(id)s),
    'keys', (select jsonb_agg(row order by row.idempotency_key) from kronos.idempotency_keys as row
        where workspace_id = %(id)s),
    'rules', (select jsonb_agg(row order by row.name) from kronos.alert_rules as row where workspace_id = %(id)s),
    'incidents', (select jsonb_agg(row order by row.incident_id) from kronos.incidents as row
        where workspace_id = %(id)s),
    'api keys', (select jsonb_agg(row order by row.key_id) from kronos.api_keys as row
        where workspace_id = %(id)s),
    'mappings', (select jsonb_agg(row order by row.mapping_id) from kronos.role_mappings as row
        where workspace_id = %(id)s),
    'organizations', (select jsonb_agg(row order by row.slug) from kronos.organizations as row
        where slug = %(new)s),
    'ages', (select jsonb_agg(row) from kronos.workspace_retention as row where workspace_id = %(id)s))::text
"""


class Scene:
    """An API behind the proxy, a workspace `slug`, and the administrator's direct connection."""

    def __init__(
        self, client: httpx.Client, proxy: Proxy, superuser: psycopg.Connection, *, slug: str, making: httpx.Client
    ) -> None:
        self.client, self.proxy, self.superuser = client, proxy, superuser
        self.making = making
        """A client that makes what a call needs."""
        self.slug = slug
        self.new = f"n-{uuid.uuid4().hex[:12]}"

    @property
    def base(self) -> str:
        return f"/v1/workspaces/{self.slug}"

    def made(self, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        made: dict[str, Any] = self.making.post(self.base + path, json=body or {}).raise_for_status().json()
        return made

    def state(self) -> str:
        (workspace_id,) = self.superuser.execute(
            "select workspace_id from kronos.workspaces where slug = %s", [self.slug]
        ).fetchone() or (None,)
        (text,) = self.superuser.execute(
            _STATE, {"slug": self.slug, "new": self.new, "id": workspace_id}
        ).fetchone() or ("",)
        assert isinstance(text, str)
        return text

    def has_ended(self) -> bool:
        """Whether PostgreSQL has finished the requests of the connection that was cut."""
        found = self.superuser.execute(
            "select from pg_stat_activity where client_port = %s", [self.proxy.port]
        ).fetchall()
        return not found


@dataclass(frozen=True, kw_only=True)
class CutOff:
    """An API whose connections pass the proxy, and one on the same database whose connections are never cut: what it
    makes is planned once, and not again after each cut.
    """

    client: httpx.Client
    direct: httpx.Client
    proxy: Proxy
    superuser: psycopg.Connection
    workspaces: NewWorkspaces

    def scene(self, client: httpx.Client | None = None) -> Scene:
        """A new workspace, and `client`, or the one of the API behind the proxy."""
        return Scene(client or self.client, self.proxy, self.superuser, slug=self.workspaces.make(), making=self.direct)


@contextmanager
def cut_off(url: str, directory: Path) -> Iterator[CutOff]:
    """Both APIs on the database of `url`, with their keys in `directory`."""
    with (
        cutting_proxy(url) as proxy,
        running_api(proxy.url, directory) as api,
        running_api(url, directory) as direct,
        psycopg.connect(url, autocommit=True, prepare_threshold=0) as superuser,
    ):
        yield CutOff(
            client=api.client,
            direct=direct.client,
            proxy=proxy,
            superuser=superuser,
            workspaces=NewWorkspaces(superuser, make_workspace(direct.client)),
        )
