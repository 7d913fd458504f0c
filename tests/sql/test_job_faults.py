"""Why a job's ticks cannot be accounted for: the error at its pointer, or else what is evidently wrong with the job."""

import uuid

import pytest
from psycopg import sql

from factory import EndpointRow, add_endpoint, add_named_one_shot
from sql_factory import Connection, Record, make_cron_job, value

_MALFORMED = "update kronos.jobs set schedule.months = 1 << 20 where job_id = %s"


@pytest.fixture
def endpoint(shared: Connection) -> EndpointRow:
    return add_endpoint(shared)


def fault(connection: Connection, job_id: uuid.UUID) -> Record | None:
    found: Record | None = value(
        connection, "select kronos.job_fault(job) from kronos.jobs as job where job_id = %s", [job_id]
    )
    return found


def met(connection: Connection, job_id: uuid.UUID) -> None:
    """Record that accounting for the job's ticks failed."""
    connection.execute("select kronos.record_job_fault(array[%s::uuid], '22008', 'no such hour')", [job_id])


def test_a_sound_job_has_none(shared: Connection, endpoint: EndpointRow) -> None:
    assert fault(shared, make_cron_job(shared, endpoint)) is None


def test_what_accounting_met_is_told_while_the_pointer_stands_there(shared: Connection, endpoint: EndpointRow) -> None:
    job_id, another = make_cron_job(shared, endpoint), make_cron_job(shared, endpoint)
    met(shared, job_id)
    told = fault(shared, job_id)
    assert told is not None
    assert (told["sqlstate"], told["message"]) == ("22008", "no such hour")
    failed_at = "select kronos.iso(failed_at) from kronos.job_faults where job_id = %s"
    assert told["failed_at"] == value(shared, failed_at, [job_id])
    assert fault(shared, another) is None
    shared.execute(
        "update kronos.pointers set next_tick_at = next_tick_at + interval '1 minute' where job_id = %s", [job_id]
    )
    assert fault(shared, job_id) is None


def test_one_without_a_pointer_has_what_was_met_without_one(shared: Connection, endpoint: EndpointRow) -> None:
    job_id = make_cron_job(shared, endpoint)
    shared.execute("delete from kronos.pointers where job_id = %s", [job_id])
    met(shared, job_id)
    told = fault(shared, job_id)
    assert told is not None
    assert told["message"] == "no such hour"


@pytest.mark.parametrize(
    ("harm", "message"),
    [
        (_MALFORMED, "month"),
        (
            "update kronos.endpoints set version = 99 where endpoint_id = (select endpoint_id from kronos.jobs where"
            " job_id = %s)",
            "the current version of its endpoint does not exist",
        ),
    ],
)
def test_before_accounting_has_met_it_what_is_plainly_wrong_is_told(
    shared: Connection, endpoint: EndpointRow, harm: str, message: str
) -> None:
    job_id = make_cron_job(shared, endpoint)
    shared.execute(sql.SQL(harm), [job_id])
    told = fault(shared, job_id)
    assert told is not None
    assert message in told["message"]
    assert (told["sqlstate"], told["failed_at"]) == ("22023", None)


def test_a_job_that_is_over_or_has_no_schedule_has_none(shared: Connection, endpoint: EndpointRow) -> None:
    over = make_cron_job(shared, endpoint)
    met(shared, over)
    shared.execute("update kronos.jobs set status = 'RETIRED' where job_id = %s", [over])
    assert fault(shared, over) is None
    assert fault(shared, add_named_one_shot(shared, endpoint)) is None
