"""`kronos workspace …`: create, change, limit and delete workspaces, over the API."""

from pathlib import Path

import click

from kronos.cli.administrator import done, home_option, instance
from kronos.cli.command import NULL, Api, command, given, group
from kronos.cli.confirmation import Consent, confirmed
from kronos.cli.exits import Ended, Exit
from kronos.cli.following import watch_option
from kronos.cli.operation import OPERATION

_FIELDS = ("slug", "name", "status", "version", "workspace_id", "created_at", "suspended_at", "jobs_left",
           "max_concurrency", "in_flight", "organization")  # fmt: skip
_USED = (
    "workspace",
    "cron_jobs",
    "executions_per_day",
    "input_bytes",
    "concurrency",
    "alarms_per_minute",
    "heartbeats",
    "alert_rules",
)
_QUOTAS = (
    "max_cron_jobs",
    "max_executions_per_day",
    "max_input_bytes",
    "max_concurrency",
    "max_alarms_per_minute",
    "max_heartbeats",
    "max_alert_rules",
)
_MINE = {"workspace": "SLUG", "name": "NAME", "status": "STATUS", "overdue_jobs": "OVERDUE JOBS",
         "failing_endpoints": "FAILING ENDPOINTS", "dead_letters": "DEAD LETTERS"}  # fmt: skip
_COLUMNS = {"slug": "SLUG", "name": "NAME", "status": "STATUS", "created_at": "CREATED"}


@group
def workspace() -> None:
    """Workspaces: tenants, each with its jobs and endpoints."""


@command(workspace, in_workspace=False)
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1), help="Maximum number of rows.")
@click.option("--organization", help="Only workspaces of this organization, by slug.")
def ls(api: Api, limit: int, organization: str | None) -> None:
    """List workspaces, newest first.

    kronos workspace ls --plain | cut -f1
    """
    try:
        rows = api.rows(limit=limit, organization=organization)
    except Ended as error:
        if error.exit_code == Exit.REFUSED:
            api.of(None).get("me")  # raises if the key is rejected everywhere
            hint = "hint: List the workspaces that this key may see: `kronos workspace mine`."
            raise Ended(f"{error.message}\n{hint}", Exit.REFUSED) from None
        raise
    api.list(rows, _COLUMNS, empty="no workspace yet; create one: kronos workspace create acme")


@command(workspace, in_workspace=False)
@click.argument("slug")
def get(api: Api, slug: str) -> None:
    """Show one workspace.

    kronos workspace get acme
    """
    api.show(api.get(slug), _FIELDS)


@command(workspace, in_workspace=False)
@click.argument("slug")
@click.option("--name", help="Display name.  [default: the slug]")
@click.option("--max-concurrency", type=int, help="Maximum number of deliveries at the same time.  [default: no limit]")
@click.option("--organization", help="Organization that it belongs to, by slug.  [default: none]")
def create(api: Api, slug: str, name: str | None, max_concurrency: int | None, organization: str | None) -> None:
    """Create the workspace SLUG. The slug is its name in URLs.

    kronos workspace create acme --name 'Acme & Co'
    """
    body = given(slug=slug, name=name, max_concurrency=max_concurrency, organization=organization)
    api.show(api.send("POST", body=body), _FIELDS)


@command(workspace, in_workspace=False)
@click.argument("slug")
@click.option("--name", help="Display name.")
@click.option(
    "--status",
    type=click.Choice(["ACTIVE", "SUSPENDED"], case_sensitive=False),
    help="SUSPENDED stops all jobs of the workspace.",
)
@click.option("--max-concurrency", type=int, help="Maximum number of deliveries at the same time; 0: no limit.")
def edit(api: Api, slug: str, name: str | None, status: str | None, max_concurrency: int | None) -> None:
    """Rename, limit, suspend or resume a workspace.

    kronos workspace edit acme --status SUSPENDED
    """
    limit = NULL if max_concurrency == 0 else max_concurrency
    api.show(api.send("PATCH", slug, body=given(name=name, status=status, max_concurrency=limit)), _FIELDS)


@command(workspace, in_workspace=False)
@click.argument("slug")
@click.option("--dry-run", "--validate-only", "dry_run", is_flag=True, help="Only count what would be deleted.")
@watch_option
@confirmed
def rm(api: Api, slug: str, dry_run: bool, watch: bool | None, consent: Consent) -> None:
    """Delete a workspace with everything in it.

    kronos workspace rm acme --dry-run
    kronos workspace rm acme --confirm acme

    This deletes its pg_cron entries, jobs, history, secrets, endpoints and keys. The workspace disappears immediately;
    its rows are deleted in the background: kronos operation watch -w SLUG OPERATION. Confirm with SLUG, or with the
    display name.
    """
    if dry_run:
        fields = ("workspace", "is_empty", "counted_up_to", "contents")
        api.show(api.send("DELETE", slug, query={"validate_only": "true"}), fields)
        return
    if consent.name is None:  # otherwise the API checks the name: it knows both
        consent.require("delete, with everything in it, the workspace", slug)
    found = api.send("DELETE", slug, query={"confirm": consent.name or slug})
    if isinstance(found, dict) and "operation_id" in found:
        OPERATION.begun(api.of(slug), found, watch)
    else:
        api.say(f"workspace {slug} is deleted", found)


