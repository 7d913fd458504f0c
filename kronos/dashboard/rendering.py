"""Templates and their filters: links below the prefix, times, numbers, JSON.

Values reach a template only through `rendered`, which withholds what the caller may not see.
"""

import math
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Final
from urllib.parse import quote, urlencode
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import orjson
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape
from starlette.types import Scope

from kronos import reading
from kronos.api import withheld
from kronos.api.call import Call
from kronos.api.keys import Caller
from kronos.counting import plural
from kronos.dashboard import brief, hidden, static
from kronos.model import Role
from kronos.server_time import CLOCK

NOTHING: Final = "\u2013"
"""Shown where there is no value."""
_MINUTE, _HOUR, _DAY, _YEAR = 60, 3600, 86400, 31_557_600
_UNITS: Final = ((_YEAR, "y"), (_DAY, "d"), (_HOUR, "h"), (_MINUTE, "min"), (1, "s"))


def path_below(scope: Scope) -> str:
    """Return the path below the prefix, whether or not the proxy strips the prefix."""
    path, prefix = str(scope["path"]), str(scope.get("root_path", ""))
    return path.removeprefix(prefix) if path.startswith(f"{prefix}/") else path


def address(scope: Scope, query: str) -> str:
    """Return the request's own address with this query."""
    path = scope.get("root_path", "") + quote(path_below(scope), safe="/~:@!$&'()*+,;=-._")
    return f"{path}?{query}" if query else path


class PageContext:
    """The request as templates see it: caller, workspace, and functions for links."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self.workspace: str | None = call.path_params.get("w")
        """The workspace as given in the path."""
        self.path = path_below(call.scope)
        self.caller: Caller | None = call.scope.get("kronos.caller")
        """The caller; None on pages that need no key."""
        self.request_id: str = call.scope["kronos.request_id"]
        self.is_whole: bool = call.scope.get("kronos.is_whole", False)
        """The reader requested the full page."""
        self.is_read: bool = call.method in ("GET", "HEAD")
        """False: the page responds to a form. Its address may not be readable with GET, and typed values are kept."""
        self.is_brief = False
        """Long texts will be cut (brief.py)."""

    def holds(self, role: str) -> bool:
        """Whether the caller may read what needs this role."""
        return self.caller is not None and self.caller.role.covers(Role(role))

    def may(self, role: str) -> bool:
        """Whether the caller may perform actions that need this role; others are not offered.

        Always False in Kronos's own workspace, which cannot be changed, whether addressed by name or by id."""
        return not self._call.scope.get("kronos.is_system", False) and self.holds(role)

    def url(self, *parts: object, **query: object) -> str:
        """Return the address of a page: path parts below the prefix, and the query without None values."""
        path = "/".join([self._call.scope.get("root_path", ""), *(quote(str(part), safe="") for part in parts)])
        asked = [
            (name.rstrip("_"), str(each))
            for name, value in query.items()
            if value is not None
            for each in (value if isinstance(value, list | tuple) else (value,))
        ]
        return f"{path or '/'}?{urlencode(asked)}" if asked else path or "/"

    def here(self, *parts: object, **query: object) -> str:
        """Return the address of a page of the same workspace."""
        return self.url("w", self.workspace, *parts, **query)

    def with_query(self, **query: object) -> str:
        """Return this page's address with parts of its query changed; None removes a part."""
        asked = {name: self._call.query_params.getlist(name) for name in self._call.query_params}
        asked |= {name.rstrip("_"): [] if value is None else [str(value)] for name, value in query.items()}
        kept = [(name, each) for name, values in asked.items() for each in values]
        return address(self._call.scope, urlencode(kept))

    def file(self, name: str) -> static.StaticFile:
        """A script or style sheet."""
        return static.file(name)

    def file_url(self, name: str) -> str:
        """Return the address of a script or style sheet."""
        return f"{self._call.scope.get('root_path', '')}{static.file(name).path}"


def rendered(call: Call, template: str, **values: object) -> str:
    """Return a template's HTML, with the values that this caller may see."""
    shown: Mapping[str, object] = {name: withheld.shown(value) for name, value in values.items()}
    page = PageContext(call)
    html = _html(template, page, shown)
    if page.is_whole or not brief.is_too_long(html, beside_forms=not page.is_read):
        return html
    page.is_brief = True
    whole = page.with_query(whole="yes") if page.is_read else None
    return brief.shown(_html(template, page, shown), whole)


def _html(template: str, page: PageContext, values: Mapping[str, object]) -> str:
    return hidden.shown(_environment().get_template(template).render(page=page, now=CLOCK.now(), **values))


def when(instant: datetime | None, zone: str | None = None) -> Markup:
    """Return an instant as <time>: absolute in the zone or in UTC, and relative to now.

    kronos.js keeps the relative part current, and shows the absolute part in the reader's chosen zone."""
    if instant is None:
        return Markup('<span class="none">{}</span>').format(NOTHING)
    exact = instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    of_job = Markup(' data-zone="{}"').format(zone) if zone else ""
    return Markup(
        '<time datetime="{}"{}><span class="absolute">{}</span> <span class="relative">{}</span></time>'
    ).format(exact, of_job, absolute(instant, zone), relative(instant))


def instant(text: str) -> datetime:
    """Parse an instant from a JSON document."""
    return datetime.fromisoformat(text)


def absolute(instant: datetime, zone: str | None = None) -> str:
    """2026-11-29 03:15:00 UTC."""
    local = instant.astimezone(zone_of(zone))
    return f"{local:%Y-%m-%d %H:%M:%S} {'UTC' if not zone or zone in ('UTC', 'GMT') else local.strftime('%Z')}"


