"""A page is smaller than 100 kB, whatever users write. It cuts long texts, says so, and shows them in full on
request."""

import re
from urllib.parse import urlencode

import httpx
import psycopg
import pytest
from lxml import html
from markupsafe import escape

from dashboard.browser import Watched
from dashboard.heavy import DEAR, make_heavy
from dashboard.test_all_pages import axe, told_of
from kronos.dashboard import brief

_MOST_BYTES = 100_000
_SENT = "application/x-www-form-urlencoded"
_CUT = "Long texts are cut"
_PAGE = (
    '<main><h1>{text}</h1><form action="/x"><textarea name="a">{area}</textarea></form><p title="{text}">x</p></main>'
)


def _read(answer: httpx.Response) -> html.HtmlElement:
    assert answer.status_code == 200, answer.text[:300]
    return html.document_fromstring(answer.text)


def _texts_are_whole(page: str) -> bool:
    """Whether no character reference is cut in two, which would show as its first characters."""
    return not re.search(r"&(?!(?:amp|lt|gt|#\d+);)", page)


def test_each_page_is_small_and_shows_what_it_cut_to_who_asks(
    page: Watched, api: httpx.Client, shared_superuser: psycopg.Connection, workspace: str
) -> None:
    there = f"/w/{workspace}"
    paths = make_heavy(api, shared_superuser, workspace)
    sizes, cut = {}, set()
    for path in paths:
        answered = api.get(there + path)
        shown = _read(answered)
        sizes[path] = len(answered.content)
        assert _texts_are_whole(answered.text), path
        if shown.xpath(f"//main/p[contains(., '{_CUT}')]"):
            cut.add(path)
            whole = shown.xpath("//main/p[contains(@class, 'notice')]/a/@href")[0]
            assert whole == f"{there}{path}{'&' if '?' in path else '?'}whole=yes"
            assert not [each for each in shown.xpath("//textarea") if each.text_content().endswith("…")]
    assert {path: size for path, size in sizes.items() if size >= _MOST_BYTES} == {}
    assert {"/jobs", "/heartbeats", "/alerts", "/jobs/heavy/edit", "/calendars/heavy?month=2026-12"} <= cut
    assert not {"/configs/quotes", "/audit", "/settings", "/dead-letters"} & cut
    for path in ("/configs/heavy", "/jobs/heavy"):
        page.show(360, "light")
        page.go(there + path)
        page.page.evaluate(axe())
        assert told_of(page.page) == []
    for path, asked in (("/jobs/heavy", "?"), ("/jobs/heavy?compare=1", "&"), ("/endpoints/heavy", "?")):
        whole = _read(api.get(f"{there}{path}{asked}whole=yes"))
        again = f"{there}{path}{asked}whole=yes"
        assert whole.xpath("//main/@hx-get") == [again], "an event refreshes a full page in full"
        assert _read(api.get(there + path)).xpath("//main/@hx-get") == [there + path]
    _is_changed_whole(page, api, workspace)
    _refused_form_keeps_all(api, workspace)


def _is_changed_whole(page: Watched, api: httpx.Client, workspace: str) -> None:
    """From the cut page to its form and back, no text is lost."""
    browser = page.page
    page.go(f"/w/{workspace}/configs/heavy")
    assert browser.locator("textarea").count() == 0
    browser.get_by_role("link", name="Open the whole form").click()
    values = browser.get_by_label("Values")
    text = values.input_value()
    assert len(text) > 64_000
    values.fill(text.replace('"a"', '"b"'))
    browser.get_by_role("button", name="Save version 2").click()
    browser.get_by_text("heavy is now at version 2.").wait_for()
    saved = api.get(f"/v1/workspaces/{workspace}/configs/heavy").json()["values"]
    assert saved == {"b": DEAR * (64 * 1024 - 8)}


def _refused_form_keeps_all(api: httpx.Client, workspace: str) -> None:
    """Each form with a long text, sent against a newer version: it comes back with the typed text, and little else."""
    typed = '{"a": "' + DEAR * 40_000
    refused = api.post(f"/w/{workspace}/configs/heavy", data={"version": "2", "/values:json": typed})
    assert refused.status_code == 422
    (area,) = html.document_fromstring(refused.text).xpath("//textarea")
    assert area.text_content().strip() == typed
    seen = []
    for path in ("configs/heavy", "payload-specs/heavy", "endpoints/heavy", "jobs/heavy/edit"):
        page = _read(api.get(f"/w/{workspace}/{path}?whole=yes"))
        for form in page.xpath("//main//form[@method='post'][.//textarea][.//input[@name='version']]"):
            action = form.get("action") or f"/w/{workspace}/{path}"
            other = {"version": "77", "/title:?": "Another"}
            fields = [(name, other.get(name, text.replace('"a"', '"b"'))) for name, text in form.form_values()]
            answered = api.post(action, content=urlencode(fields), headers={"content-type": _SENT})
            assert answered.status_code in (412, 422), (path, action, answered.text[:300])
            areas = {each.name: each.text_content().lstrip("\n") for each in _areas(answered.text)}
            long = {name: text for name, text in fields if name in areas and len(text) > 1000}
            assert {name: areas[name].strip() for name in long} == {name: text.strip() for name, text in long.items()}
            beside = len(answered.content) - sum(len(escape(text).encode()) for text in areas.values())
            seen += [path] if long else []
            assert beside < _MOST_BYTES, (path, len(answered.content), beside)
            assert "whole=yes" not in answered.text
    assert set(seen) >= {"configs/heavy", "payload-specs/heavy", "jobs/heavy/edit"}


