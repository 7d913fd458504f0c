"""What libpq is given: a connection string judged before it is used, and which of libpq's environment variables count
for it."""

import os
import re
from collections.abc import Iterator

import psycopg
from psycopg import pq
from psycopg.conninfo import conninfo_to_dict

_FORM = "postgresql://USER:PASSWORD@HOST:PORT/DATABASE"
_ENCODED = "in user name and password % is written %25, @ %40, : %3A, / %2F, ? %3F, # %23 and a blank %20"
_SCHEME = re.compile(r"(?:jdbc:)?[a-z][a-z0-9+.-]{0,30}(?=:/)", re.I)
_MODES = {
    "sslmode": {"disable", "allow", "prefer", "require", "verify-ca", "verify-full"},
    "target_session_attrs": {"any", "read-write", "read-only", "primary", "standby", "prefer-standby"},
}
# Before the strings that libpq refuses: its words, and ours in their stead. Its own quote what may be a part of the
# password.
_REFUSALS = (
    ("percent-encoded", f"has a % that begins no %XX: {_ENCODED}"),
    ("unexpected spaces", f"has a blank in it: {_ENCODED}"),
    ("IPv6", f"has an IPv6 address that does not end in ]: write it like {_FORM.replace('HOST', '[::1]')}"),
    (
        "unterminated quoted",
        "has a quoted value that does not end: in key=value pairs ' is written \\' and \\ is written \\\\",
    ),
    (
        'missing "=" after',
        f"is no connection string: write {_FORM}, or key=value pairs with values that hold blanks in '…'",
    ),
    (
        "invalid connection option",
        "has a key that libpq does not know: it knows host, port, dbname, user, password; a value with blanks in '…'",
    ),
    (
        "URI query parameter",
        "has a parameter after the ? that libpq does not know, or that is not name=value: remove it",
    ),
)
# What fills in for what a connection string leaves out, as psql has it: who logs in where, how that is proven, and TLS.
# None of the others: PGOPTIONS, PGTZ, PGDATESTYLE and their like change settings, PGSERVICE and PGHOSTADDR lead
# elsewhere than the string says.
_FILLS_IN = re.compile(
    r"PG(HOST|PORT|USER|DATABASE|PASSWORD|PASSFILE|SERVICEFILE|SYSCONFDIR|REQUIREAUTH|REQUIREPEER|CHANNELBINDING|GSSENCMODE|GSSLIB"
    r"|GSSDELEGATION|KRBSRVNAME|M(IN|AX)PROTOCOLVERSION|SSL\w+)"
)
# libpq reads these as well, and does not list them.
_UNLISTED = {"PGSERVICEFILE", "PGSYSCONFDIR", "PGTZ", "PGDATESTYLE", "PGGEQO", "PGREQUIRESSL", "PGREALM", "PGLOCALEDIR"}


def forget_environment(url: str | None = None) -> None:
    """From now on libpq's environment variables reach no connection of this process or its children, but those that
    fill in for `url`."""
    listed = {option.envvar.decode() for option in pq.Conninfo.get_defaults() if option.envvar}
    for name in (listed | _UNLISTED) & os.environ.keys():
        if url is None or not _FILLS_IN.fullmatch(name):
            del os.environ[name]


def fault_of(url: str) -> str | None:
    """Why PostgreSQL cannot be reached by this connection string, without quoting it; None where nothing is known
    against it."""
    if not url.strip():
        return f"is empty: write {_FORM}"
    scheme = _SCHEME.match(url)
    is_url = scheme is not None and scheme[0].lower() in ("postgresql", "postgres")
    if scheme is not None and not is_url:
        of_ours = "postgres" in scheme[0].lower()
        why = "as another driver has it" if of_ours else "which is not PostgreSQL"
        return f"begins with {scheme[0]}://, {why}: write {_FORM}"
    if is_url and re.search(r"\s", url):
        return f"has a blank or a line's end in it: {_ENCODED}"
    try:
        options = conninfo_to_dict(url)
    except psycopg.ProgrammingError as error:
        return next((ours for theirs, ours in _REFUSALS if theirs in str(error)), f"cannot be read: write {_FORM}")
    return next(_faults({name: str(value) for name, value in options.items()}), None)


def _faults(options: dict[str, str]) -> Iterator[str]:
    """What libpq reads without a complaint, and cannot be meant."""
    hosts, ports = _items(options, "host") or _items(options, "hostaddr"), _items(options, "port")
    if any("@" in options.get(name, "") for name in ("host", "dbname")):
        yield f"has an @ or a / too many: {_ENCODED}"
    if not all(port == "" or (port.isascii() and port.isdigit() and 0 < int(port) < 65536) for port in ports):
        yield (
            "has a port that is no number from 1 to 65535. Is it a part of the password? "
            f"{_ENCODED[0].upper()}{_ENCODED[1:]}"
        )
    if not options.get("hostaddr") and not all(map(_is_host, hosts)):
        yield "has a host that is no name: between its dots stand 1 to 63 characters each"
    if len(ports) > 1 and len(ports) != len(hosts):
        yield f"names {len(hosts)} hosts and {len(ports)} ports: write one port for all, or one for each"
    for name, values in _MODES.items():
        if options.get(name, next(iter(values))) not in values:
            yield f"has a value of {name} that libpq does not know: {', '.join(sorted(values))}"


def _is_host(text: str) -> bool:
    """Whether it can be looked up, or is a socket's. Of one with two dots in a row Python raises no error that drivers
    know."""
    try:
        text.encode("idna")
    except UnicodeError:
        return text.startswith(("/", "@"))
    return True


def _items(options: dict[str, str], name: str) -> list[str]:
    return options[name].split(",") if name in options else []


def number_of_hosts(url: str) -> int:
    """How many servers a sound connection string names."""
    options = conninfo_to_dict(url)
    return 1 + max(str(options.get(name) or "").count(",") for name in ("host", "hostaddr"))
