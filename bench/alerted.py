"""The cost of alert rules per delivery: one worker and its PostgreSQL, in turns in an instance that never had a rule,
with rules in another workspace, and with ten rules over all deliveries. `python -m bench.alerted`

Reports CPU µs per delivery, for the worker and for PostgreSQL. With rules, this includes the evaluation that reads
ended executions.
"""

import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import click
import psycopg
from psycopg.types.json import Jsonb

from bench import common
from bench.common import WORKSPACE, Instance
from bench.features import Bench
from kronos.model import Json

_NONE, _ELSEWHERE, _RULES = "no rule ever", "rules elsewhere", "ten rules"
_CONDITIONS: tuple[Json, ...] = (
    {"type": "FAILURES", "count": 3},
    {"type": "FAILURES", "count": 10},
    {"type": "MISSED", "count": 1},
    {"type": "LATE", "seconds": 600},
    {"type": "RUNNING", "seconds": 600},
    {"type": "FAILURE_RATE", "percent": 50, "runs": 20, "min_runs": 20},
    {"type": "FAILURE_RATE", "percent": 5, "window_seconds": 3600, "min_runs": 20},
    {"type": "NO_SUCCESS", "seconds": 3600},
    {"type": "NO_SUCCESS", "seconds": 86400},
    {"type": "MISSED", "count": 5},
)
_ADD = """
insert into kronos.alert_rules (workspace_id, name, condition, per, is_enabled)
select workspace_id, 'rule-' || %(nth)s, %(condition)s, 'ALL', %(is_enabled)s
  from kronos.workspaces where slug = %(workspace)s
"""


class Alerted:
    """The instance, with the rules for each sample."""

    def __init__(self, one: Instance, stack: ExitStack, count: int) -> None:
        self._count = count
        self._sample = Bench(one, stack, count).sampler("plain")
        self._connection = stack.enter_context(one.connect())

    def sampler(self, kind: str) -> Callable[[], dict[str, float]]:
        """Return samples with these rules. A disabled rule acts like one of another workspace: this one has none."""

        def sample() -> dict[str, float]:
            self._connection.execute("delete from kronos.alert_rules")
            self._connection.execute("delete from kronos.alert_ends")
            self._connection.execute("select setval('kronos.alert_rules_made', 1, false)")
            for nth, condition in enumerate(() if kind == _NONE else _CONDITIONS):
                self._connection.execute(
                    _ADD,
                    {
                        "nth": nth,
                        "condition": Jsonb(condition),
                        "is_enabled": kind == _RULES,
                        "workspace": WORKSPACE,
                    },
                )
            found = self._sample()
            began = _cpu_seconds(self._connection)
            self._connection.execute("select kronos.evaluate_alerts(60)")
            evaluated = (_cpu_seconds(self._connection) - began) * 1_000_000 / self._count
            return {**found, "evaluated": evaluated, "all": found["both"] + evaluated}

        return sample


def _cpu_seconds(connection: psycopg.Connection[tuple[Json, ...]]) -> float:
    """Return the CPU seconds of the session's process."""
    text = Path(f"/proc/{connection.info.backend_pid}/schedstat").read_text(encoding="ascii")
    return int(text.split()[0]) / 1e9


@click.command(help=__doc__)
@click.option("--runs", default=7, show_default=True)
@common.tries
@click.option("--count", default=8_000, show_default=True, help="Deliveries per sample.")
def main(runs: int, tries: int, count: int) -> None:
    """Measure and print the table."""
    with ExitStack() as stack:
        one = stack.enter_context(common.instance())
        alerted = Alerted(one, stack, count)
        samplers = {kind: alerted.sampler(kind) for kind in (_NONE, _ELSEWHERE, _RULES)}
        for sampler in samplers.values():  # warms up plans, caches and connections
            sampler()
        series = common.take_turns(samplers, runs=runs, tries=tries)
        columns = [
            ("worker", "CPU µs a delivery, worker", 0),
            ("postgres", "PostgreSQL", 0),
            ("evaluated", "an evaluation", 2),
            ("all", "all", 0),
        ]
        note = f"{one.cluster.installation}, fsync on; {count:,} deliveries a sample."
        common.report("What alert rules cost a delivery", series, columns, ratio=("all", _NONE), note=note)


if __name__ == "__main__":
    sys.exit(main())
