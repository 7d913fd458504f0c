"""Jobs and runs that are requested at the same time are created in one transaction. If one of them fails, only that one
fails.
"""

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import httpx
import psycopg
import pytest

from api.at_once import Process, a_job, creation, cron, made, new_schedule, process_on, read, rows, run
from conftest import Api, make_workspace
from kronos import errors, gathering
from kronos.model import Job
from sql_factory import value, values

COUNT = 12


@pytest.fixture(scope="module")
def process(shared_api: Api) -> Iterator[Process]:
    with process_on(shared_api.database_url, size=4) as made:
        yield made


@pytest.mark.parametrize("is_cron", [False, True])
def test_jobs_asked_for_at_once_are_made_in_one_transaction_and_each_is_answered_its_own(
    process: Process, shared_api: Api, workspace: str, shared_superuser: psycopg.Connection, is_cron: bool
) -> None:
    schedule = new_schedule()
    a_job(shared_api, workspace, cron=schedule)  # this process has now read the schedule and caches it for a minute
    kind = {"trigger": "CRON", "cron": schedule} if is_cron else {}
    calls = [
        creation(workspace, input={"number": number}, title=f"job {number}", tags=[f"t{number}"], **kind)
        for number in range(COUNT)
    ]

    answered = made(process.at_once(*calls))

    assert [each.input for each in answered] == [{"number": number} for number in range(COUNT)]
    assert [each.title for each in answered] == [f"job {number}" for number in range(COUNT)]
    assert len({each.created_at for each in answered}) == 1
    assert read(process, workspace, *answered) == answered
    if is_cron:
        names = [f"kronos:{each.job_id}" for each in answered]
        assert value(shared_superuser, "select count(*) from cron.job where jobname = any (%s)", [names]) == COUNT
        assert rows(shared_superuser, workspace, "pointers") == COUNT + 1
    else:
        assert rows(shared_superuser, workspace, "execution_live") == COUNT


def test_of_one_shots_that_have_nothing_else_each_is_answered_its_own_and_one_without_an_endpoint_fails_alone(
    process: Process, workspace: str, shared_superuser: psycopg.Connection
) -> None:
    calls = [
        creation(workspace, input={"number": number}, endpoint="nobody" if number == 3 else "sink")
        for number in range(COUNT)
    ]

    answered = process.at_once(*calls)

    assert isinstance(answered.pop(3), errors.EndpointNotFound)
    jobs_made = made(answered)
    assert [each.input["number"] for each in jobs_made] == [number for number in range(COUNT) if number != 3]
    assert [(each.execution or {})["input"] for each in jobs_made] == [each.input for each in jobs_made]
    assert len({each.created_at for each in jobs_made}) == 1
    shown = [each for each in read(process, workspace, *jobs_made) if isinstance(each, Job)]
    assert [(each.job_id, each.input, each.execution) for each in shown] == [
        (each.job_id, each.input, each.execution) for each in jobs_made
    ]
    assert rows(shared_superuser, workspace, "execution_live") == COUNT - 1


def test_delayed_and_immediate_jobs_go_together(process: Process, workspace: str) -> None:
    at = datetime(2999, 1, 1, tzinfo=UTC)
    odd = {"a": [1.5e300, "ü", '"', "\\", "}, {", "null"], '"\\': None}
    later = creation(workspace, trigger="DELAYED", run_at=at, input=odd)

    now, delayed = made(process.at_once(creation(workspace), later))

    assert now.created_at == delayed.created_at
    assert ((now.execution or {})["status"], (delayed.execution or {})["status"]) == ("QUEUED", "PENDING")
    assert (delayed.run_at, delayed.input) == (at, odd)
    shown = [each for each in read(process, workspace, now, delayed) if isinstance(each, Job)]
    assert [(each.run_at, each.input, each.execution) for each in shown] == [
        (each.run_at, each.input, each.execution) for each in (now, delayed)
    ]


def test_a_name_with_quotes_is_no_endpoints_and_fails_alone(process: Process, workspace: str) -> None:
    refused, _ = process.at_once(creation(workspace, endpoint='","sink'), creation(workspace))

    assert isinstance(refused, errors.EndpointNotFound)


def test_runs_asked_for_at_once_are_made_in_one_transaction_and_shown_as_they_are(
    process: Process, shared_api: Api, workspace: str, shared_superuser: psycopg.Connection
) -> None:
    first, second = a_job(shared_api, workspace, name="first", input={"own": True}), a_job(shared_api, workspace)
    calls = [run(workspace, "first", number) for number in range(COUNT)] + [
        run(workspace, second),
        run(workspace, first),
    ]

    answered = made(process.at_once(*calls))

    assert [each.input for each in answered] == [*({"number": number} for number in range(COUNT)), {}, {"own": True}]
    assert [str(each.job_id) for each in answered] == [first] * COUNT + [second, first]
    assert len({each.created_at for each in answered}) == 1
    assert read(process, workspace, *answered) == answered
    assert rows(shared_superuser, workspace, "execution_live") == COUNT + 2


