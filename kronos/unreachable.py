"""Explain why a connection to PostgreSQL failed: libpq gives a text without an SQLSTATE, and people need the cause and
the remedy.

There are two messages for each cause: for the operator of Kronos, with server, user and database, and for callers of
the API, without them. Neither contains a password, whatever the connection string was.
"""

import re
from collections.abc import Mapping
from urllib.parse import quote

import psycopg
from psycopg import pq
from psycopg.conninfo import conninfo_to_dict

from kronos.records import dataclass

_MOST_WORDS = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreachable:
    """`kind` for programs; `outside` for callers of the API; `inside` for the log and the command line."""

    kind: str
    outside: str
    inside: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kind:
    name: str
    texts: str  # in the English messages of PostgreSQL, libpq, psycopg and pgbouncer
    outside: str
    inside: str
    quotes: bool = False  # whether their own message adds information


# The first one whose text occurs. If several servers or addresses were tried, the more specific cause comes first.
_KINDS = (
    _Kind(
        name="password",
        texts=r"(password|SASL|LDAP|PAM|RADIUS|BSD) authentication failed|\bauth failed|wrong password|password "
        r"mismatch",
        outside="PostgreSQL does not accept the password of Kronos's login",
        inside="{server} does not accept the password of user {user}: correct it in KRONOS_DATABASE_URL (write % as "
        "%25, @ as %40, : as %3A, "
        "/ as %2F), or set this password for the user: alter role {user} password '…'",
    ),
    _Kind(
        name="no_password",
        texts=r"no password supplied|password is required|required password",
        outside="PostgreSQL requires a password for Kronos's login, but none is set",
        inside="{server} requires a password for user {user}, but there is none: add it to KRONOS_DATABASE_URL, or "
        "set PGPASSFILE",
    ),
    _Kind(
        name="client_certificate",
        texts=r"requires a valid client certificate|certificate authentication failed|private key file"
        r"|could not (read|load|open) (certificate|private key)",
        outside="PostgreSQL does not accept the TLS certificate of Kronos's login",
        inside="{server} does not accept the client certificate of user {user}: check sslcert and sslkey in "
        "KRONOS_DATABASE_URL",
        quotes=True,
    ),
    _Kind(
        name="certificate",
        texts=r"server certificate for|certificate.* does not match host name",
        outside="PostgreSQL's TLS certificate is for another host",
        inside="the TLS certificate of {server} is for another host: use the certificate's host name in "
        "KRONOS_DATABASE_URL; hostaddr may hold the address",
        quotes=True,
    ),
    _Kind(
        name="certificate",
        texts=r"certificate verify failed|root certificate file|certificate authority|certificate has expired"
        r"|unable to get local issuer|self-signed certificate",
        outside="PostgreSQL's TLS certificate cannot be trusted",
        inside="the TLS certificate of {server} cannot be trusted: it has expired, or sslrootcert in "
        "KRONOS_DATABASE_URL names no file with its authority; `kronos doctor` shows which",
        quotes=True,
    ),
    _Kind(
        name="no_tls",
        texts=r"does not support SSL|SSL was required|sslmode value .* invalid when SSL support",
        outside="PostgreSQL has TLS switched off, but Kronos requires it",
        inside="{server} has TLS switched off, but sslmode requires it: set ssl = on there, or sslmode=prefer in "
        "KRONOS_DATABASE_URL",
    ),
    _Kind(
        name="pg_hba",
        texts=r"no pg_hba\.conf entry|pg_hba\.conf rejects|Peer authentication|Ident authentication|(peer|ident).* "
        r"failed for user",
        outside="PostgreSQL's pg_hba.conf does not let Kronos's login in",
        inside="the pg_hba.conf of {server} does not let user {user} into database {database} from here: add a line "
        "such as "
        "`hostssl {database} {user} ADDRESS/32 scram-sha-256`, then run select pg_reload_conf()",
        quotes=True,
    ),
    _Kind(
        name="no_database",
        texts=r'database "[^"]*" does not exist|no such database|database "[^"]*" has disappeared',
        outside="the database that Kronos is configured to use does not exist",
        inside="{server} has no database {database}: correct KRONOS_DATABASE_URL, or run create database {database}",
    ),
    _Kind(
        name="no_role",
        texts=r'role "[^"]*" does not exist|no such user|user "[^"]*" does not exist',
        outside="PostgreSQL does not know Kronos's login",
        inside="{server} does not know user {user}: correct KRONOS_DATABASE_URL, or create the user. `kronos migrate` "
        "creates kronos_api and "
        "kronos_worker",
    ),
    _Kind(
        name="not_allowed",
        texts=r"not permitted to log in|permission denied for database|not currently accepting connections|does not "
        r"allow connections",
        outside="PostgreSQL does not let Kronos's login into its database",
        inside="{server} does not let user {user} into database {database}: alter role {user} login; grant connect on "
        "database "
        "{database} to {user}",
        quotes=True,
    ),
    _Kind(
        name="full",
        texts=r"too many (clients|connections|users)|connection slots are reserved|no more connections "
        r"allowed|max_(client|db|user)_conn"
        r"|query_wait_timeout",
        outside="PostgreSQL has no free connection",
        inside="{server} has no free connection for user {user}: raise max_connections or the limit that it names, or "
        "lower "
        "KRONOS_DATABASE_POOL_SIZE",
        quotes=True,
    ),
    _Kind(
        name="disk_full",
        texts=r"No space left on device|disk quota exceeded|could not (write|extend) (init )?file",
        outside="PostgreSQL cannot start a session: its disk is full",
        inside="{server} cannot write what each new session needs: the disk of its data is full, or fails. Free space "
        "there; nothing else needs to be done",
        quotes=True,
    ),
    _Kind(
        name="starting",
        texts=r"database system is (starting up|in recovery|shutting down|not accepting)|not yet accepting "
        r"connections|hot standby mode is "
        r"disabled|in recovery mode",
        outside="PostgreSQL is starting or stopping",
        inside="{server} is starting or stopping; Kronos retries",
        quotes=True,
    ),
    _Kind(
        name="read_only",
        texts=r"session is (not )?read-only|server is (not )?in hot standby",
        outside="no PostgreSQL server accepts writes",
        inside="none of {server} matches target_session_attrs: Kronos needs the primary, which accepts writes. Is a "
        "failover in progress?",
    ),
    _Kind(
        name="pooler",
        texts=r"unsupported startup parameter|pgbouncer|server (login|connect)\w* (has been )?fail|bouncer|server "
        r"conn crashed|no server "
        r"connections? available|connect failed|client_(login|idle)_timeout",
        outside="the pooler in front of PostgreSQL rejects Kronos's connection",
        inside="the pooler at {server} rejects the connection: correct its configuration, or remove the parameter that "
        "it names from "
        "KRONOS_DATABASE_URL",
        quotes=True,
    ),
    _Kind(
        name="setting",
        texts=r"^(invalid|unrecognized|could not match) |invalid \S+ value|invalid integer value|invalid connection "
        r"option"
        r"|invalid port number|invalid SSL protocol"
        r"|definition of service|service file|channel binding|method requirement|weak sslmode|bad value for"
        r"|host name must be specified|Servname not supported",
        outside="the parameters of Kronos's connection to PostgreSQL contradict each other or the server",
        inside="a parameter of KRONOS_DATABASE_URL, or an environment variable of libpq that fills in for it, does "
        "not fit {server}",
        quotes=True,
    ),
    _Kind(
        name="not_postgresql",
        texts=r"invalid response to (SSL|GSS)|expected authentication request|expected .* from server|unsupported "
        r"frontend protocol"
        r"|received (invalid|unencrypted)|SSL error: (wrong version|packet length|record layer)|unexpected response",
        outside="the server at PostgreSQL's address is not PostgreSQL",
        inside="the server at {server} is not PostgreSQL: check host and port in KRONOS_DATABASE_URL",
        quotes=True,
    ),
    _Kind(
        name="tls",
        texts=r"SSL error|SSL SYSCALL|tlsv1|TLS|alert|GSSAPI",
        outside="PostgreSQL and Kronos cannot agree on a TLS connection",
        inside="no TLS connection with {server} can be established",
        quotes=True,
    ),
    _Kind(
        name="name",
        texts=r"failed to resolve host|could not translate host name|Name or service not known|name "
        r"resolution|nodename nor servname"
        r"|No address associated|label empty or too long|codec failed",
        outside="the name of PostgreSQL's host is not known",
        inside="the host name cannot be resolved here: {host}. Check KRONOS_DATABASE_URL, and that DNS works",
    ),
    _Kind(
        name="no_socket",
        texts=r"connection to server on socket .*(No such file|Connection refused|Permission denied)|Unix-domain "
        r"socket path",
        outside="nothing listens on PostgreSQL's socket",
        inside="no PostgreSQL listens on the socket of port {port} in {host}, or this user may not use it: is it "
        "running, with "
        "this directory in its unix_socket_directories?",
    ),
    _Kind(
        name="refused",
        texts=r"Connection refused",
        outside="nothing listens at PostgreSQL's address",
        inside="nothing listens at {server}: is PostgreSQL running there, on this port, and do its listen_addresses "
        "include this address?",
    ),
    _Kind(
        name="unreachable",
        texts=r"timeout expired|timed out|No route to host|unreachable|no answer in time",
        outside="PostgreSQL's host does not answer",
        inside="{server} does not answer: check host and port in KRONOS_DATABASE_URL, the network and its firewalls",
    ),
    _Kind(
        name="broken_off",
        texts=r"server closed the connection|terminating connection|connection reset|connection has been closed|EOF "
        r"detected|broken pipe"
        r"|connection not open|consuming input failed",
        outside="PostgreSQL, or a proxy in front of it, closed the connection",
        inside="{server} closed the connection: see its log for the reason",
        quotes=True,
    ),
)
_OTHER = _Kind(
    name="other",
    texts="",
    outside="PostgreSQL accepts no new connection: Kronos's log has its message",
    inside="{server} accepts no connection of user {user} to database {database}",
    quotes=True,
)


