"""A batch sends each text of its requests and answers once, and each success has its own."""

from uuid import UUID

import psycopg
import pytest
from psycopg.rows import tuple_row

from factory import add_endpoint, add_executions
from kronos.worker import claims, results
from kronos.worker.claims import MARGIN, Wanted
from kronos.worker.link import Link
from kronos.worker.results import Result
from worker.protocol import EVERYTHING

_DOCUMENTS: list[tuple[str | None, str | None]] = [
    ('{"url": "one"}', '{"status_code": 200}'),
    ('{"url": "two"}', '{"status_code": 200}'),
    ('{"url": "one"}', '{"body": "ä \\" \\\\ , } { 𝄞"}'),
    (None, '{"status_code": 200}'),
    ('{"url": "one"}', None),
    (None, None),
]


@pytest.mark.parametrize("limit", [None, 50], ids=["unlimited", "limited"])
@pytest.mark.parametrize("attempts", [0, 1], ids=["the only attempt", "one of several"])
async def test_each_success_has_its_own_documents(
    superuser: psycopg.Connection, link: Link, limit: int | None, attempts: int
) -> None:
    endpoint = add_endpoint(superuser, max_in_flight=limit)
    add_executions(superuser, endpoint, len(_DOCUMENTS))
    superuser.execute("update kronos.execution_live set attempt_count = %s", [attempts])
    token = "00000000-0000-4000-8000-000000000005"
    wanted = Wanted(str(endpoint.endpoint_id), 10, EVERYTHING)
    got, _ = await claims.claim(link, [wanted], token=token, worker_id="w", shortest_lease=MARGIN)
    sent = dict(zip((one.execution_id for one in got), _DOCUMENTS, strict=True))
    ended = [
        Result(
            one.execution_id, token, "SUCCESS", False, 0, 1, *sent[one.execution_id], None,
            holds_slot=one.holds_slot, place=one.place,
        )
        for one in got
    ]  # fmt: skip
    assert await results.finalize(link, ended, worker_id="w") == dict.fromkeys(sent, "SUCCESS")
    with superuser.cursor(row_factory=tuple_row) as cursor:
        stored = cursor.execute("select execution_id, request, response from kronos.attempts").fetchall()
        outputs = cursor.execute("select execution_id, output from kronos.execution_done").fetchall()
        expected = cursor.execute(
            "select id, request::jsonb, response::jsonb from unnest(%s::uuid[], %s::text[], %s::text[])"
            " as sent (id, request, response)",
            [list(sent), [each[0] for each in sent.values()], [each[1] for each in sent.values()]],
        ).fetchall()
    key = lambda row: UUID(str(row[0]))  # noqa: E731
    assert sorted(stored, key=key) == sorted(expected, key=key)
    assert sorted(outputs, key=key) == sorted(((row[0], row[2]) for row in expected), key=key)


def test_a_text_is_sent_once_and_named_by_its_place() -> None:
    documents: dict[str, int] = {}
    texts = ["a", None, "b", "a", "b", None, "c"]
    assert [results._nth(documents, text) for text in texts] == ["1", "NULL", "2", "1", "2", "NULL", "3"]
    assert list(documents) == ["a", "b", "c"]