def exact(instant: datetime) -> str:
    """2026-11-29T03:15:00Z, for the query of an address; with microseconds if there are any."""
    return instant.astimezone(UTC).isoformat().replace("+00:00", "Z")


def relative(instant: datetime, now: datetime | None = None) -> str:
    """In 5 min, or 3 h ago."""
    seconds = (instant - (now or CLOCK.now())).total_seconds()
    if abs(seconds) < 1:
        return "now"
    text = duration(abs(seconds))
    return f"in {text}" if seconds > 0 else f"{text} ago"


def duration(seconds: float | timedelta | None) -> str:
    """A duration in its two largest units: 340 ms, 4.2 s, 5 min 3 s, 2 d 4 h."""
    if seconds is None:
        return NOTHING
    if isinstance(seconds, timedelta):
        seconds = seconds.total_seconds()
    if (milliseconds := round(seconds * 1000)) < 1000:
        return f"{milliseconds} ms"
    if seconds < 10 and seconds != int(seconds):
        return f"{seconds:.1f} s"
    left, parts = math.floor(seconds), []
    for unit, name in _UNITS:
        if left >= unit:
            parts.append(f"{left // unit} {name}")
            left %= unit
        elif parts:
            break
        if len(parts) == 2:
            break
    return " ".join(parts)


def duration_ms(milliseconds: float | None) -> str:
    """Like `duration`, for milliseconds."""
    return duration(None if milliseconds is None else milliseconds / 1000)


def count(number: int | None) -> str:
    """12,345."""
    return NOTHING if number is None else f"{number:,}"


def share(part: float) -> str:
    """4.2 %. A part above zero is never shown as 0 %."""
    return "less than 0.1 %" if 0 < part < 0.001 else f"{100 * part:.1f} %"


def coded(text: str) -> Markup:
    """A sentence with text between backticks shown as code."""
    parts = [
        Markup("<code>{}</code>").format(each) if nth % 2 else escape(each) for nth, each in enumerate(text.split("`"))
    ]
    return Markup("").join(parts)


def size(byte_count: int | None) -> str:
    """340 B, 4.2 kB, 17 MB."""
    if byte_count is None:
        return NOTHING
    amount = float(byte_count)
    for unit in ("B", "kB", "MB", "GB"):
        if round(amount) < 1000 or unit == "GB":  # what is rounded to 1000 has the next unit
            return f"{amount:.0f} {unit}" if unit == "B" or amount >= 100 else f"{amount:.1f} {unit}"
        amount /= 1000
    raise AssertionError("a size has a unit")


def json_text(value: object) -> str:
    """A document as indented JSON."""
    written = orjson.dumps(value, reading.plain, orjson.OPT_INDENT_2 | orjson.OPT_UTC_Z | orjson.OPT_NON_STR_KEYS)
    return hidden.escaped(written.decode())


def inside(text: str) -> Markup:
    """A document as the text of an element, never of an attribute. Quotes are not escaped: each would take five bytes,
    and JSON has many."""
    return escape(text).replace("&#34;", Markup('"')).replace("&#39;", Markup("'"))


def second_before(instant: datetime) -> datetime:
    """The instant one second before, for filters that exclude their own instant."""
    return instant - timedelta(seconds=1)


def dictwithout(document: Mapping[str, object], *names: str) -> dict[str, object]:
    """A document without these members."""
    return {name: value for name, value in document.items() if name not in names}


def is_withheld(value: object) -> bool:
    """Whether a payload was replaced by the notice that the caller may not see it."""
    return value == withheld.NOTICE


_WRITTEN: Final = {
    "API": "API", "CRON": "CRON", "HTTP": "HTTP", "KAFKA": "Kafka", "REDIS_STREAM": "Redis stream",
    "pg_cron_entry": "pg_cron entry",
}  # fmt: skip
"""Codes that are names or acronyms, as people write them."""


def words(status: str) -> str:
    """A code in plain words: GAVE_UP as gave up, HTTP as HTTP."""
    return _WRITTEN.get(status) or status.replace("_", " ").lower()


def sentence(text: str) -> str:
    """An error's detail as a sentence: with a capital, unless it begins with an identifier or a quotation."""
    first = text.partition(" ")[0]
    return text[:1].upper() + text[1:] if first.isalpha() else text


def attributes(**given: object) -> Markup:
    """HTML attributes. True: an attribute without a value. None and False: no attribute."""
    made = Markup("")
    for name, value in given.items():
        if value is None or value is False:
            continue
        shown = name.rstrip("_").replace("_", "-")
        made += Markup(" {}").format(shown) if value is True else Markup(' {}="{}"').format(shown, value)
    return made


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("kronos.dashboard"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        extensions=["jinja2.ext.do"],
    )
    filters = (
        when,
        instant,
        absolute,
        exact,
        relative,
        duration,
        duration_ms,
        count,
        plural,
        share,
        coded,
        size,
        json_text,
        inside,
        words,
        sentence,
        dictwithout,
        second_before,
    )
    environment.filters |= {each.__name__: each for each in filters}
    environment.tests["withheld"] = is_withheld
    environment.globals |= {"attributes": attributes, "escape": escape}
    return environment


def zone_of(name: str | None) -> ZoneInfo:
    """Return a zone, or UTC if this machine does not know it. PostgreSQL may know more zones."""
    try:
        return ZoneInfo(name or "UTC")
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")
