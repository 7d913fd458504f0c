"""Pages of long texts, made short: whoever looks for what is wrong has a telephone, and a page is less than 100 kB.

What people write may be 256 KiB, and HTML writes one `&` as five bytes. A page that would be larger has each of its
texts cut, all alike, as far as it takes, and a link to itself whole. A form is never cut, as what was cut would be
saved: one that holds a long text stands on the whole page alone. Nor is what a button copies: where it was cut the
button is a link to the whole page.

An answer to a form holds what was typed, as long as it is, and has no whole page: there all that is beside it is cut.
"""

import re

from markupsafe import escape

MOST_BYTES = 99_000
_LENGTHS = (8_000, 2_000, 500, 120, 40, 20)
"""How long texts may be, in the characters of HTML: the first that makes the page small enough."""
_LEAST_OF_OURS = 120
"""Less than that is cut in the rows of tables alone: elsewhere it may be what Kronos itself says, and its buttons."""
_FORM = re.compile(r"<form\b[^>]*>.*?</form>", re.DOTALL)
_AREA = re.compile(r"<textarea\b[^>]*>(.*?)</textarea>", re.DOTALL)
_TYPED = re.compile(r'(?<=>)[^<]*(?=</textarea>)|(?<=\svalue=")[^"]*')
_COPY = re.compile(r'<button\b[^>]*\sdata-copy="(?P<id>[^"]*)"[^>]*>.*?</button>', re.DOTALL)
_STRIP = re.compile(r'<svg class="strip"[^>]*>.*?</svg>', re.DOTALL)
"""A picture of what the text beside it says: fifty of them are 20 kB."""
_ROWS = re.compile(r"(<tbody\b.*?</tbody>)", re.DOTALL)
_KEPT = re.compile(r"<textarea\b.*?</textarea>|<[^>]*>", re.DOTALL)
_TOLD = re.compile(r'(?P<name>\s(?:title|aria-label)=")(?P<text>[^"]*)')
_PART_OF_REFERENCE = re.compile(r"&[^;\s]{0,9}\Z")


def is_too_long(html: str, *, beside_forms: bool = False) -> bool:
    """Whether a page is larger than it may be, or what it has beside what was typed."""
    counted = _TYPED.sub("", html) if beside_forms else html
    return len(counted) > MOST_BYTES or len(counted.encode(errors="surrogatepass")) > MOST_BYTES


def shown(html: str, whole: str | None) -> str:
    """The page with its texts cut; `whole`: its address with nothing cut. None: it answers a form, which stays."""
    made = html
    for most in _LENGTHS:
        least = max(most, _LEAST_OF_OURS)
        forms = html if whole is None else _forms_cut(html, whole, least)
        made = _rows_cut(_copies_cut(forms, whole, least), most, least)
        if not is_too_long(made, beside_forms=whole is None):
            return made
    return _STRIP.sub("", made)


def _forms_cut(html: str, whole: str, most: int) -> str:
    return _FORM.sub(lambda form: _form(form[0], whole, most), html)


def _form(form: str, whole: str, most: int) -> str:
    """The form, or what stands in its place: the beginning of what is long in it, and where it is whole."""
    long = [each[1] for each in _AREA.finditer(form) if len(each[1]) > most]
    if not long:
        return form
    texts = "".join(f'<pre tabindex="0"><code>{each}</code></pre>' for each in long)
    return f'{texts}<p><a class="button" href="{escape(whole)}">Open the whole form</a></p>'


def _copies_cut(html: str, whole: str | None, most: int) -> str:
    return _COPY.sub(lambda copy: copy[0] if _is_short(html, copy["id"], most) else _whole_to_copy(whole), html)


def _is_short(html: str, identifier: str, most: int) -> bool:
    """Whether nothing is cut of the element with this id, which holds a text alone."""
    found = re.search(rf'\sid="{re.escape(identifier)}"[^>]*>(?P<text>[^<]*)', html)
    return found is not None and len(found["text"]) <= most


def _whole_to_copy(whole: str | None) -> str:
    if whole is None:
        return ""
    return f'<a class="button" href="{escape(whole)}">Show it whole, to copy it</a>'


def _rows_cut(html: str, most: int, least: int) -> str:
    """Texts cut: in the rows of tables at `most`, elsewhere at `least`."""
    parts = _ROWS.split(html)
    return "".join(_texts_cut(each, most if nth % 2 else least) for nth, each in enumerate(parts))


def _texts_cut(html: str, most: int) -> str:
    parts, at = [], 0
    for each in _KEPT.finditer(html):
        tag = each[0]
        parts += [_cut(html[at : each.start()], most)]
        parts += [tag if len(tag) <= most else _TOLD.sub(lambda told: told["name"] + _cut(told["text"], most), tag)]
        at = each.end()
    return "".join([*parts, _cut(html[at:], most)])


def _cut(text: str, most: int) -> str:
    """No reference is cut in two."""
    return text if len(text) <= most else f"{_PART_OF_REFERENCE.sub('', text[:most])}…"
