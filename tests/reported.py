"""Errors as PostgreSQL reports them, for tests in which no server does."""

import psycopg
from psycopg.pq import DiagnosticField


def reported(sqlstate: str, message: str = "no", severity: str = "ERROR") -> psycopg.Error:
    """An error with this SQLSTATE, as the driver raises it."""
    fields: dict[int, bytes | None] = {
        DiagnosticField.SQLSTATE: sqlstate.encode(),
        DiagnosticField.MESSAGE_PRIMARY: message.encode(),
        DiagnosticField.SEVERITY_NONLOCALIZED: severity.encode(),
    }
    return psycopg.errors.lookup(sqlstate)(message, info=fields)