def why(error: BaseException, dsn: str) -> Unreachable:
    """Return why no connection could be opened with the conninfo `dsn`."""
    text = str(error) or type(error).__name__
    if isinstance(error, TimeoutError | psycopg.errors.ConnectionTimeout) and not str(error):
        text = "no answer in time"
    known = _meant(dsn)
    # Names are in quotes. They are removed, so that a host's name cannot be taken for a cause.
    words = re.sub(r"""(["'])[^"']*\1""", r"\1\1", " ".join(text.split()))
    kind = next((each for each in _KINDS if re.search(each.texts, words, re.I)), _OTHER)
    said = kind.inside.format_map(_names(known))
    if kind.quotes:
        said += f". Its message: {_without_secrets(_theirs(text), known)}"
    return Unreachable(kind=kind.name, outside=kind.outside, inside=said)


def server(dsn: str) -> str:
    """Return a conninfo's server, as people write it."""
    return _names(_meant(dsn))["server"]


def _meant(dsn: str) -> dict[str, str]:
    """Return the conninfo's values, completed with libpq's defaults."""
    defaults = {
        option.keyword.decode(): option.val.decode() for option in pq.Conninfo.get_defaults() if option.val is not None
    }
    given = {name: str(value) for name, value in conninfo_to_dict(dsn).items() if value is not None}
    return defaults | given


