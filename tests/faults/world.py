"""The system that the state machine acts on, and the expected results of its requests."""

from collections import Counter
from dataclasses import dataclass, field

import psycopg

from faults.scene import Scene, fire

FOREIGN = """
insert into cron.job (schedule, command, nodename, nodeport, database, username, jobname)
values ('0 1 * * *', 'vacuum', 'h', 1, 'd', 'postgres', 'backup')
"""

# The status of a request without a fault, by the status of the job it names.
ANSWERS: dict[str, dict[str | None, int]] = {
    "patch": {"ACTIVE": 200, "PAUSED": 200, "RETIRED": 409, None: 404},
    "delete": {"ACTIVE": 200, "PAUSED": 200, "RETIRED": 200, None: 404},
    "pause": {"ACTIVE": 200, "PAUSED": 200, "RETIRED": 409, None: 404},
    "resume": {"ACTIVE": 200, "PAUSED": 200, "RETIRED": 409, None: 404},
    "trigger": {"ACTIVE": 202, "PAUSED": 202, "RETIRED": 409, None: 404},
}
# The requests that must meet a fault, by its point and the same status.
WRITES_ENTRY = {("create", None), ("patch", "ACTIVE"), ("resume", "PAUSED")}
TOUCHES_ENTRY = WRITES_ENTRY | {("delete", "ACTIVE"), ("pause", "ACTIVE")}
WRITES_ROW = TOUCHES_ENTRY | {("patch", "PAUSED"), ("delete", "PAUSED")}
MEETS = {
    "row": WRITES_ROW,
    "commit": WRITES_ROW,
    "entry": WRITES_ENTRY,
    "read_only": TOUCHES_ENTRY,
    "locked": WRITES_ROW,
}


@dataclass(frozen=True, kw_only=True)
class World:
    """Two API servers on one database, the superuser, and the backend in which pg_cron's work is done."""

    a: Scene
    b: Scene
    superuser: psycopg.Connection
    url: str
    counts: Counter[str] = field(default_factory=Counter)
    backends: list[psycopg.Connection] = field(default_factory=list)

    def ring(self, job: str) -> None:
        """Do what pg_cron does at an alarm. One backend for all, with its plans, until a fault ends it."""
        if not self.backends or self.backends[-1].closed:
            self.backends.append(psycopg.connect(self.url, autocommit=True))
        fire(self.backends[-1], job)