def test_each_workspaces_jobs_and_runs_are_its_own(
    process: Process, shared_api: Api, shared_superuser: psycopg.Connection
) -> None:
    """A call belongs to one workspace. No row of it names a workspace, and row level security applies whatever it
    names.
    """
    places = [make_workspace(shared_api.client) for _ in range(4)]
    each_ones = {place: a_job(shared_api, place, name="same") for place in places}
    of = [places[number % 4] for number in range(4 * COUNT)]

    answered = made(process.at_once(*(creation(place, input={"of": place}, tags=[place]) for place in of)))
    ran = made(process.at_once(*(run(place, "same", number) for number, place in enumerate(of))))
    others = process.at_once(*(run(place, each_ones[places[0]]) for place in places[1:]))

    assert [each.workspace for each in answered] == [each.workspace for each in ran] == of
    stored = values(
        shared_superuser,
        """
        select distinct array[slug, job.input ->> 'of', live.input ->> 'of']
          from kronos.jobs as job join kronos.workspaces using (workspace_id)
          join kronos.execution_live as live on live.job_id = job.job_id and live.workspace_id = job.workspace_id
         where job.job_id = any (%s)
        """,
        [[each.job_id for each in answered]],
    )
    assert sorted(stored) == sorted([place] * 3 for place in places)
    assert [str(each.job_id) for each in ran] == [each_ones[place] for place in of]
    assert {type(each) for each in others} == {errors.JobNotFound}


@pytest.mark.parametrize("is_cron", [False, True])
def test_a_key_that_is_there_twice_makes_one_and_answers_both(
    process: Process, shared_api: Api, workspace: str, shared_superuser: psycopg.Connection, is_cron: bool
) -> None:
    make = cron if is_cron else creation
    (first,) = made(process.at_once(make(workspace, idempotency_key="known")))
    calls = [
        make(workspace, idempotency_key="known"),
        make(workspace, idempotency_key="new"),
        make(workspace, idempotency_key="new"),
        make(workspace, idempotency_key="mine"),
        make(workspace, idempotency_key="known", input={"other": True}),
        make(workspace, title="plain"),
    ]

    known, new, again, mine, mismatch, plain = process.at_once(*calls)

    assert not isinstance(known, BaseException)
    assert (known[0].job_id, known[1]) == (first.job_id, False)
    assert not isinstance(new, BaseException)
    assert not isinstance(again, BaseException)
    assert (new[0].job_id, {new[1], again[1]}) == (again[0].job_id, {True, False})
    assert len(made([mine, plain])) == 2
    assert isinstance(mismatch, errors.Unprocessable)
    assert mismatch.code == "idempotency_mismatch"
    assert rows(shared_superuser, workspace) == 4


def test_a_runs_key_that_is_there_twice_makes_one_and_answers_both(
    process: Process, shared_api: Api, workspace: str, shared_superuser: psycopg.Connection
) -> None:
    job_id = a_job(shared_api, workspace)
    calls = [run(workspace, job_id, 1, "k") for _ in range(3)] + [
        run(workspace, job_id, 2, "m"),
        run(workspace, job_id, 3),
    ]

    answered = process.at_once(*calls)

    told = [each for each in answered if not isinstance(each, BaseException)]
    assert len(told) == 5, answered
    assert Counter(each[0].input["number"] for each in told) == {1: 3, 2: 1, 3: 1}
    assert len({each[0].execution_id for each in told}) == 3 == rows(shared_superuser, workspace, "execution_live")
    assert [each[1] for each in told[:3]].count(True) == 1
    assert rows(shared_superuser, workspace, "idempotency_keys") == 2


def test_what_is_large_goes_in_calls_of_its_own(process: Process, shared_api: Api, workspace: str) -> None:
    size = gathering.MOST_BYTES // 2 + 1
    answered = made(process.at_once(*(creation(workspace, input={"a": str(n) * size}) for n in range(3))))
    assert len({each.created_at for each in answered}) == 3


def test_over_http_many_callers_are_each_answered_their_own(
    shared_api: Api, workspace: str, shared_superuser: psycopg.Connection
) -> None:
    path, body = f"/v1/workspaces/{workspace}/jobs", {"endpoint": "sink", "trigger": "IMMEDIATE"}

    def call(number: int) -> httpx.Response:
        return shared_api.client.post(path, json=body | {"input": {"number": number}})

    with ThreadPoolExecutor(16) as threads:
        answers = list(threads.map(call, range(48)))

    assert [answer.status_code for answer in answers] == [201] * 48
    assert [answer.json()["input"] for answer in answers] == [{"number": number} for number in range(48)]
    assert rows(shared_superuser, workspace, "execution_live") == 48
