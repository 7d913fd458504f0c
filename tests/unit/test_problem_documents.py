"""An error as its caller sees it: a problem document (RFC 9457) that says what happened, whether anything was changed,
and when to call again; never a secret.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

import orjson
import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.types import Scope

from kronos import errors
from kronos.api.problems import http_problem, instance, of_item, problem, storable
from kronos.model import JsonObject
from kronos.writes import Writes

SECRET = "kr_live_0123456789ab_" + "s" * 43


def scope_of(path: str = "/v1/workspaces/acme/jobs", *, more: Mapping[str, object] = MappingProxyType({})) -> Scope:
    return {"type": "http", "path": path, "raw_path": path.encode(), "kronos.request_id": "r-1", "headers": [], **more}


def read(response: Response) -> tuple[JsonObject, dict[str, str]]:
    headers = dict(response.headers)
    assert headers.pop("content-length") == str(len(response.body))
    document: JsonObject = orjson.loads(response.body)
    assert document["status"] == response.status_code
    return document, headers


def test_an_error_is_a_document_with_its_code_its_path_and_its_request() -> None:
    document, headers = read(problem(errors.JobNotFound("no job 'nightly'"), scope_of()))
    assert document == {
        "type": "urn:kronos:problem:job_not_found",
        "title": "Not found",
        "status": 404,
        "detail": "no job 'nightly'",
        "instance": "/v1/workspaces/acme/jobs",
        "code": "job_not_found",
        "request_id": "r-1",
    }
    assert headers == {"content-type": "application/problem+json"}


def test_faults_are_named_with_their_places_and_hints() -> None:
    faults = (errors.Fault(pointer="/cron", detail="is wrong", hint="Write */5."), errors.Fault(pointer="", detail="x"))
    document, _ = read(problem(errors.Unprocessable.of(*faults), scope_of()))
    assert document["detail"] == "field /cron: is wrong, and 1 more"
    assert document["errors"] == [
        {"pointer": "/cron", "detail": "is wrong", "hint": "Write */5."},
        {"pointer": "", "detail": "x", "hint": None},
    ]


def quota(kind: type[errors.QuotaUsedUp] | type[errors.QuotaTooSmall]) -> Any:
    made = kind("30 of 30 jobs are used")
    made.numbers = {"quota": "jobs", "used": 30, "limit": 30, "asked": 1, "resets_at": datetime(2026, 1, 1, tzinfo=UTC)}
    return made


@pytest.mark.parametrize("kind", [errors.QuotaUsedUp, errors.QuotaTooSmall])
def test_a_quota_has_its_numbers(kind: type[errors.QuotaUsedUp] | type[errors.QuotaTooSmall]) -> None:
    document, headers = read(problem(quota(kind), scope_of()))
    numbers = {name: document[name] for name in ("quota", "used", "limit", "asked", "resets_at")}
    assert numbers == {"quota": "jobs", "used": 30, "limit": 30, "asked": 1, "resets_at": "2026-01-01T00:00:00+00:00"}
    assert headers.get("retry-after") == ("60" if kind is errors.QuotaUsedUp else None)


@pytest.mark.parametrize(
    ("error", "more", "headers"),
    [
        (errors.DatabaseUnavailable("away"), {}, {"retry-after": "2"}),
        (errors.DatabaseUnavailable("away", sqlstate="57P03"), {"pg_sqlstate": "57P03"}, {"retry-after": "2"}),
        (errors.PgCronUnavailable("no", sqlstate="XX000"), {"pg_sqlstate": "XX000"}, {"retry-after": "2"}),
        (errors.EncryptionKeyMissing("no key"), {}, {"retry-after": "2"}),
        (errors.RateLimited("too many", retry_after_seconds=17), {}, {"retry-after": "17"}),
        (errors.Unauthorized("who?"), {}, {"www-authenticate": 'Bearer realm="kronos"'}),
        (errors.Forbidden("no"), {}, {}),
        (errors.Conflict("no", code="job_in_use"), {"code": "job_in_use"}, {}),
        (errors.PayloadTooLarge("big"), {}, {}),
    ],
)
def test_headers_say_when_to_call_again_and_how_to_sign_in(
    error: errors.KronosError, more: JsonObject, headers: Mapping[str, str]
) -> None:
    document, sent = read(problem(error, scope_of()))
    assert (document["detail"], sent) == (error.detail, {"content-type": "application/problem+json", **headers})
    assert {name: document[name] for name in more} == more
    assert ("pg_sqlstate" in document) == ("pg_sqlstate" in more)


def find_out(_: Scope) -> str:
    return "GET /there shows whether it was done."


def test_an_answer_that_was_lost_says_how_to_find_out_and_only_a_repeatable_call_when_to_repeat_it() -> None:
    lost = errors.OutcomeUnknown("the connection was lost: it may have been done, or not")
    document, headers = read(problem(lost, scope_of(more={"kronos.how_to_find_out": find_out})))
    assert (document["code"], document["detail"]) == (
        "outcome_unknown",
        "the connection was lost: it may have been done, or not. GET /there shows whether it was done.",
    )
    assert "retry-after" not in headers
    repeatable = scope_of(more={"kronos.how_to_find_out": find_out, "kronos.is_repeatable": True})
    assert read(problem(lost, repeatable))[1]["retry-after"] == "2"


def test_an_unexpected_error_says_whether_anything_was_changed() -> None:
    """Nothing was changed as long as no write was sent."""
    unexpected = errors.KronosError("unexpected error; the log has it under the request id")
    sent = Writes(is_sent=True)
    for more, said in (
        ({}, "Nothing was changed."),
        ({"kronos.writes": Writes()}, "Nothing was changed."),
        ({"kronos.writes": sent}, "The request may have been done. "),
        (
            {"kronos.writes": sent, "kronos.how_to_find_out": find_out},
            "The request may have been done. GET /there shows whether it was done.",
        ),
    ):
        document, _ = read(problem(unexpected, scope_of(more=more)))
        assert document["detail"] == f"unexpected error; the log has it under the request id. {said}"


def test_one_of_several_items_has_its_own_document() -> None:
    error = errors.Unprocessable.of(errors.Fault(pointer="/1/cron", detail=f"{SECRET} is no cron", hint="h"))
    document = of_item(error, scope_of())
    assert (document["status"], document["code"], document["request_id"]) == (422, "input_validation_failed", "r-1")
    assert document["errors"] == [
        {"pointer": "/1/cron", "detail": "kr_live_0123456789ab_*** is no cron", "hint": "h"},
    ]
    assert (of_item(quota(errors.QuotaUsedUp), scope_of())["limit"], document["instance"]) == (
        30, "/v1/workspaces/acme/jobs",
    )  # fmt: skip


def test_a_misuse_of_http_is_a_document_too() -> None:
    response = http_problem(405, "method_not_allowed", "Method not allowed", "use GET", scope_of(), {"Allow": "GET"})
    document, headers = read(response)
    assert (document["type"], document["title"], headers["allow"]) == (
        "urn:kronos:problem:method_not_allowed", "Method not allowed", "GET",
    )  # fmt: skip
    assert "allow" not in read(http_problem(404, "not_found", "Not found", "no such path", scope_of()))[1]


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        (b"/v1/jobs/a%20b%2Fc", "/v1/jobs/a%20b%2Fc"),
        (b"/v1/jobs?limit=5&q=x", "/v1/jobs"),
        (f"/v1/jobs/{SECRET}".encode(), "/v1/jobs/kr_live_0123456789ab_***"),
        (b"/v1/%6b" + SECRET[1:].encode(), "/***"),
        (b"/ping/%68b_" + b"t" * 30, "/***"),
        (b"/ping/hb_" + b"t" * 30, "/ping/hb_***"),
        (b"/caf\xe9", "/caf\ufffd"),
    ],
)
def test_the_path_is_shown_as_it_was_sent_without_its_query_and_without_secrets(raw: bytes, shown: str) -> None:
    assert instance({"path": "/decoded", "raw_path": raw}) == shown
    document, _ = read(problem(errors.NotFound("no such path"), {"path": "/decoded", "raw_path": raw}))
    assert (document["instance"], document["request_id"]) == (shown, "")


@pytest.mark.parametrize("raw", [{}, {"raw_path": None}, {"raw_path": b""}])
def test_without_the_path_as_it_was_sent_the_decoded_one_is_shown(raw: JsonObject) -> None:
    assert instance({"path": "/a/b", **raw}) == "/a/b"


def test_a_document_has_no_secret_and_can_always_be_written() -> None:
    error = errors.InvalidRequest.of(f"it has {SECRET}", f"Not {SECRET}.", "/key")
    document, _ = read(problem(error, scope_of()))
    assert document["detail"] == document["errors"][0]["detail"] == "it has kr_live_0123456789ab_***"
    assert document["errors"][0]["hint"] == "Not kr_live_0123456789ab_***."
    assert read(problem(errors.NotFound("no job '\ud800'"), scope_of()))[0]["detail"] == "no job '?'"
    assert (storable("a\ud800b"), storable("é")) == ("a?b", "é")


class Page(Route):
    """A route for people."""

    @staticmethod
    def shown_as(scope: Scope, document: JsonObject, headers: Mapping[str, str]) -> Response:
        return PlainTextResponse(f"{document['code']} {scope['path']}", document["status"], headers=dict(headers))


async def _answer(_: object) -> Response:
    return Response()


APP = Starlette(routes=[Page("/w/{w}", _answer), Route("/v1/x", _answer), Page("/{every:path}", _answer)])


@pytest.mark.parametrize(
    ("path", "more", "is_page"),
    [
        ("/w/acme", {"app": APP}, True),
        ("/w/acme", {"app": APP, "method": "PUT"}, True),
        ("/else/where", {"app": APP}, True),
        ("/v1/x", {"app": APP}, False),
        ("/v1/unknown", {"app": APP}, False),
        ("/auth/callback", {"app": APP}, False),
        ("/w/acme", {}, False),
        ("/w/acme", {"app": Starlette(routes=[Route("/w/{w}", _answer)])}, False),
        ("/else/where", {"app": Starlette(routes=[Page("/w/{w}", _answer), Route("/{every:path}", _answer)])}, False),
        ("/w/acme", {"app": Starlette(routes=[Mount("/w", routes=[]), Page("/w/{w}", _answer)])}, True),
        ("/v1/x", {"app": APP, "kronos.problem": Page.shown_as}, True),
    ],
)
def test_where_people_look_an_error_is_a_page_and_elsewhere_a_document(
    path: str, more: JsonObject, is_page: bool
) -> None:
    response = problem(errors.PayloadTooLarge("big"), scope_of(path, more={"method": "GET", **more}))
    assert response.status_code == 413
    shown = f"payload_too_large {path}".encode()
    assert (response.body == shown, response.headers["content-type"].startswith("text/plain")) == (is_page, is_page)