def _areas(text: str) -> list[html.HtmlElement]:
    return list(html.document_fromstring(text).xpath("//textarea"))


def test_whole_is_a_word_of_pages_alone(api: httpx.Client, workspace: str) -> None:
    assert api.get(f"/w/{workspace}/jobs?whole=yes").status_code == 200
    assert api.get(f"/w/{workspace}/jobs?whole=no").status_code == 400
    assert api.get(f"/v1/workspaces/{workspace}/jobs?whole=yes").status_code == 400


@pytest.mark.parametrize("text", ["&amp;" * 60_000, "\u20ac" * 120_000, "a&#34;" * 40_000, "x" * 300_000])
def test_texts_are_cut_alike_between_characters(text: str) -> None:
    made = brief.shown(_PAGE.format(text=text, area="short"), "/w?whole=yes")
    assert not brief.is_too_long(made)
    assert _texts_are_whole(made)
    assert '<textarea name="a">short</textarea>' in made, "a form without long texts stays whole"
    shown = html.fromstring(made)
    assert shown.xpath("string(//h1)") == shown.xpath("string(//p/@title)")
    assert shown.xpath("string(//h1)").endswith("…")


def test_what_kronos_itself_says_and_short_forms_stay_as_they_are() -> None:
    """Even when rows must be cut shorter than Kronos's own sentences."""
    said = "Long texts are cut, to keep the page small: see the whole."
    form = f"<form><textarea>{'a' * 60}</textarea><button>Give the ticked jobs these new times</button></form>"
    rows = "<tr><td>{}</td></tr>".format("n" * 60) * 1300
    made = brief.shown(f"<main><p>{said}</p>{form}<table><tbody>{rows}</tbody></table></main>", "/w?whole=yes")
    assert said in made
    assert form in made
    assert f"<td>{'n' * 40}…</td>" in made


def test_pictures_of_what_is_told_beside_them_go_last() -> None:
    rows = '<tr><td>{}</td><td><svg class="strip">{}</svg> 20 failed</td></tr>'.format("n" * 60, "<path/>" * 80) * 200
    made = brief.shown(f'<svg class="logo"></svg>{rows}', "/w?whole=yes")
    assert not brief.is_too_long(made)
    assert (made.count("<svg"), made.count("20 failed")) == (1, 200)
    few = rows[: len(rows) // 200] * 100
    assert brief.shown(few, "/w?whole=yes").count("<svg") == 100


def test_a_form_with_a_long_text_is_never_sent_cut() -> None:
    made = brief.shown(_PAGE.format(text="t", area="&lt;" * 60_000), "/w?a=1&whole=yes")
    assert "<form" not in made
    assert html.fromstring(made).xpath("//a/@href") == ["/w?a=1&whole=yes"]
    assert html.fromstring(made).xpath("string(//pre)").startswith("<<<")


@pytest.mark.parametrize("copied", ["curl -X POST", "&#39;" * 60_000])
def test_what_is_copied_is_never_a_part_of_it(copied: str) -> None:
    button = '<button type="button" data-copy="curl" data-scripted hidden>Copy as curl</button>'
    of_id = '<code id="job-id">01a2</code> <button type="button" data-copy="job-id">Copy</button>'
    page = f'<main><pre>{"x" * 200_000}</pre><code id="curl">{copied}</code>{button}{of_id}</main>'
    shown = html.fromstring(brief.shown(page, "/w?a=1&whole=yes"))
    is_whole = shown.xpath("string(//code[@id='curl'])") == html.fromstring(f"<p>{copied}</p>").text
    assert shown.xpath("//button/@data-copy") == (["curl", "job-id"] if is_whole else ["job-id"])
    assert shown.xpath("//a/@href") == ([] if is_whole else ["/w?a=1&whole=yes"])
    assert is_whole == (len(copied) < 100)
