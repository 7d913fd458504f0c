"""Operations over jobs, worked off as the workers' upkeep does it."""

from collections.abc import Callable

import psycopg

from conftest import await_condition

_STEP = "select kronos.change_jobs()"


def work_off(superuser: psycopg.Connection, is_over: Callable[[], object]) -> None:
    """Steps, until that is so."""

    def stepped() -> object:
        superuser.execute(_STEP)
        return is_over()

    await_condition(stepped, "the operation to be over")


def rest(superuser: psycopg.Connection) -> None:
    """All steps that can be made now, of other tests' operations too, which may be in the same database."""
    while (superuser.execute(_STEP).fetchone() or (0,))[0]:
        pass
