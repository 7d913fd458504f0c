"""A job that is created between two statements of one request."""

from collections.abc import Iterator
from typing import Any

import pytest

from api.at_once import Process, a_job, process_on
from conftest import Api
from kronos import errors, jobs
from kronos.database import WorkspaceView


class Early(WorkspaceView):
    """A view whose first statement comes before the job."""

    is_first = True

    async def one_or_none(self, *arguments: Any, **named: Any) -> Any:
        if self.is_first:
            self.is_first = False
            return None
        return await super().one_or_none(*arguments, **named)


@pytest.fixture(scope="module")
def process(shared_api: Api) -> Iterator[Process]:
    with process_on(shared_api.database_url, size=2) as made:
        yield made


def test_next_runs_of_a_job_that_was_created_meanwhile_are_its_runs(
    process: Process, shared_api: Api, workspace: str
) -> None:
    job_id = a_job(shared_api, workspace, name="new")
    (preview,) = process.at_once(lambda pool: jobs.next_runs(Early(pool, workspace), "new", count=2))
    assert not isinstance(preview, BaseException), job_id
    assert len(preview.next_runs) == 2


def test_next_runs_of_a_one_shot_are_refused(process: Process, shared_api: Api, workspace: str) -> None:
    one_shot = a_job(shared_api, workspace, trigger="IMMEDIATE", cron=None)
    (refused,) = process.at_once(lambda pool: jobs.next_runs(Early(pool, workspace), one_shot, count=2))
    assert isinstance(refused, errors.Conflict)
