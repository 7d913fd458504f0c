"""Check a connection string before libpq uses it, and limit which of libpq's environment variables apply to it."""

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
# For connection strings that libpq rejects: a part of its message, and our message. Its own may quote a part of the
# password.
_REFUSALS = (
    ("percent-encoded", f"has a % that is not part of a valid %XX: {_ENCODED}"),
    ("unexpected spaces", f"contains a blank: {_ENCODED}"),
    ("IPv6", f"has an IPv6 address without the closing ]: write it like {_FORM.replace('HOST', '[::1]')}"),
    (
        "unterminated quoted",
        "has a quoted value without a closing quote: in key=value pairs write ' as \\' and \\ as \\\\",
    ),
    (
        'missing "=" after',
        f"is not a connection string: write {_FORM}, or key=value pairs with values that contain blanks in '…'",
    ),
    (
        "invalid connection option",
        "has a key that libpq does not know: use host, port, dbname, user, password; put a value with blanks in '…'",
    ),
    (
        "URI query parameter",
        "has a parameter after the ? that libpq does not know, or that is not name=value: remove it",
    ),
)
# The variables that may fill in what a connection string leaves out, as with psql: the login, its proof, and TLS.
# Not the others: PGOPTIONS, PGTZ, PGDATESTYLE and the like change settings; PGSERVICE and PGHOSTADDR lead to another
# server than the string names.
_FILLS_IN = re.compile(
    r"PG(HOST|PORT|USER|DATABASE|PASSWORD|PASSFILE|SERVICEFILE|SYSCONFDIR|REQUIREAUTH|REQUIREPEER|CHANNELBINDING|GSSENCMODE|GSSLIB"
    r"|GSSDELEGATION|KRBSRVNAME|M(IN|AX)PROTOCOLVERSION|SSL\w+)"
)
# libpq reads these too, but does not list them.
_UNLISTED = {"PGSERVICEFILE", "PGSYSCONFDIR", "PGTZ", "PGDATESTYLE", "PGGEQO", "PGREQUIRESSL", "PGREALM", "PGLOCALEDIR"}


def forget_environment(url: str | None = None) -> None:
    """Remove libpq's environment variables from this process and its children, except those that may fill in for
    `url`."""
    listed = {option.envvar.decode() for option in pq.Conninfo.get_defaults() if option.envvar}
    for name in (listed | _UNLISTED) & os.environ.keys():
        if url is None or not _FILLS_IN.fullmatch(name):
            del os.environ[name]


def fault_of(url: str) -> str | None:
    """Return why this connection string cannot work, without quoting it; None if no fault is known."""
    if not url.strip():
        return f"is empty: write {_FORM}"
    scheme = _SCHEME.match(url)
    is_url = scheme is not None and scheme[0].lower() in ("postgresql", "postgres")
    if scheme is not None and not is_url:
        of_ours = "postgres" in scheme[0].lower()
        why = "the form of another driver" if of_ours else "which is not PostgreSQL"
        return f"begins with {scheme[0]}://, {why}: write {_FORM}"
    if is_url and re.search(r"\s", url):
        return f"contains a blank or a line break: {_ENCODED}"
    try:
        options = conninfo_to_dict(url)
    except psycopg.ProgrammingError as error:
        return next((ours for theirs, ours in _REFUSALS if theirs in str(error)), f"cannot be read: write {_FORM}")
    return next(_faults({name: str(value) for name, value in options.items()}), None)


def _faults(options: dict[str, str]) -> Iterator[str]:
    """Yield faults that libpq accepts silently, but that cannot be intended."""
    hosts, ports = _items(options, "host") or _items(options, "hostaddr"), _items(options, "port")
    if any("@" in options.get(name, "") for name in ("host", "dbname")):
        yield f"has one @ or / too many: {_ENCODED}"
    if not all(port == "" or (port.isascii() and port.isdigit() and 0 < int(port) < 65536) for port in ports):
        yield (
            "has a port that is not a number from 1 to 65535. Is it part of the password? "
            f"{_ENCODED[0].upper()}{_ENCODED[1:]}"
        )
    if not options.get("hostaddr") and not all(map(_is_host, hosts)):
        yield "has an invalid host name: each part between its dots must have 1 to 63 characters"
    if len(ports) > 1 and len(ports) != len(hosts):
        yield f"names {len(hosts)} hosts and {len(ports)} ports: give one port for all, or one per host"
    for name, values in _MODES.items():
        if options.get(name, next(iter(values))) not in values:
            yield f"has a value of {name} that libpq does not know: use {', '.join(sorted(values))}"


def _is_host(text: str) -> bool:
    """Return whether the text can be looked up, or is a socket's path. For a name with two consecutive dots Python
    would raise an error that drivers do not catch."""
    try:
        text.encode("idna")
    except UnicodeError:
        return text.startswith(("/", "@"))
    return True


def _items(options: dict[str, str], name: str) -> list[str]:
    return options[name].split(",") if name in options else []


def number_of_hosts(url: str) -> int:
    """Return how many servers a valid connection string names."""
    options = conninfo_to_dict(url)
    return 1 + max(str(options.get(name) or "").count(",") for name in ("host", "hostaddr"))
