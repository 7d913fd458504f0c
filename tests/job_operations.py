"""Operations over jobs, processed as the workers' upkeep does."""

from collections.abc import Callable

import psycopg

from conftest import await_condition
from sql_factory import value

_STEP = "select kronos.change_jobs()"


def work_off(superuser: psycopg.Connection, is_over: Callable[[], object]) -> None:
    """Run steps until the operation reaches that state. Wait only where no step is due."""

    def stepped() -> object:
        while not (is_reached := is_over()) and _step(superuser):
            pass
        return is_reached

    await_condition(stepped, "the operation to be over")


def rest(superuser: psycopg.Connection) -> None:
    """Run all due steps, including those of other tests' operations, which may be in the same database."""
    while _step(superuser):
        pass


def _step(superuser: psycopg.Connection) -> int:
    """Return the number of jobs that the step processed."""
    return int(value(superuser, _STEP) or 0)
