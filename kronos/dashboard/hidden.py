"""Show invisible characters that make a text look like another one, such as bidirectional overrides and zero-width
characters (Unicode TR36, 2.10 and 3.2), as their numbers."""

import re
from json import dumps

from kronos import unseen

# Names may hold none of these (kronos/unseen.py). Texts may hold those that scripts need: direction marks (which
# reverse nothing), letters that only shape their neighbors, and joiners. Joiners have no visible effect between ASCII
# letters, and tags are only meaningful in flags.
_NEEDED = r"\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180d\u180f\u200c-\u200f\U000e0100-\U000e01ef"
_FLAG = "(?<!\U0001f3f4)(?<![\U000e0020-\U000e007f])[\U000e0020-\U000e007f]+"
_HIDDEN = re.compile(f"(?![{_NEEDED}\U000e0020-\U000e007f])[{unseen.UNSEEN}{unseen.FAR}]")
_FOUND = re.compile(f"{_HIDDEN.pattern}|{_FLAG}|(?<=[!-~])[{unseen.JOINERS}]+(?=[!-~])")
_RANGES = re.findall(r"\\u(\w{4})(?:-\\u(\w{4}))?", unseen.UNSEEN)
_NEAR = [
    character
    for first, last in _RANGES
    for character in map(chr, range(int(first, 16), int(last or first, 16) + 1))
    if _HIDDEN.match(character)
] + list(unseen.JOINERS)
_FAR_BEGINS = (b"\xf0\x9b\xb2", b"\xf0\x9d\x85", b"\xf3\xa0")
"""The first UTF-8 bytes of those above U+FFFF."""
# Text in a form is sent back unchanged, and attributes are not part of the page's text.
_KEPT = re.compile(r"<textarea\b.*?</textarea>|<[^>]*>", re.DOTALL)


def shown(html: str) -> str:
    """Return HTML in whose text each hidden character is replaced by its number, as in `[U+202E]`."""
    if not _may_hold(html):
        return html
    kept, parts, at = _KEPT.finditer(html), [], 0
    for each in kept:
        parts += [_FOUND.sub(_numbered, html[at : each.start()]), each[0]]
        at = each.end()
    return "".join([*parts, _FOUND.sub(_numbered, html[at:])])


def _may_hold(html: str) -> bool:
    """Whether the HTML may hold one. For a page of 80 kB this takes a seventh of a regular expression's 0.6 ms."""
    written = html.encode(errors="surrogatepass")
    return any(each in written for each in _FAR_BEGINS) or any(each in html for each in _NEAR)


def escaped(json: str) -> str:
    """Return equivalent JSON with each hidden character escaped, so that it can be copied."""
    return _FOUND.sub(lambda found: dumps(found[0])[1:-1], json)


def _numbered(found: re.Match[str]) -> str:
    return "".join(f"[U+{ord(each):04X}]" for each in found[0])
