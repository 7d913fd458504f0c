"""Pages that have nothing to show: their commands work as printed, and errors lead on."""

import shlex

import httpx
import psycopg
from click.testing import CliRunner
from lxml import html

from conftest import Api, holding
from dashboard.conftest import Reader
from factory import add_key
from kronos.__main__ import main

_PARTS = (
    "endpoints", "jobs", "executions", "alerts", "calendars", "heartbeats", "keys", "secrets", "operations", "load",
    "load/plan", "",
)  # fmt: skip


def test_each_command_on_an_empty_page_works_as_printed(
    api: httpx.Client, shared_api: Api, origin: str, reader: Reader, workspace: str
) -> None:
    """Placeholders in capitals are filled in. The workspace's endpoint sink is deleted, so that all pages are empty."""
    api.delete(f"/v1/workspaces/{workspace}/endpoints/sink").raise_for_status()
    found = [
        (part, command)
        for part in _PARTS
        for command in reader(f"/w/{workspace}/{part}".rstrip("/")).xpath("//main//code/text()")
        if command.startswith("kronos ") and "-w " in command
    ]
    assert {part for part, _ in found} == set(_PARTS)
    for number, (part, command) in enumerate(found):
        filled = command.replace("ENDPOINT", "hooks").replace("JOB", "weekly-report").replace("NAME", "any")
        if "job create" in filled:
            filled = filled.replace("nightly-report", f"nightly-{number}")
        elif "nightly-report" in filled:
            filled = filled.replace("nightly-report", "weekly-report")
        words, _, stdin = filled.partition(" < ")
        ran = CliRunner().invoke(
            main,
            shlex.split(words)[1:],
            input="a token" if stdin else None,
            env={"KRONOS_URL": origin, "KRONOS_API_KEY": shared_api.key},
        )
        assert ran.exit_code == 0, (part, command, ran.output)


def test_an_error_page_leads_on(shared_api: Api, shared_superuser: psycopg.Connection, workspace: str) -> None:
    """A link that works, the right person to turn to, and each fault once."""
    absent = html.document_fromstring(shared_api.client.get("/w/no-such").text)
    assert absent.xpath("//main//a/@href") == ["/w"]
    wrong = html.document_fromstring(shared_api.client.get(f"/w/{workspace}/executions/123").text)
    assert wrong.xpath("string(//main)").count("is not a valid execution id") == 1
    assert "An id is a UUID" in wrong.xpath("string(//main)")
    with holding(shared_api.client, add_key(shared_superuser, workspace, "viewer")) as viewer:
        assert "Only the administrator of the instance" in viewer.get("/system").text
        assert "An admin of the workspace" in viewer.get(f"/w/{workspace}/keys").text
