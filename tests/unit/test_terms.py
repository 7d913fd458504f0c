"""A job's terms are defined once: requests, new jobs and changes have the same fields."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

import pytest

from kronos import model, sql
from kronos.api import requests
from kronos.api.job_schemas import JobCreate, JobPatch
from kronos.changes import CHANGEABLE
from kronos.model import Job, JsonObject
from kronos.new_jobs import JOB_TERMS, TERMS, NewJob

_CATCH_UP = {"catch_up_policy", "catch_up_window_seconds"}  # from a request's `catch_up`
_OF_A_PLAN = {"offset_seconds"}  # only an existing job can be moved, and no file sets the offset


def test_each_field_of_a_request_is_one_of_a_new_job() -> None:
    assert set(JobCreate.model_fields) - {"catch_up"} | _CATCH_UP | _OF_A_PLAN == set(NewJob.__dataclass_fields__)


def test_each_field_of_a_patch_can_be_changed() -> None:
    assert set(JobPatch.model_fields) - {"catch_up"} | _CATCH_UP == set(CHANGEABLE)
    assert {*TERMS, *JOB_TERMS} < set(CHANGEABLE)


def test_each_term_of_a_job_is_shown() -> None:
    assert {*TERMS, *JOB_TERMS} - _CATCH_UP < set(Job.__dataclass_fields__)


def test_what_a_request_leaves_out_is_the_new_jobs_own_default() -> None:
    ends_at = datetime(2099, 1, 1, tzinfo=UTC)
    body = JobCreate.model_validate(
        {
            "endpoint": "e",
            "trigger": "CRON",
            "cron": "0 9 * * *",
            "ends_at": ends_at.isoformat(),
            "catch_up": {"policy": "ALL"},
        }
    )
    wanted = NewJob(
        endpoint="e", trigger="CRON", cron="0 9 * * *", ends_at=ends_at, catch_up_policy="ALL", idempotency_key="k"
    )
    assert requests.new_job(body, "k") == wanted


def test_a_statement_that_names_a_row_has_its_columns() -> None:
    assert sql.texts()["job_reads.get_job"].startswith(
        "select " + ",".join(Job.__dataclass_fields__) + "\nfrom kronos.version_details"
    )
    assert [name for name, text in sql.texts().items() if sql._COLUMNS.search(text)] == []


@dataclass(frozen=True)
class Row:
    """A row like those of kronos.model."""

    name: str | None
    tags: list[str]
    overlap: Literal["ALLOW", "SKIP"]
    starts_at: datetime | None
    runs: int
    input: JsonObject | None


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        ("{Row}", "name,tags,overlap,starts_at,runs,input"),
        ("{Row but overlap, starts_at,\n  runs, input of given}", "given.name,given.tags"),
        (
            "{Row but starts_at, runs, input of job with\n  coalesce(job.name, '-') as name,\n  'SKIP' as overlap}",
            "coalesce(job.name, '-') as name,job.tags,'SKIP' as overlap",
        ),
        (
            "{Row as record}",
            "name text,tags text[],overlap text,starts_at timestamptz,runs integer,input jsonb",
        ),
        (
            "{Row but name, tags, overlap, starts_at, input changed of old}",
            "case when 'runs' = any (%(changed)s::text[]) then %(runs)s::integer else old.runs end",
        ),
    ],
)
def test_a_row_is_written_as_the_statement_needs_it(monkeypatch: pytest.MonkeyPatch, text: str, columns: str) -> None:
    monkeypatch.setattr(model, "Row", Row, raising=False)
    assert sql._COLUMNS.sub(sql._columns, text) == columns


def test_what_the_history_has_from_the_queue_is_written_as_archived_defines_it() -> None:
    columns = sql._COLUMNS.sub(sql._columns, "{Archived}").split(",")
    assert columns[:6] == ["execution_id", "workspace_id", "job_id", "endpoint_id", "endpoint_version", "cause"]
    assert {"worker_id", "backfill_id", "created_by"} < set(columns)
    assert len(columns) == len(set(columns))
    assert sql._COLUMNS.sub(sql._columns, "{Archived of live}") == ",".join(f"live.{each}" for each in columns)


@pytest.mark.parametrize(
    "text", ["{Nobody}", "{Job but nothing}", "{Job with 1 as nothing}", "{Job with coalesce(1, 2)}"]
)
def test_a_statement_that_names_a_row_or_a_column_that_is_not_there_is_not_loaded(text: str) -> None:
    with pytest.raises((AttributeError, ValueError), match=r"Nobody|list\.remove|nothing|not a value"):
        sql._COLUMNS.sub(sql._columns, text)
