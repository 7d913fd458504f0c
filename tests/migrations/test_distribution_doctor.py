"""`kronos doctor` on weeks of the history that are on other machines. The scene is test_distribution.py's."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from cli.examined import OF_THE_PROCESS
from kronos import doctor, session
from kronos.doctor import checks, old_weeks
from kronos.doctor.finding import Finding
from kronos.doctor.old_weeks import BlindRole
from migrations.moved_weeks import MovedWeeks


def found(scene: MovedWeeks) -> Finding:
    with psycopg.connect(scene.url, autocommit=True) as connection:
        connection.execute("set role kronos_owner")
        return old_weeks.old_weeks(connection)


@contextmanager
def administrator(scene: MovedWeeks) -> Iterator[str]:
    """The URL of another administrator than the one who moved the weeks."""
    scene.near.execute("create role another_administrator superuser login password 'p'")
    try:
        yield make_conninfo(scene.url, user="another_administrator", password="p")
    finally:
        scene.near.execute("drop role another_administrator")


def test_all_can_be_read(scene: MovedWeeks) -> None:
    assert found(scene).ok
    assert found(scene).detail == "4 tables of history are on other machines"


def test_another_administrator_is_told_what_the_login_does_not_see_and_all_is_examined(scene: MovedWeeks) -> None:
    with administrator(scene) as url:
        with session.connect(url, session.wanted(None)) as other, pytest.raises(psycopg.errors.UndefinedObject):
            other.execute("select from kronos.execution_done where execution_id = gen_random_uuid()")
        made = {each.check: each for each in doctor.examine(url, fix=False, progress=lambda done, of: None)}
    assert made["old weeks"].ok
    assert "another_administrator itself has no user mapping" in made["old weeks"].detail
    assert made["ledger"].ok
    assert set(made) == set(checks.CHECKS) - OF_THE_PROCESS - {"database", "fix"}


def test_servers_that_are_gone_are_said_once_and_the_rest_is_examined(scene: MovedWeeks, gone: None) -> None:
    made = {each.check: each for each in doctor.examine(scene.url, fix=False, progress=lambda done, of: None)}
    said = made["old weeks"]
    assert not said.ok
    assert said.detail.count("could not connect to server") == 1
    assert str(said.fix).startswith("start the servers of KRONOS_HISTORY_URL")
    assert set(made) == set(checks.CHECKS) - OF_THE_PROCESS - {"database", "fix"}


def test_a_reader_without_a_mapping_is_named(scene: MovedWeeks) -> None:
    scene.near.execute("drop user mapping for kronos_api server kronos_history")
    said = found(scene)
    assert not said.ok
    assert "these roles cannot read them, for lack of a user mapping: kronos_api" in said.detail
    scene.run()  # the remedy
    assert found(scene).ok


def test_a_column_that_is_not_there_yet_is_named(scene: MovedWeeks) -> None:
    scene.near.execute("alter table kronos.attempt add column of_a_test integer")
    try:
        said = found(scene)
        assert not said.ok
        assert said.detail.count("of_a_test") == 2  # of each week of attempts, and of no other
    finally:
        scene.near.execute("alter table kronos.attempt drop column of_a_test")


def test_where_no_week_has_gone_there_is_nothing_to_say() -> None:
    here = old_weeks.judged([], [], {})
    assert (here.ok, here.detail) == (True, "all weeks are on this server")


def test_many_faults_are_shown_in_part() -> None:
    said = old_weeks.judged(["w"] * 9, [BlindRole(role="kronos_api", is_us=True)], {f"w{n}": "no" for n in range(9)})
    assert "w4 (no), and 4 more" in said.detail
    assert "w5" not in said.detail
