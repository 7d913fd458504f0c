"""The command line's root: `kronos COMMAND`, or `python -m kronos COMMAND`. The only place that wires parts together."""

import click

from kronos.cli.doctor import doctor
from kronos.cli.job import job
from kronos.cli.next import next_command
from kronos.cli.processes import migrate, serve, worker
from kronos.cli.up import up


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="kronos")
def main() -> None:
    """Kronos: a job scheduler on PostgreSQL and pg_cron that accounts for every tick."""


main.add_command(up)
main.add_command(serve)
main.add_command(worker)
main.add_command(migrate)
main.add_command(doctor)
main.add_command(job)
main.add_command(next_command, name="next")

if __name__ == "__main__":
    main(prog_name="kronos")