def _names(known: Mapping[str, str]) -> dict[str, str]:
    user = known.get("user", "?")
    hosts = (known.get("host") or known.get("hostaddr") or "/tmp").split(",")  # noqa: S108 - libpq's own default
    ports = (known.get("port") or "5432").split(",")
    ports = [port or "5432" for port in (ports if len(ports) == len(hosts) else ports[:1] * len(hosts))]
    where = ", ".join(_at(host, port) for host, port in zip(hosts, ports, strict=True))
    return {
        "server": where,
        "host": ", ".join(hosts),
        "port": ports[0],
        "user": user,
        "database": known.get("dbname") or user,
    }


def _at(host: str, port: str) -> str:
    if host.startswith(("/", "@")):
        return f"the socket of port {port} in {host}"
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _theirs(text: str) -> str:
    """Return their own message, without the prefixes of psycopg and libpq."""
    first = text.strip().split("\nMultiple connection attempts failed")[0]
    first = re.sub(r"^(connection failed|connection is bad|consuming input failed): ", "", first)
    words = " ".join(first.split())[:_MOST_WORDS]
    # The server at that address wrote some of it: remove sequences that a terminal obeys.
    return "".join(each if each.isprintable() else f"\\u{ord(each):04x}" for each in words)


def _without_secrets(words: str, known: Mapping[str, str]) -> str:
    """Return a message of libpq or a pooler without any password, even if it quoted one."""
    names = {known.get(name) for name in ("user", "dbname", "host", "port")}
    for name in ("password", "sslpassword", "oauth_client_secret"):
        secret = known.get(name)
        if secret and secret not in names:
            for form in {secret, quote(secret, safe=""), quote(secret)}:
                words = words.replace(form, "***")
    return words
