"""Cut long texts to keep a page below 100 kB, so that it loads quickly on a phone.

User texts may have 256 KiB, and HTML needs five bytes for one `&`. In a page that would be too large, all texts are
cut to the same length, and a link opens the page in full. A form is never cut, because its cut text would be saved: a
form with a long text is only on the full page. Text for a copy button is not cut either: the button becomes a link to
the full page.

A response to a submitted form keeps everything that was typed, and has no full page: only the text around it is cut.
"""

import re

from markupsafe import escape

MOST_BYTES = 99_000
_LENGTHS = (8_000, 2_000, 500, 120, 40, 20)
"""Maximum text lengths to try, in characters of HTML. The first that makes the page small enough is used."""
_LEAST_OF_OURS = 120
"""Below this length, only table rows are cut: other short texts may be Kronos's own sentences and buttons."""
_FORM = re.compile(r"<form\b[^>]*>.*?</form>", re.DOTALL)
_AREA = re.compile(r"<textarea\b[^>]*>(.*?)</textarea>", re.DOTALL)
_TYPED = re.compile(r'(?<=>)[^<]*(?=</textarea>)|(?<=\svalue=")[^"]*')
_COPY = re.compile(r'<button\b[^>]*\sdata-copy="(?P<id>[^"]*)"[^>]*>.*?</button>', re.DOTALL)
_STRIP = re.compile(r'<svg class="strip"[^>]*>.*?</svg>', re.DOTALL)
"""A picture of the text next to it: fifty of them take 20 kB."""
_ROWS = re.compile(r"(<tbody\b.*?</tbody>)", re.DOTALL)
_KEPT = re.compile(r"<textarea\b.*?</textarea>|<[^>]*>", re.DOTALL)
_TOLD = re.compile(r'(?P<name>\s(?:title|aria-label)=")(?P<text>[^"]*)')
_PART_OF_REFERENCE = re.compile(r"&[^;\s]{0,9}\Z")


def is_too_long(html: str, *, beside_forms: bool = False) -> bool:
    """Whether a page is too large. With `beside_forms`, text typed into forms does not count."""
    counted = _TYPED.sub("", html) if beside_forms else html
    return len(counted) > MOST_BYTES or len(counted.encode(errors="surrogatepass")) > MOST_BYTES


def shown(html: str, whole: str | None) -> str:
    """Return the page with its texts cut.

    `whole` is the address of the full page. None: the page answers a form, and the form is not cut."""
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
    """Return the form, or its replacement: its long texts, to be cut, and a link to the full form."""
    long = [each[1] for each in _AREA.finditer(form) if len(each[1]) > most]
    if not long:
        return form
    texts = "".join(f'<pre tabindex="0"><code>{each}</code></pre>' for each in long)
    return f'{texts}<p><a class="button" href="{escape(whole)}">Open the whole form</a></p>'


def _copies_cut(html: str, whole: str | None, most: int) -> str:
    return _COPY.sub(lambda copy: copy[0] if _is_short(html, copy["id"], most) else _whole_to_copy(whole), html)


def _is_short(html: str, identifier: str, most: int) -> bool:
    """Whether the element with this id, which holds only text, needs no cut."""
    found = re.search(rf'\sid="{re.escape(identifier)}"[^>]*>(?P<text>[^<]*)', html)
    return found is not None and len(found["text"]) <= most


def _whole_to_copy(whole: str | None) -> str:
    if whole is None:
        return ""
    return f'<a class="button" href="{escape(whole)}">Open in full to copy</a>'


def _rows_cut(html: str, most: int, least: int) -> str:
    """Cut texts in table rows to `most` characters, and all others to `least`."""
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
    """Cut a text without splitting a character reference."""
    return text if len(text) <= most else f"{_PART_OF_REFERENCE.sub('', text[:most])}…"
