"""Settings and passwords of the whole instance, which the database stores."""

from collections.abc import Mapping

import psycopg
from psycopg import sql as composed

from kronos import database_errors, owner, session
from kronos.config import Settings
from kronos.records import dataclass
from kronos.session import Role
from kronos.sql import statement


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingStored:
    """Confirms that a setting was stored."""

    is_stored: bool


_CATCH_UP = statement("instance_settings.set_catch_up", SettingStored)
_RETENTION = statement("instance_settings.set_retention", SettingStored)
_REQUEST_LIMIT = statement("instance_settings.set_request_limit", SettingStored)
_ALARMS = statement("instance_settings.set_alarms", SettingStored)
_RUN_DETAILS = statement("instance_settings.set_run_details", SettingStored)


def store(admin_database_url: str, settings: Settings) -> None:
    """Store the instance's settings. Raises DatabaseUnavailable."""
    try:
        with session.connect(admin_database_url, session.wanted(None), autocommit=False) as connection:
            owner.act_as_owner(connection)
            session.rows(
                connection,
                _CATCH_UP,
                {"immediate": settings.catch_up_immediate, "stagger_seconds": settings.catch_up_stagger_seconds},
            )
            session.rows(
                connection,
                _RETENTION,
                {"success_days": settings.retention_success_days, "failure_days": settings.retention_failure_days},
            )
            session.rows(
                connection,
                _RUN_DETAILS,
                {"run_details_days": settings.retention_run_details_days, "audit_days": settings.retention_audit_days},
            )
            session.rows(connection, _ALARMS, {"wanted": settings.alarms})
            session.rows(connection, _REQUEST_LIMIT, {"per_minute": settings.rate_limit})
    except psycopg.Error as error:
        raise database_errors.from_database(error) from error


def set_passwords(admin_database_url: str, passwords: Mapping[Role, str]) -> None:
    """Give each role its password for logging in. PostgreSQL and its log see only the verifier. Raises
    DatabaseUnavailable."""
    try:
        with session.connect(admin_database_url, session.wanted(None), autocommit=False) as connection:
            for role, password in passwords.items():
                verifier = connection.pgconn.encrypt_password(
                    password.encode(), role.encode(), b"scram-sha-256"
                ).decode()
                connection.execute(
                    composed.SQL("alter role {} password {}").format(
                        composed.Identifier(role), composed.Literal(verifier)
                    )
                )
    except psycopg.Error as error:
        raise database_errors.from_database(error) from error
