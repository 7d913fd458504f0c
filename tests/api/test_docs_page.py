"""This process serves all of /docs: the page needs nothing from another host, and its policy allows no request
to one.
"""

import asyncio
import json
import re
import threading
from urllib.parse import urljoin

import httpx
import pytest

from kronos import config
from kronos.api import app, document
from kronos.model import JsonObject

NAMED = re.compile(r'(?:src|href)="([^"]*)"')


def policy_of(page: httpx.Response) -> dict[str, list[str]]:
    directives = [each.split() for each in page.headers["content-security-policy"].split(";")]
    return {name: sources for name, *sources in directives}


def test_everything_that_the_page_names_is_served_here_without_a_key(api: httpx.Client) -> None:
    page = api.get("/docs", headers={"Authorization": ""})
    types = {}
    for named in NAMED.findall(page.text):
        assert not re.match(r"[a-z]*:?//|/", named), named  # relative, so that it also works behind a prefix
        answer = api.get(urljoin("/docs", named), headers={"Authorization": ""})
        assert answer.status_code == 200, named
        assert api.head(urljoin("/docs", named)).status_code == 200
        types[named] = answer.headers["content-type"].partition(";")[0]
    assert types == {
        "docs/favicon-32x32.png": "image/png",
        "docs/swagger-ui.css": "text/css",
        "docs/swagger-ui-bundle.js": "text/javascript",
        "docs/start.js": "text/javascript",
        "openapi.json": "application/json",
    }


def test_the_policy_allows_this_host_alone_and_no_script_within_the_page(api: httpx.Client) -> None:
    page = api.get("/docs")
    policy = policy_of(page)
    assert policy["default-src"] == ["'none'"]
    assert policy.pop("img-src") == ["'self'", "data:"]
    assert {source for sources in policy.values() for source in sources} == {"'self'", "'none'"}
    assert re.findall(r"<script(?![^>]*\bsrc=)", page.text) == re.findall(r"<style|\bstyle=|\bon\w+=", page.text) == []


def test_its_scripts_and_styles_ask_no_other_host_to_begin_with(api: httpx.Client) -> None:
    assert "://" not in api.get("/docs/start.js").text
    assert "validatorUrl: null" in api.get("/docs/start.js").text  # the default is a server of Swagger UI's makers
    assert re.findall(r"@import|url\((?!\"?data:|#)", api.get("/docs/swagger-ui.css").text) == []


def test_what_is_no_part_of_the_page_is_a_problem(api: httpx.Client) -> None:
    assert api.get("/docs/../docs/other.js").status_code == 404
    refused = api.post("/docs")
    assert (refused.status_code, refused.headers["allow"]) == (405, "GET, HEAD")


def test_a_range_is_not_served_and_refused_in_nobodys_words(api: httpx.Client) -> None:
    """RFC 9110 14.2: a server may ignore Range. If it does reject one, the answer must be a problem document."""
    whole = api.get("/docs/swagger-ui.css").content
    for asked in ("bytes=abc", "x", "bytes=999999999-", "bytes=5-1", "bytes=0-0,5-6"):
        answer = api.get("/docs/swagger-ui.css", headers={"Range": asked})
        assert (answer.status_code, answer.content == whole) == (200, True), asked


async def test_the_document_is_made_once_and_not_by_the_event_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    """Building it takes a second, and requesting it needs no key."""
    made_by: list[threading.Thread] = []
    finished = document.finished

    def noted(made: JsonObject) -> JsonObject:
        made_by.append(threading.current_thread())
        return finished(made)

    monkeypatch.setattr(document, "finished", noted)
    transport = httpx.ASGITransport(app.create(config.load(database_url="postgresql://", request_seconds=240)))
    async with httpx.AsyncClient(transport=transport, base_url="http://x", timeout=60) as client:
        answers = await asyncio.gather(*(client.get("/openapi.json") for _ in range(3)))
    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert len({answer.content for answer in answers}) == 1
    assert len(made_by) == 1
    assert made_by[0] is not threading.current_thread()


def test_the_document_is_the_same_whatever_the_settings_are(api: httpx.Client) -> None:
    """So that the tests' APIs can share one (tests/documented.py): this application makes its own."""
    settings = config.load(
        database_url="postgresql://",
        cors_origins="https://example.com",
        max_requests=7,
        egress_allow="10.0.0.0/8",
    )
    assert json.loads(json.dumps(app.create(settings).openapi())) == api.get("/openapi.json").json()


async def test_a_request_that_is_given_up_leaves_the_document_to_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    begun, may_end = threading.Event(), threading.Event()
    made = 0
    finished = document.finished

    def slow(document: JsonObject) -> JsonObject:
        nonlocal made
        made += 1
        begun.set()
        assert may_end.wait(60)
        return finished(document)

    monkeypatch.setattr(document, "finished", slow)
    transport = httpx.ASGITransport(app.create(config.load(database_url="postgresql://", request_seconds=240)))
    async with httpx.AsyncClient(transport=transport, base_url="http://x", timeout=60) as client:
        first = asyncio.create_task(client.get("/openapi.json"))
        assert await asyncio.to_thread(begun.wait, 60)
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        may_end.set()
        answer = await client.get("/openapi.json")
    assert (answer.status_code, made) == (200, 1)
