"""The state before a page's first command: a workspace of its own, and the things that the page uses."""

import json
import os
import sys
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import psycopg

import quick
from cli.stranger import Stranger
from conftest import await_condition
from dead_letter_rows import Failing
from embedded.conftest import Up
from factory import add_key
from kronos import sql_grants
from terminal import Rules

_NOWHERE = "http://127.0.0.1:9/hook"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """The instance that all pages share, and a page's own workspace, folder and database connection."""

    up: Up
    client: httpx.Client
    superuser: psycopg.Connection
    workspace: str
    folder: Path
    home: Path
    ending: ExitStack

    @property
    def path(self) -> str:
        """The workspace's path in the API."""
        return f"/v1/workspaces/{self.workspace}"

    def post(self, path: str, **body: object) -> httpx.Response:
        """Create something in the workspace."""
        made = self.client.post(f"{self.path}/{path}", json=body)
        assert made.is_success, made.text
        return made

    def variables(self) -> dict[str, str]:
        """The environment of a user on the instance's own machine."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("KRONOS_", "PG", "XDG_"))}
        return kept | {
            "PATH": f"{Path(sys.executable).parent}:{kept['PATH']}",
            "HOME": str(self.home),
            "KRONOS_URL": self.up.url,
            "KRONOS_API_KEY": (self.up.home / "admin.key").read_text().strip(),
            "KRONOS_WORKSPACE": self.workspace,
        }

    def at_a_shell(self) -> dict[str, str]:
        """The same, for commands that end."""
        variables = self.variables()
        return variables | {"PATH": f"{quick.folder()}:{variables['PATH']}"}

    def of_a_server(self) -> dict[str, str]:
        """The same, for processes that are started in addition to the instance's own."""
        return self.variables() | {
            "KRONOS_DATABASE_URL": str(self.up.told["database_url"]),
            "KRONOS_ENCRYPTION_KEY_FILE": str(self.up.home / "encryption.key"),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """How a page's words map to what is run, and which parts of its output vary."""

    prepare: Callable[[Stage], Mapping[str, str]] = lambda stage: {}
    """Create the things that the page uses; return the words of the page and what to type for them."""
    rules: Rules = field(default=())


def _audit(stage: Stage) -> Mapping[str, str]:
    stage.post("jobs", name="weekly-report", endpoint="hook", trigger="CRON", cron="0 9 * * 1")
    stage.post("jobs/weekly-report/trigger")
    stage.post("jobs/weekly-report/pause", note="until the audit")
    stage.superuser.execute("create role billing_app login")
    sql_grants.grant(str(stage.up.told["database_url"]), stage.workspace, "billing_app")
    await_condition(lambda: _is_sealed(stage.superuser), "the audit's rows to be sealed")
    return {}


def _is_sealed(superuser: psycopg.Connection) -> bool:
    """Whether all audit entries are sealed; a worker may be sealing at the same time."""
    superuser.execute("select kronos.seal_audit(1000)")
    return superuser.execute("select from kronos.audit_pending").fetchone() is None


def _recipes(stage: Stage) -> Mapping[str, str]:
    receiver = Stranger()
    stage.ending.callback(receiver.close)
    receiver.answers(500, b'{"no": "the disk is full"}')
    terms = {"spec": {"url": receiver.url}, "retry_policy": {"max_attempts": 2, "initial_delay_ms": 100}}
    stage.post("endpoints", name="full", type="HTTP", **terms)
    weekly = {"trigger": "CRON", "cron": "0 9 * * 1"}
    stage.post("jobs", name="report", endpoint="full", **weekly)
    for number in range(5):
        stage.post("jobs", name=f"report-{number}", endpoint="hook", tags=["reports"], **weekly)
    (stage.folder / "jobs.json").write_text(json.dumps([{"endpoint": "hook", **weekly}]))
    return {}


def _dead_letters(stage: Stage) -> Mapping[str, str]:
    later = {"endpoint": "hook", "trigger": "DELAYED", "run_at": "2999-01-01T00:00:00Z"}
    stage.post("jobs:batch", jobs=[{**later, "name": f"report-{number}"} for number in range(412)])
    failing = Failing(stage.client, stage.superuser, stage.path)
    failing.fail("hook", message="the endpoint answered 503, expected 200 to 299")
    return {}


def _first_job(stage: Stage) -> Mapping[str, str]:
    receiver = Stranger()
    stage.ending.callback(receiver.close)
    receiver.answers(200, b'{"sent": 12}')
    return {"http://127.0.0.1:9000/reports": receiver.url}


def _at_night(stage: Stage) -> Mapping[str, str]:
    full, mended = Stranger(), Stranger()
    for receiver in (full, mended):
        stage.ending.callback(receiver.close)
    full.answers(500, b'{"no": "the disk is full"}')
    mended.answers(200, b'{"sent": 12}')
    terms = {"spec": {"url": full.url}, "retry_policy": {"max_attempts": 2, "initial_delay_ms": 100}}
    stage.post("endpoints", name="full", type="HTTP", **terms)
    stage.post("jobs", name="report", endpoint="full", trigger="CRON", cron="0 9 * * 1")
    run = stage.post("jobs/report/trigger").json()["execution_id"]
    await_condition(
        lambda: stage.client.get(f"{stage.path}/executions/{run}").json()["status"] == "FAILED", "the report to fail"
    )
    return {"http://127.0.0.1:9000/reports": mended.url}


def _alerts(stage: Stage) -> Mapping[str, str]:
    stage.post("jobs", name="report", endpoint="hook", trigger="CRON", cron="0 9 * * 1")
    return {"$ROUTING_KEY": "R0000000000000000000000000000000"}


def _keys(stage: Stage) -> Mapping[str, str]:
    own = add_key(stage.superuser, stage.workspace, "operator")
    instances = add_key(stage.superuser, None, "instance_admin")
    return {"PUBLIC_ID --instance": f"{instances.split('_')[2]} --instance", "PUBLIC_ID": own.split("_")[2]}


def _roles(stage: Stage) -> Mapping[str, str]:
    stage.superuser.execute("create role shop login")
    return {}


def _render(stage: Stage) -> Mapping[str, str]:
    stage.post("endpoints", name="render", type="HTTP", spec={"url": _NOWHERE})
    return {}


def _token(stage: Stage) -> Mapping[str, str]:
    (stage.folder / "token.txt").write_text("a-token-of-nobody\n")
    stage.client.delete(f"{stage.path}/endpoints/hook")
    return {}


def _key_file(stage: Stage) -> Mapping[str, str]:
    (stage.folder / "assistant.key").write_text(add_key(stage.superuser, stage.workspace, "viewer"))
    return {}


def _tour(stage: Stage) -> Mapping[str, str]:
    stage.client.post("/v1/workspaces", json={"slug": "demo", "name": "demo"})
    body = {"name": "demo-receiver", "type": "HTTP", "spec": {"url": _NOWHERE}}
    stage.client.post("/v1/workspaces/demo/endpoints", json=body)
    job = {"name": "report", "endpoint": "demo-receiver", "trigger": "CRON", "cron": "0 9 * * 1"}
    stage.client.post("/v1/workspaces/demo/jobs", json=job)
    return {"http://127.0.0.1:8080": stage.up.url}


def _own_server(stage: Stage) -> Mapping[str, str]:
    """The page's server is the shared instance; its workspace is an additional one there."""
    return {
        "http://127.0.0.1:8080": stage.up.url,
        "/etc/kronos/admin.key": str(stage.up.home / "admin.key"),
        "team": f"team-{stage.workspace}",
    }


SCENES: Mapping[str, Scene] = {
    "README.md": Scene(prepare=_tour),
    "docs/audit.md": Scene(prepare=_audit, rules=[(r"(the instance): \d+ rows? holds?, 1 to \d+; head \d+", r"\1: N")]),
    "docs/cli-recipes.md": Scene(prepare=_recipes, rules=[(r"after \d+ ms", "after N ms")]),
    "docs/alerts.md": Scene(prepare=_alerts),
    "docs/dead-letters.md": Scene(prepare=_dead_letters, rules=[(r"^done \d+", "done N"), (r"\breport-\d+", "report")]),
    "docs/enqueue.md": Scene(prepare=_roles),
    "docs/keys.md": Scene(prepare=_keys),
    "docs/mcp.md": Scene(prepare=_key_file),
    "docs/postgresql.md": Scene(prepare=_own_server),
    # Retention runs at 17 minutes past the hour, and then reports from when on everything is kept.
    "docs/retention.md": Scene(rules=[(r"^\d+ ", "N "), (r'"retained_from":(?:null|"[^"]*")', '"retained_from":null')]),
    "docs/secrets.md": Scene(prepare=_token),
    # between the old time and the new one, today's run is additional
    "docs/tutorials/first-job.md": Scene(
        prepare=_first_job,
        rules=[(r"after [\d,]+ ms", "after N ms"), (r"^(added|removed) [01]$", r"\1 N"), (r"^moved [45]$", "moved N")],
    ),
    "docs/tutorials/three-in-the-morning.md": Scene(prepare=_at_night, rules=[(r"after [\d,]+ ms", "after N ms")]),
    "docs/worker-groups.md": Scene(prepare=_render),
}
"""The scenes of pages that need more than the workspace with an endpoint `hook`."""


def set_stage(stage: Stage) -> None:
    """Create the workspace, with an endpoint to which nothing is delivered."""
    made = stage.client.post("/v1/workspaces", json={"slug": stage.workspace, "name": stage.workspace})
    assert made.status_code == 201, made.text
    stage.post("endpoints", name="hook", type="HTTP", spec={"url": _NOWHERE})
