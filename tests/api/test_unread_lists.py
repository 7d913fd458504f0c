"""Responses that no client reads hold neither memory nor connections to PostgreSQL, and other clients are served
meanwhile.
"""

import select
import socket
from contextlib import ExitStack
from pathlib import Path

import httpx
import psycopg

from api_process import serving, wait_for
from conftest import PLAIN, make_workspace
from kronos import keys

LISTS = 12


def is_cut(connection: socket.socket) -> bool:
    """Whether the server has closed the connection, or does within 50 ms, without reading from it."""
    closed = select.poll()
    closed.register(connection, 0)
    try:
        connection.sendall(b"\r\n")
    except OSError:
        return True
    return bool(closed.poll(50))


def test_twelve_lists_that_nobody_reads_hold_nothing(
    database_url: str, superuser: psycopg.Connection, tmp_path: Path
) -> None:
    keys.ensure_admin_key(database_url, tmp_path / "admin.key")
    key = (tmp_path / "admin.key").read_text().strip()
    with (
        serving(database_url, KRONOS_WRITE_SECONDS="1", KRONOS_EGRESS_ALLOW="127.0.0.0/8") as process,
        ExitStack() as stack,
    ):
        client = stack.enter_context(
            httpx.Client(base_url=process.url, headers={"Authorization": f"Bearer {key}"}, verify=PLAIN, timeout=60)
        )
        workspace = make_workspace(client)
        job = {
            "endpoint": "sink",
            "trigger": "DELAYED",
            "run_at": "2099-01-01T00:00:00Z",
            "input": {"text": "x" * 240_000},
        }
        job["tags"] = ["with-a-row"]  # in kronos.jobs, so that it can have more than one execution
        client.post(f"/v1/workspaces/{workspace}/jobs", json=job).raise_for_status()
        superuser.execute(
            """
            insert into kronos.execution_live (execution_id, workspace_id, job_id, endpoint_id,
                endpoint_version, cause, scheduled_at,
                                               run_at, visible_at, max_attempts, max_crashes, timeout_ms, input)
            select kronos.uuid7(), workspace_id, job_id, endpoint_id, endpoint_version, 'MANUAL', scheduled_at,
                   run_at, visible_at,
                   max_attempts, max_crashes, timeout_ms, input
              from kronos.execution_live
             cross join generate_series(1, 199)
            """
        )
        path = f"/v1/workspaces/{workspace}/executions?limit=200"
        page = client.get(path)
        assert (page.status_code, len(page.content) < 1_200_000) == (200, True)
        before = process.resident_bytes()

        connections = []
        for _ in range(LISTS):
            connection = stack.enter_context(socket.socket())
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.settimeout(60)
            connection.connect((page.url.host, page.url.port))
            connection.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\n\r\n".encode() * 3)
            connections.append(connection)
        peak = before
        for connection in connections:
            while not is_cut(connection):
                peak = max(peak, process.resident_bytes())
                assert client.get("/healthz").status_code == 200

        assert peak - before < 100 * 1024 * 1024  # it used to be 1.1 GB
        wait_for(lambda: process.resident_bytes() - before < 24 * 1024 * 1024, "the memory to be given back")
        assert client.get(path).status_code == 200
