"""Alerts against a small reference model. Whatever ends, in whatever order, however often it is evaluated and whatever
crashes, each violation of a condition is one incident, reported once when it begins and once when it is over.
"""

import random
from dataclasses import dataclass, field
from typing import Any

import psycopg
import pytest

from alert_rows import add_rule, end_runs, incidents, told
from depth import depth
from factory import EndpointRow, add_endpoint
from sql_factory import Connection, make_cron_job, value

_CONDITIONS: list[dict[str, Any]] = [
    {"type": "FAILURES", "count": 1},
    {"type": "FAILURES", "count": 3},
    {"type": "MISSED", "count": 2},
    {"type": "FAILURE_RATE", "percent": 50, "runs": 4, "min_runs": 3},
]


@dataclass
class Reference:
    """One subject of one rule, as a person would judge it: end by end, and evaluation by evaluation."""

    condition: dict[str, Any]
    ends: list[str] = field(default_factory=list)
    has_broken: bool = False
    is_open: bool = False
    opened: int = 0
    resolved: int = 0

    def end(self, letter: str) -> None:
        self.ends.append(letter)
        if self.condition["type"] != "FAILURE_RATE":
            self.has_broken = self.has_broken or self._is_broken()

    def evaluate(self) -> None:
        is_broken = self._is_broken()
        if self.is_open:
            if not is_broken:
                self.is_open, self.resolved = False, self.resolved + 1
        elif self.has_broken or is_broken:
            self.is_open, self.opened = True, self.opened + 1
        self.has_broken = False

    def _is_broken(self) -> bool:
        if self.condition["type"] == "FAILURE_RATE":
            last = [each for each in self.ends if each in "SFE"][-4:]
            return len(last) >= 3 and sum(each != "S" for each in last) * 100 >= 50 * len(last)
        bad, good = ("M", "SF") if self.condition["type"] == "MISSED" else ("FE", "S")
        streak = 0
        for each in reversed(self.ends):
            if each in good:
                break
            streak += each in bad
        return streak >= int(self.condition["count"])


def _evaluated(connection: Connection, url: str, chance: random.Random) -> None:
    """Evaluate, sometimes after an evaluation that crashed or during another one."""
    match chance.randrange(4):
        case 0:
            with psycopg.connect(url) as dying:
                dying.execute("select kronos.evaluate_alerts()")
                dying.rollback()
        case 1:
            with psycopg.connect(url) as other:
                other.execute("select kronos.evaluate_alerts()")
                assert value(connection, "select kronos.evaluate_alerts()") == {"busy": True}
                other.commit()
                return
    connection.execute("select kronos.evaluate_alerts()")


@pytest.mark.parametrize("seed", range(depth(4, deep=60)))
def test_each_time_that_a_condition_is_broken_is_one_incident(
    shared: Connection, module_database_url: str, seed: int
) -> None:
    chance = random.Random(seed)
    endpoint = add_endpoint(shared)
    jobs = [make_cron_job(shared, endpoint, name=f"j{nth}") for nth in range(2)]
    hooks: dict[int, EndpointRow] = {}
    rules: dict[int, Any] = {}
    references: dict[tuple[int, Any], Reference] = {}
    for nth, condition in enumerate(_CONDITIONS):
        hooks[nth] = add_endpoint(shared, endpoint.workspace_id)
        rules[nth] = add_rule(shared, endpoint, condition, tells=[hooks[nth]])
        references |= {(nth, job): Reference(condition=condition) for job in jobs}
    for _ in range(25):
        if chance.random() < 0.35:
            _evaluated(shared, module_database_url, chance)
            for each in references.values():
                each.evaluate()
        else:
            job, letters = chance.choice(jobs), "".join(chance.choices("SFMEKC", [4, 4, 2, 1, 1, 1], k=2))
            end_runs(shared, job, letters)
            for nth in range(len(_CONDITIONS)):
                for letter in letters:
                    references[nth, job].end(letter)
    for _ in range(2):
        shared.execute("select kronos.evaluate_alerts()")
        for each in references.values():
            each.evaluate()
    for nth, rule_id in rules.items():
        for job in jobs:
            found = [each for each in incidents(shared, rule_id) if each["subject_id"] == job]
            wanted = references[nth, job]
            context = (seed, _CONDITIONS[nth], "".join(wanted.ends))
            assert (len(found), sum(each["status"] == "RESOLVED" for each in found)) == (
                wanted.opened,
                wanted.resolved,
            ), context
            assert all(each["times_said"] == 1 + (each["status"] == "RESOLVED") for each in found), context
        said = told(shared, hooks[nth])
        mine = [references[nth, job] for job in jobs]
        for event, number in (
            ("OPENED", sum(each.opened for each in mine)),
            ("RESOLVED", sum(each.resolved for each in mine)),
        ):
            assert sum(each["count"] for each in said if each["event"] == event) == number
