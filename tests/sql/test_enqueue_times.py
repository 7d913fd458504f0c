"""A run_at of enqueue_many is read as the API reads it: the same texts, to the same microsecond."""

from datetime import UTC, datetime
from itertools import product

from pydantic_core import PydanticCustomError

from depth import depth
from enqueueing import App, job
from kronos.api.fields import timestamp
from sql_factory import Connection

_DATES = ["2098-01-02", "2098-02-29", "2096-02-29", "2098-13-01", "2098-00-10", "2098-04-31", "2999-12-31",
          "3000-01-01", "2098-1-02", "0000-01-01", "0001-01-01", "9999-12-31"]  # fmt: skip
_CLOCKS = ["T00:00:00", "t23:59:59", "T24:00:00", "T23:60:00", "T23:59:60", "T25:00:00", " 10:00:00", "T10:00"]
_FRACTIONS = ["", ".5", ".1234565", ".9999999", ".999999999", ".0000005", ".1234567890", ".", ".\u0661"]
_OFFSETS = ["Z", "z", "+00:00", "-00:00", "+15:59", "+16:00", "-15:59", "-16:00", "+23:59", "-23:59", "+24:00",
            "+05:60", "-05:99", "+0530", "", " Z"]  # fmt: skip


def _as_the_api_reads(text: str) -> datetime | None:
    try:
        at = timestamp(text)
    except PydanticCustomError:
        return None
    return at if 1970 <= at.year <= 2999 else None


def test_each_text_is_the_instant_that_the_api_makes_of_it_or_none(shared: Connection) -> None:
    every = ["".join(parts) for parts in product(_DATES, _CLOCKS, _FRACTIONS, _OFFSETS)]
    # The step is coprime to the lists' lengths: each three of clock, fraction and offset occur.
    texts = [text for text in every if text.startswith("2999")] + every[:: depth(5, deep=1)]
    found = shared.execute(
        """
        select given.text, case when judged.fault is null then kronos.run_at_of(given.text) end
          from unnest(%s::text[]) as given (text)
         cross join lateral kronos.enqueue_fault(jsonb_build_object('endpoint', 'e', 'run_at', given.text)) as judged
        """,
        [texts],
    ).fetchall()
    differing = [(text, at) for text, at in found if at != _as_the_api_reads(text)]
    assert (len(found), differing) == (len(texts), [])
    assert sum(at is not None for _, at in found) > depth(100, deep=300)


def test_it_is_stored_so_with_and_without_a_key(shared: Connection, app: App) -> None:
    for run_at, expected in (
        ("2098-01-02T23:59:59.9999999Z", datetime(2098, 1, 2, 23, 59, 59, 999_999, UTC)),
        ("2098-01-02T00:00:00+20:00", datetime(2098, 1, 1, 4, tzinfo=UTC)),
        ("2098-01-02T00:00:00-00:30", datetime(2098, 1, 2, 0, 30, tzinfo=UTC)),
    ):
        made = app.enqueue_many(
            {"endpoint": app.endpoint, "run_at": run_at},
            {"endpoint": app.endpoint, "run_at": run_at, "idempotency_key": run_at},
            {"endpoint": app.endpoint, "idempotency_key": f"now {run_at}"},
        )
        assert [job(shared, each)["run_at"] for each in made[:2]] == [expected, expected]
        assert job(shared, made[2])["trigger"] == "IMMEDIATE"
