"""The number of keys of a workspace is limited, however they are created."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import httpx
import psycopg

from api.test_keys import made
from factory import add_workspace
from sql_factory import value, values


def test_a_workspace_has_a_thousand_keys_that_work_at_most(
    api: httpx.Client, workspace: str, shared_superuser: psycopg.Connection
) -> None:
    shared_superuser.execute(
        """
        insert into kronos.api_keys (public_id, secret_sha256, role, workspace_id, expires_at)
        select gen_random_uuid()::text, sha256('x'), 'viewer', workspace_id,
               case when n > 999 then now() - interval '1 day' end
          from kronos.workspaces cross join generate_series(1, 1100) as n where slug = %s
        """,
        [workspace],
    )
    last, keys_of = made(api, workspace, role="viewer"), f"/v1/workspaces/{workspace}/keys"
    for path in (keys_of, f"{keys_of}/{last['key_id']}/rotate"):
        refused = api.post(path, json={"overlap_seconds": 60} if path != keys_of else {"role": "viewer"})
        assert (refused.status_code, refused.json()["code"]) == (409, "conflict")
        assert "1,000 valid keys" in refused.json()["detail"]
    api.post(f"{keys_of}/{last['key_id']}/rotate", json={"overlap_seconds": 0}).raise_for_status()


def test_of_those_that_make_and_rotate_keys_at_once_no_two_have_the_last_one(
    superuser: psycopg.Connection, database_url: str
) -> None:
    workspace_id = add_workspace(superuser)
    superuser.execute(
        """
        insert into kronos.api_keys (public_id, secret_sha256, role, workspace_id)
        select gen_random_uuid()::text, sha256('x'), 'viewer', %s from generate_series(1, 998)
        """,
        [workspace_id],
    )
    old = values(superuser, "select key_id from kronos.api_keys where workspace_id = %s limit 4", [workspace_id])
    make = "select from kronos.make_key(gen_random_uuid()::text, sha256('y'), 'viewer', false, null, null, 'x')"
    rotate = "select from kronos.rotate_key(%s, gen_random_uuid()::text, sha256('y'), interval '1 hour', null, 'x')"

    def called(key_id: UUID | None) -> str:
        with psycopg.connect(database_url) as connection:
            connection.execute("select set_config('kronos.workspace_id', %s, true)", [str(workspace_id)])
            try:
                connection.execute(*((rotate, [key_id]) if key_id else (make, [])))
            except psycopg.Error as error:
                return str(error.sqlstate)
            return "made"

    with ThreadPoolExecutor(8) as callers:
        assert Counter(callers.map(called, [*old, *[None] * 4])) == {"made": 2, "KR044": 6}
    held = "select count(*) from kronos.api_keys where workspace_id = %s"
    assert value(superuser, held, [workspace_id]) == 1000