@command(workspace, in_workspace=False)
@click.argument("slug")
def usage(api: Api, slug: str) -> None:
    """Show what a workspace uses of its quotas.

    kronos workspace usage acme
    """
    api.show(api.get(slug, "usage"), _USED)


@command(workspace, in_workspace=False)
@click.argument("slug")
@click.option("--max-cron-jobs", type=int, help="Maximum number of ACTIVE and PAUSED CRON jobs.")
@click.option("--max-executions-per-day", type=int, help="Maximum number of executions created per day, in UTC.")
@click.option("--max-input-bytes", type=int, help="Maximum size of one input, as JSON.")
@click.option("--max-concurrency", type=int, help="Maximum number of deliveries at the same time.")
@click.option(
    "--max-alarms-per-minute", type=int, help="Maximum number of pg_cron entries that can ring in one minute."
)
@click.option("--max-heartbeats", type=int, help="Maximum number of heartbeats.")
@click.option("--max-alert-rules", type=int, help="Maximum number of alert rules.")
@click.option(
    "--none", "drops", multiple=True, metavar="NAME", help="Remove this limit, such as max_cron_jobs; repeatable."
)
def quotas(api: Api, slug: str, drops: tuple[str, ...], **limits: int | None) -> None:
    """Show a workspace's quotas, or change some of them.

    kronos workspace quotas acme --max-cron-jobs 500
    """
    present = api.get(slug, "quotas", fields=_QUOTAS)
    changed = given(**{**limits, **dict.fromkeys(drops, NULL)})
    if changed:
        etag = f'"{present["version"]}"'
        kept = {name: present[name] for name in _QUOTAS}
        present = api.send("PUT", slug, "quotas", body={**kept, **changed}, if_match=etag)
    api.show(present, ("workspace", *_QUOTAS, "version"))


@workspace.command("grant-sql")
@click.argument("slug")
@click.argument("role")
@home_option
def grant_sql(slug: str, role: str, home: Path | None) -> None:
    """Let a database role create jobs with SQL.

    kronos workspace grant-sql acme billing_app

    ROLE can then create jobs of the workspace SLUG in its own transactions, with kronos.enqueue. It can do nothing
    else, and nothing in other workspaces. This command changes the database, with the URL that `kronos migrate` uses.
    """
    from kronos import sql_grants  # here: commands that use the API do not need psycopg, 0.1 s

    url, _ = instance(home)
    made = done(lambda: sql_grants.grant(url, slug, role))
    click.echo(f"role {role} can create jobs in workspace {made}: select kronos.enqueue('ENDPOINT', '{{}}')")


@workspace.command("revoke-sql")
@click.argument("slug")
@click.argument("role")
@home_option
def revoke_sql(slug: str, role: str, home: Path | None) -> None:
    """Undo grant-sql. Jobs that the role created stay. Safe to run again.

    kronos workspace revoke-sql acme billing_app
    """
    from kronos import sql_grants  # here, as above

    url, _ = instance(home)
    had_it = done(lambda: sql_grants.revoke(url, slug, role))
    click.echo(f"role {role} can no longer create jobs" if had_it else f"role {role} had no grant: nothing was changed")


@workspace.command("ls-sql")
@home_option
def ls_sql(home: Path | None) -> None:
    """List the roles that can create jobs with SQL.

    kronos workspace ls-sql
    """
    from kronos import sql_grants  # here, as above

    url, _ = instance(home)
    found = done(lambda: sql_grants.listed(url))
    if not found:
        click.echo("no role can create jobs with SQL yet; grant it: kronos workspace grant-sql SLUG ROLE", err=True)
    for each in found:
        gone = "" if each.is_there else "  (the role does not exist)"
        click.echo(f"{each.role_name}  {each.workspace}{gone}")


@command(workspace, in_workspace=False)
def mine(api: Api) -> None:
    """List the workspaces that you may see. Shows what needs attention in each.

    kronos workspace mine
    """
    answer = api.of(None).get("me", "workspaces", fields=("data",))
    api.list(api.rows_of(answer, "data"), _MINE, empty="this key belongs to no workspace")
