"""Invisible characters, and characters that make a text look like another, on the pages."""

import json
from urllib.parse import quote

import httpx
import psycopg
import pytest
from lxml import html

from dashboard.browser import PHONE, Watched
from dashboard.conftest import Reader
from kronos import unseen
from kronos.dashboard import hidden

_TITLES = {
    "invoice\u202efdp.exe (safe)": "invoice[U+202E]fdp.exe (safe)",
    "a\u200bdmin\ufeff": "a[U+200B]dmin[U+FEFF]",
    "a\u200d\u200cdmin": "a[U+200D][U+200C]dmin",
    "\u2066x\u2069": "[U+2066]x[U+2069]",
    "so\u00adft": "so[U+00AD]ft",
    "s\U000e0061y": "s[U+E0061]y",
}
_LEFT = (
    "plain <b>text</b>",
    "\u05d3\u05d5\u05d7 (2026)",
    "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
    "\U0001f469\u200d\U0001f52c",
    "a\u200e b",
    "\U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",
)
_MARKS = {*"\u061c\u200c\u200d\u200e\u200f", *"\u115f\u1160\u17b4\u17b5", *"\u180b\u180c\u180d\u180f"}
"""Characters that texts may contain and names may not."""


def test_what_no_name_may_hold_is_told_in_any_text_but_for_what_scripts_need() -> None:
    """The two lists once differed: a character was revealed on a terminal but not on a page."""
    far = [*range(0xE0000, 0xE0100), 0xE01F0, 0x1BCA0, 0x1BCA3, 0x1D173, 0x1D17A]
    for each in map(chr, [*range(0xA0, 0xD800), *range(0xE000, 0x10000), *far]):
        told = f"[U+{ord(each):04X}]" if unseen.found(f"\u06cc{each}\u06cc") and each not in _MARKS else each
        assert hidden.shown(f"<p>\u06cc{each}\u06cc</p>") == f"<p>\u06cc{told}\u06cc</p>"


@pytest.mark.parametrize(("title", "shown"), _TITLES.items())
def test_in_text_each_is_its_number(title: str, shown: str) -> None:
    assert hidden.shown(f"<p>{title}</p>{title}") == f"<p>{shown}</p>{shown}"


@pytest.mark.parametrize("title", _TITLES)
def test_what_is_sent_back_stays_as_it_is(title: str) -> None:
    kept = f'<input value="{title}"><a title="{title}">x</a><textarea name="a">\n{title}</textarea>'
    assert hidden.shown(kept) == kept


@pytest.mark.parametrize("text", _LEFT)
def test_scripts_and_emoji_that_need_joiners_and_marks_are_left_alone(text: str) -> None:
    assert hidden.shown(f"<p>{text}</p>") == f"<p>{text}</p>"


@pytest.mark.parametrize("title", [*_TITLES, *_LEFT])
def test_json_with_escapes_says_the_same(title: str) -> None:
    written = json.dumps({title: title}, ensure_ascii=False)
    escaped = hidden.escaped(written)
    assert json.loads(escaped) == {title: title}
    assert (escaped == written) == (title in _LEFT)


def test_a_title_that_hides_something_shows_it_wherever_it_stands(
    api: httpx.Client, workspace: str, reader: Reader, shared_superuser: psycopg.Connection
) -> None:
    """Titles and days with such a character are rejected now; ones from before are still stored."""
    base = f"/v1/workspaces/{workspace}"
    for nth, title in enumerate(_TITLES):
        body = {"endpoint": "sink", "trigger": "CRON", "cron": "0 8 * * *", "name": f"job-{nth}"}
        made = api.post(f"{base}/jobs", json=body | {"input": {"note": title}})
        assert made.status_code == 201, made.text
        shared_superuser.execute("update kronos.jobs set title = %s where job_id = %s", [title, made.json()["job_id"]])
    api.put(f"{base}/calendars/bank", json={"days": [{"starts": "2027-01-01", "name": "NewYear"}]}).raise_for_status()
    shared_superuser.execute(
        "update kronos.document_versions set content = replace(content::text, 'NewYear', %s)::jsonb"
        " where workspace_id = (select workspace_id from kronos.workspaces where slug = %s)",
        ["New\u202eYear", workspace],
    )
    paths = ["/jobs", "/calendars/bank?month=2027-01", *(f"/jobs/job-{nth}" for nth in range(len(_TITLES)))]
    pages = [reader(f"/w/{workspace}{path}") for path in paths]
    texts = "".join(each for page in pages for each in page.xpath("//text()[not(ancestor::textarea)]"))
    assert [each for each in "\u202e\u200b\ufeff\u200d\u2066\u00ad" if each in texts] == []
    assert [shown for shown in (*_TITLES.values(), "New[U+202E]Year") if shown not in texts] == []
    form = reader(f"/w/{workspace}/jobs/job-0/edit")
    assert form.xpath("//input[@name='/title:?']/@value") == ["invoice\u202efdp.exe (safe)"]
    (given,) = form.xpath("//textarea[@name='/input:json']/text()")
    assert json.loads(given) == {"note": "invoice\u202efdp.exe (safe)"}
    found = api.get(f"/w/{workspace}/jobs", params={"q": "a\u200bdmin"})
    assert len(html.document_fromstring(found.text).xpath("//tbody/tr")) == 1, "a search finds it as it is written"


def test_what_a_hostile_tenant_names_is_text_and_fits_a_phone(page: Watched, api: httpx.Client, workspace: str) -> None:
    """Names that look like markup, addresses, styles and attributes; one word of 200 letters; titles in two scripts."""
    bad = ("<script>document.title='x'</script>", "javascript:alert(1)", "</textarea><style>*{display:none}</style>")
    more = ('" onmouseover="alert(1)', "{{ 7 * 7 }}", "W" * 200, "\u05d3\u05d5\u05d7" * 60, "z" + "\u0301" * 150)
    for nth, title in enumerate(bad + more):
        body = {"endpoint": "sink", "trigger": "CRON", "cron": "0 8 * * *", "name": f"job-{nth}", "title": title}
        made = api.post(f"/v1/workspaces/{workspace}/jobs", json=body | {"tags": [title[:60]]})
        assert made.status_code == 201, made.text
    page.page.set_viewport_size(PHONE)
    for path in ("/jobs", "/jobs/job-0", "/jobs/job-5", "/jobs/job-7", f"/jobs?tag={quote(bad[0][:60])}", "/audit"):
        page.go(f"/w/{workspace}{path}")
        assert page.page.title().endswith("Kronos"), path
        assert page.page.locator("main").is_visible(), path
        assert page.page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"], path
        targets = page.page.locator("a").evaluate_all("links => links.map(each => each.protocol)")
        assert set(targets) == {"http:"}, path
    assert page.wrong == []
    long = api.post(
        f"/v1/workspaces/{workspace}/jobs",
        json={"endpoint": "sink", "trigger": "CRON", "cron": "0 8 * * *", "title": "x" * 65536},
    )
    assert (long.status_code, long.json()["errors"][0]["pointer"]) == (422, "/title")
