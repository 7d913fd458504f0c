"""Operations over jobs, processed as the workers' upkeep does."""

from collections.abc import Callable

import psycopg

from conftest import await_condition

_STEP = "select kronos.change_jobs()"


def work_off(superuser: psycopg.Connection, is_over: Callable[[], object]) -> None:
    """Run steps until the operation reaches that state."""

    def stepped() -> object:
        superuser.execute(_STEP)
        return is_over()

    await_condition(stepped, "the operation to be over")


def rest(superuser: psycopg.Connection) -> None:
    """Run all due steps, including those of other tests' operations, which may be in the same database."""
    while (superuser.execute(_STEP).fetchone() or (0,))[0]:
        pass
