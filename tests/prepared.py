"""The role that runs each of the product's statements, and how PostgreSQL describes a prepared statement."""

import re

import psycopg
from psycopg._queries import PostgresQuery
from psycopg.adapt import Transformer
from psycopg.pq import ExecStatus

# Statements about keys that the administrator runs; the API runs the others.
_ADMINISTRATORS = {
    f"keys.{name}"
    for name in ("insert_key", "get_key", "list_keys", "update_file", "replace_key", "revoke_key", "count_others")
} | {"audit.list_chains", "audit.read_chain", "audit.seal"}


def role_of(name: str) -> str:
    if name in (
        "doctor.get_ground",
        "doctor.list_orphans",
        "doctor.get_tzdata",
        "ringing.get_setup",
        "ringing.get_password",
        "ringing.list_rules",
        "readiness.get_silence",
    ):
        return "postgres"
    if (
        name.startswith(
            (
                "doctor.",
                "doctor_fixes.",
                "support.",
                "ringing.",
                "instance_settings.",
                "sql_grants.",
                "encryption.",
                "entries.",
            )
        )
        or name in _ADMINISTRATORS
        or (
            name.startswith("retention.")
            and name not in ("retention.get_retention", "retention.match_retention", "retention.set_retention")
        )
    ):
        return "kronos_owner"
    return "kronos_worker" if name.startswith(("claims.", "results.", "watchdog.")) else "kronos_api"


def prepared_columns(connection: psycopg.Connection, text: str) -> tuple[int, list[tuple[str, str]]]:
    """Prepare the statement as `checked`. Return its number of parameters, and its columns with their types."""
    query = PostgresQuery(Transformer(connection))
    query.convert(text.encode(), dict.fromkeys(re.findall(r"%\((\w+)\)s", text)))
    result = connection.pgconn.prepare(b"checked", query.query)
    assert result.status == ExecStatus.COMMAND_OK, result.error_message.decode()
    described = connection.pgconn.describe_prepared(b"checked")
    types = [described.ftype(n) for n in range(described.nfields)]
    type_names: dict[int, str] = dict(
        connection.execute("select oid::integer, typname from pg_type where oid = any (%s)", [types]).fetchall()
    )
    columns = [((described.fname(n) or b"").decode(), type_names[oid]) for n, oid in enumerate(types)]
    return described.nparams, columns
