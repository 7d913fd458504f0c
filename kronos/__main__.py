"""The root of the command line: `kronos COMMAND`, or `python -m kronos COMMAND`. The only module that wires the parts
together."""

import click

from kronos.cli.root import Root

_COMMANDS = {
    "up": "kronos.cli.up:up",
    "serve": "kronos.cli.processes:serve",
    "worker": "kronos.cli.processes:worker",
    "migrate": "kronos.cli.migrate:migrate",
    "doctor": "kronos.cli.doctor:doctor",
    "support-bundle": "kronos.cli.support_bundle:support_bundle",
    "retention": "kronos.cli.retention:retention",
    "context": "kronos.cli.context:context",
    "key": "kronos.cli.key:key",
    "role-mapping": "kronos.cli.role_mapping:role_mapping",
    "organization": "kronos.cli.organization:organization",
    "workspace": "kronos.cli.workspace:workspace",
    "endpoint": "kronos.cli.endpoint:endpoint",
    "calendar": "kronos.cli.calendar:calendar",
    "config": "kronos.cli.documents:config",
    "payload-spec": "kronos.cli.documents:payload_spec",
    "secret": "kronos.cli.secret:secret",
    "secrets": "kronos.cli.secrets:secrets",
    "job": "kronos.cli.job_commands:job",
    "plan": "kronos.cli.apply:plan",
    "apply": "kronos.cli.apply:apply",
    "export": "kronos.cli.export:export",
    "execution": "kronos.cli.execution:execution",
    "heartbeat": "kronos.cli.heartbeat:heartbeat",
    "run-and-ping": "kronos.cli.run_and_ping:run_and_ping",
    "backfill": "kronos.cli.backfill:backfill",
    "dead-letter": "kronos.cli.dead_letter:dead_letter",
    "alert": "kronos.cli.alert:alert",
    "alert-rule": "kronos.cli.alert:alert_rule",
    "operation": "kronos.cli.operation:operation",
    "wait": "kronos.cli.wait:wait",
    "audit": "kronos.cli.audit:audit",
    "import": "kronos.cli.imports:import_group",
    "logs": "kronos.cli.logs:logs",
    "overview": "kronos.cli.overview:overview",
    "top": "kronos.cli.top:top",
    "load": "kronos.cli.load:load",
    "capacity": "kronos.cli.capacity:capacity_command",
    "lint": "kronos.cli.lint:lint",
    "system": "kronos.cli.system:system",
    "me": "kronos.cli.overview:me",
    "next": "kronos.cli.next:next_command",
    "mcp": "kronos.mcp.command:mcp",
    "psql": "kronos.cli.psql:psql",
    "completion": "kronos.cli.completion:completion",
}


@click.group(cls=Root, places=_COMMANDS, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="kronos")
def main() -> None:
    """Kronos: a job scheduler on PostgreSQL and pg_cron that accounts for every tick.

    kronos up --demo
    kronos job ls --workspace demo
    kronos job create report --workspace demo --endpoint demo-receiver --cron '0 9 * * 1'
    """


if __name__ == "__main__":
    main(prog_name="kronos")
