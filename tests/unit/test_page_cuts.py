"""A page that would be too large: which texts are cut, what never is, and where the full page is linked."""

import re

from hypothesis import given
from hypothesis import strategies as st
from markupsafe import escape

from kronos.dashboard.brief import MOST_BYTES, is_too_long, shown

WHOLE = "/w/acme/jobs/x?whole=yes&a=1"
LONG = "x" * 60_000


def test_a_page_is_too_long_by_its_bytes() -> None:
    assert not is_too_long("x" * MOST_BYTES)
    assert is_too_long("x" * (MOST_BYTES + 1))
    assert is_too_long("é" * (MOST_BYTES // 2 + 1))
    assert is_too_long("\ud800" * (MOST_BYTES // 3 + 1))  # a lone surrogate does not end in an error


def test_what_was_typed_into_a_form_counts_only_where_it_could_be_cut() -> None:
    typed = f'<textarea name="a">{LONG}</textarea><input value="{LONG}">'
    assert is_too_long(typed)
    assert not is_too_long(typed, beside_forms=True)
    assert is_too_long(f"<p>{LONG}</p><p>{LONG}</p>{typed}", beside_forms=True)


def test_texts_are_cut_to_the_longest_length_at_which_the_page_is_small() -> None:
    page = "".join(f"<p>{LONG}</p>" for _ in range(10))
    assert shown(page, WHOLE) == f"<p>{'x' * 8000}…</p>" * 10
    page = "".join(f"<p>{LONG}</p>" for _ in range(20))
    assert shown(page, WHOLE) == f"<p>{'x' * 2000}…</p>" * 20


def test_a_short_text_stays_and_a_text_of_just_that_length_too() -> None:
    page = f"<h1>Jobs</h1><p>{LONG}</p><p>{LONG}</p><p>{'y' * 8000}</p><p>{'z' * 8001}</p>"
    assert shown(page, WHOLE) == (
        f"<h1>Jobs</h1><p>{'x' * 8000}…</p><p>{'x' * 8000}…</p><p>{'y' * 8000}</p><p>{'z' * 8000}…</p>"
    )


def test_a_title_and_a_label_are_cut_and_other_attributes_never() -> None:
    page = f'<a href="/{LONG}" title="{LONG}" aria-label="{LONG}">a</a>'
    assert shown(page, WHOLE) == f'<a href="/{LONG}" title="{"x" * 8000}…" aria-label="{"x" * 8000}…">a</a>'


@given(st.text(alphabet="&<>'\"ab é", min_size=100, max_size=200))
def test_no_character_reference_is_cut_in_two(text: str) -> None:
    page = f"<p>{escape(text * 800)}</p>" * 3
    assert re.search(r"&(?!(?:amp|lt|gt|#\d+);)", shown(page, WHOLE)) is None


def test_in_tables_texts_may_be_shorter_than_our_own_sentences() -> None:
    row = f"<tr><td>{'x' * 130}</td></tr>"
    page = f"<p>{'Our own sentence. ' * 6}</p><table><tbody>{row * 1500}</tbody></table>"
    cut = shown(page, WHOLE)
    assert cut.startswith(f"<p>{'Our own sentence. ' * 6}</p>")
    assert cut.count(f"<td>{'x' * 40}…</td>") == 1500
    assert not is_too_long(cut)


def test_a_form_with_a_long_text_becomes_its_text_and_a_link_and_one_without_stays() -> None:
    short = '<form action="/a"><textarea name="b">short</textarea></form>'
    page = f'{short}<form action="/c"><textarea name="d">{LONG}{LONG}</textarea></form>'
    cut = shown(page, WHOLE)
    assert cut.startswith(short)
    assert f'<pre tabindex="0"><code>{"x" * 8000}…</code></pre>' in cut
    assert '<a class="button" href="/w/acme/jobs/x?whole=yes&amp;a=1">Open the whole form</a>' in cut
    assert 'name="d"' not in cut  # a cut text would be saved


def test_an_answer_to_a_form_keeps_what_was_typed() -> None:
    typed = f'<form action="/c"><textarea name="d">{LONG}{LONG}</textarea></form>'
    assert shown(typed, None) == typed
    beside = shown(f"<p>{LONG}</p><p>{LONG}</p>{typed}", None)
    assert beside == f"<p>{'x' * 8000}…</p><p>{'x' * 8000}…</p>{typed}"


def test_a_button_never_copies_a_cut_text() -> None:
    button = '<button class="b" data-copy="t">Copy</button>'
    long = f'{button}<code id="t">{LONG}{LONG}</code>'
    link = '<a class="button" href="/w/acme/jobs/x?whole=yes&amp;a=1">Open in full to copy</a>'
    assert shown(long, WHOLE) == f'{link}<code id="t">{"x" * 8000}…</code>'
    assert shown(long, None) == f'<code id="t">{"x" * 8000}…</code>'
    short = f'{button}<code id="t">short</code><p>{LONG}{LONG}</p>'
    assert shown(short, WHOLE).startswith(f'{button}<code id="t">short</code>')
    gone = f"{button}<p>{LONG}{LONG}</p>"  # the text is not on the page
    assert shown(gone, WHOLE).startswith(link)


def test_pictures_of_a_text_go_last() -> None:
    strip = '<svg class="strip" role="img"><path d="M0 0"/></svg>'
    rest = "".join(f'<a href="/{number:060}">{number}</a>' for number in range(1500))
    assert shown(f"{strip}{rest}", WHOLE) == rest
    small = f"{strip}<p>{LONG}</p><p>{LONG}</p>"
    assert strip in shown(small, WHOLE)
