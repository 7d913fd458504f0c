"""The error that a caller gets depends on what became of the writes before it."""

import pytest

from kronos import errors
from kronos.api.operation import HowToFindOut
from kronos.sql import Statement
from kronos.writes import Writes, WritesOfAll

READ = Statement(name="x.get_it", text="select 1", row=object)
WRITE = Statement(name="x.make_it", text="update", row=object)
LOST = errors.ConnectionLost("the connection was lost: this may have been done", sqlstate="57P01")
BUSY = errors.DatabaseUnavailable("no connection became free")


@pytest.mark.parametrize("sent", [(), (READ,)])
def test_what_is_lost_before_a_write_was_sent_is_reported_as_not_done(sent: tuple[Statement[object], ...]) -> None:
    writes = Writes()
    writes.send(*sent)

    told = writes.explained(LOST)

    assert isinstance(told, errors.ConnectionLost)
    assert (told.code, told.sqlstate) == ("database_unavailable", "57P01")
    assert told.detail == "the connection to PostgreSQL was lost; nothing was changed"
    assert writes.explained(BUSY) is BUSY


@pytest.mark.parametrize("is_committed", [False, True])
@pytest.mark.parametrize(
    ("error", "why"), [(LOST, "the connection to PostgreSQL was lost before it answered"), (BUSY, BUSY.detail)]
)
def test_what_fails_after_a_write_was_sent_is_reported_as_unknown_once(
    error: errors.Unavailable, why: str, is_committed: bool
) -> None:
    writes = Writes()
    writes.send(WRITE)
    if is_committed:
        writes.end()

    told = writes.explained(error)

    assert (told.code, told.detail) == (
        "outcome_unknown",
        f"{why}, after a write was sent: it may have been done, or not",
    )


def test_what_the_caller_can_mend_is_reported_as_it_is() -> None:
    writes = Writes()
    writes.send(WRITE)
    conflict = errors.Conflict("taken")

    assert writes.explained(conflict) is conflict


def test_a_write_that_answers_no_row_has_changed_nothing() -> None:
    writes = Writes()
    writes.send(WRITE, READ)
    writes.end()
    writes.answered((WRITE, []), (READ, [1]))
    assert writes.explained(BUSY) is BUSY
    writes.send(WRITE)
    assert writes.explained(BUSY).code == "outcome_unknown"  # it may still be in progress


def test_what_was_written_before_one_that_changes_nothing_stays_written() -> None:
    writes = Writes()
    writes.send(WRITE)
    writes.end()
    writes.answered((WRITE, [1]))
    for _ in range(2):  # the first was committed, the second rejected
        writes.send(WRITE)
        writes.end()
        writes.answered((WRITE, []))
        writes.changed_nothing()
        assert writes.explained(BUSY).code == "outcome_unknown"


def test_of_a_statement_for_several_each_knows_that_it_has_changed_nothing() -> None:
    mine, other = Writes(), Writes()
    other.send(WRITE)
    other.end()
    both = WritesOfAll([mine, other])
    both.send(WRITE)
    both.end()
    assert mine.may_be_done
    both.answered((WRITE, []))
    assert [both.may_be_done, mine.may_be_done, other.may_be_done] == [False, False, True]


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("/v1/workspaces/{w}/jobs/{j}/pause", "GET /v1/workspaces/acme/jobs/report shows whether it was done."),
        ("/w/{w}/jobs/{j}/pause", "The page /w/acme/jobs/report shows whether it was done."),
    ],
)
def test_where_to_look_is_an_address_of_the_api_or_a_page_of_the_dashboard(path: str, told: str) -> None:
    find_out = HowToFindOut(path, lambda: None, writes=True, takes_idempotency_key=False)
    parts = {"w": "acme", "j": "report"}

    assert find_out({"path": path.format_map(parts), "path_params": parts}) == told
