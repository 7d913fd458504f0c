"""The cost of monitoring and retention after years: the same instance with 70 and with 700 days of history, which has
ten times the executions, incidents and heartbeat ticks, none of them removed. `python -m bench.years`

Reports the session's CPU time. Writes are rolled back, so that each run starts from the same state.
"""

import sys
from statistics import median

import click
import psycopg

from bench import common, history, machine, monitored
from bench.common import Instance

_PARTS = {
    "a scrape: system_status": "select kronos.system_status()",
    "a scrape: system_counts": "select kronos.system_counts(10000)",
    "a scrape: system_ends": "select kronos.system_ends('60 s', 10000)",
    "a scrape: system_queue": "select kronos.system_queue(1000, 10000)",
    "a scrape: system_retention": "select kronos.system_retention()",
    "a scrape: system_beats": "select kronos.system_beats(10000)",
    "each ten minutes: system_partitions": "select kronos.system_partitions()",
    "each ten minutes: signs_of_alerts": "select kronos.signs_of_alerts()",
    "each minute: evaluate_alerts": "select kronos.evaluate_alerts(60)",
    "each minute: account_beats": "select kronos.account_beats(1000)",
    "each hour: retain_beats, 5,000 at most": "select kronos.retain_beats(5000)",
    "each hour: retain_alerts, 5,000 at most": "select kronos.retain_alerts(5000, false)",
}
_SIZES = "beat_ticks", "incidents"


def _measured(connection: psycopg.Connection, statement: str, runs: int) -> float:
    """Return the median CPU milliseconds."""
    pid, took = connection.info.backend_pid, list[float]()
    for run in range(runs + 1):
        before = machine.session_seconds(pid)
        with connection.transaction(force_rollback=True):
            connection.execute(statement.encode()).fetchall()
        if run:  # the first one compiles its functions
            took.append((machine.session_seconds(pid) - before) * 1000)
    return median(took)


def _found(one: Instance, days: int, runs: int) -> dict[str, str]:
    with one.connect() as connection:
        connection.execute("update cron.job set active = false")  # so that nothing else does the measured work
        counts = [
            connection.execute(f"select count(*) from kronos.{table}".encode()).fetchall()[0][0] for table in _SIZES
        ]
        found = {f"rows of {table}": f"{count:,}" for table, count in zip(_SIZES, counts, strict=True)}
        found["weeks of history"] = f"{days // 7}"
        return found | {name: f"{_measured(connection, text, runs):.2f}" for name, text in _PARTS.items()}


@click.command(help=__doc__)
@click.option("--runs", default=9, show_default=True)
@click.option("--jobs", default=5_000, show_default=True)
@click.option("--beats", default=5_000, show_default=True)
@click.option("--rules", default=500, show_default=True)
def main(runs: int, jobs: int, beats: int, rules: int) -> None:
    """Measure and print."""
    shown: dict[str, list[str]] = {}
    for days in (70, 700):
        with common.instance() as one:
            # a run every hour and a half; a tick per heartbeat and an incident per rule every three and a half days
            history.fill(one, history.Size(jobs=jobs, one_shots=100, ticks=days * 1000, days=days, width=7))
            watched = monitored.Watched(
                workspaces=100, beats=beats, beat_ticks=days * 2 // 7, rules=rules, incidents=days * 2 // 7,
                beat_minutes=5040, incident_minutes=5040,
            )  # fmt: skip
            monitored.fill(one, watched)
            for name, value in _found(one, days, runs).items():
                shown.setdefault(name, []).append(value)
    print(f"\n{machine.description()}\n")
    print("| ms of CPU | 70 days | 700 days |\n| --- | --- | --- |")
    for name, values in shown.items():
        print(f"| {name} | {' | '.join(values)} |")


if __name__ == "__main__":
    sys.exit(main())
