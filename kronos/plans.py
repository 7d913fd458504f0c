"""The steps that `kronos migrate` would take on a database, without taking them and without locking anyone out:
`kronos migrate --dry-run`."""

from datetime import timedelta

import psycopg
from psycopg.rows import class_row

from kronos import catalog, database_errors, migrations, repeatables, session
from kronos.records import dataclass
from kronos.repeatables import Driver

_SHOWN = 5
_PATIENCE = timedelta(seconds=2)  # for sessions that hold a table against readers
_GROUND = """
select current_user::text as connected_as, roles.missing as missing_roles, coalesce(roles.theirs,
       '{}') as roles_of_others,
       exists (select from pg_extension where extname = 'pg_cron') as has_extension,
       (select nspowner::regrole::text from pg_namespace where nspname = 'kronos') as schema_owner,
       acting.rolsuper as is_superuser, acting.rolcreaterole as may_make_roles,
       has_database_privilege(current_database(), 'create') as may_make_schemas
  from pg_roles as acting,
       (select array_agg(name) filter (where to_regrole(name) is null) as missing,
               array_agg(name) filter (where to_regrole(name) is not null and not pg_has_role(to_regrole(name),
                   'member')) as theirs
          from unnest(array['kronos_owner', 'kronos_cron', 'kronos_api', 'kronos_worker']) as name) as roles
 where acting.rolname = current_user
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ground:
    connected_as: str
    missing_roles: list[str] | None
    roles_of_others: list[str]
    has_extension: bool
    schema_owner: str | None
    is_superuser: bool
    may_make_roles: bool
    may_make_schemas: bool

    def forbids(self) -> list[str]:
        """Return the steps that the user would have to take but may not."""
        if self.is_superuser:
            return []
        owners = [role for role in self.roles_of_others if role in ("kronos_owner", "kronos_cron")]
        wanted = [
            (
                bool(self.missing_roles) and not self.may_make_roles,
                f"create the roles {', '.join(self.missing_roles or [])}",
            ),
            (bool(owners) and not self.may_make_roles, f"act as {' and '.join(owners)}"),
            (not self.has_extension, "create the extension pg_cron"),
            (self.schema_owner is None and not self.may_make_schemas, "create schemas in this database"),
        ]
        return [step for is_missing, step in wanted if is_missing]


def plan(url: str, *, to: str = "head") -> list[str]:
    """Return the steps, a line each, in order; empty: there is nothing to do. Raises DatabaseUnavailable,
    MigrationFailed.

    MigrationFailed if `kronos migrate` would fail for a reason that can be seen beforehand: a revision that this
    release cannot migrate to, or a user without the rights.
    """
    try:
        with session.connect(url, session.wanted(None, lock_timeout=_PATIENCE)) as connection:
            at = migrations.current_of(connection)
            migrations.require(to, at)
            with connection.cursor(row_factory=class_row(_Ground)) as cursor:
                (ground,) = cursor.execute(_GROUND).fetchall()
            if forbidden := ground.forbids():
                raise migrations.not_allowed(url, f"user {ground.connected_as} may not {'; nor '.join(forbidden)}")
            return [*_ground(ground), *_revisions(at), *_files(connection, ground, at)]
    except psycopg.Error as error:
        if error.sqlstate == "42501":
            raise migrations.not_allowed(url, error.diag.message_primary or str(error)) from error
        raise database_errors.from_database(error) from error


def _ground(ground: _Ground) -> list[str]:
    steps = [f"create role {name}" for name in ground.missing_roles or []]
    if not ground.has_extension:
        steps.append("create extension pg_cron")
    if ground.schema_owner is None:
        steps.append("create schema kronos")
    elif ground.schema_owner != "kronos_owner":
        steps.append(
            f"give schema kronos, and the objects of {ground.schema_owner} in it, to kronos_owner: it was restored "
            "without its roles"
        )
    return steps


def _revisions(at: str | None) -> list[str]:
    return [
        f"apply revision {revision}: {doc.splitlines()[0] if doc else ''}" for revision, doc in migrations.steps(at)
    ]


def _files(connection: Driver, ground: _Ground, at: str | None) -> list[str]:
    if ground.missing_roles or at is None:
        return ["create all functions, views, policies and grants, and the internal jobs with their entries"]
    upgrade = repeatables.Upgrade(connection)
    functions, views, is_all_applied = upgrade.pending(is_schema_changed=at != migrations.head())
    steps = [f"replace {_some(kind, names)}" for kind, names in (("function", functions), ("view", views)) if names]
    if not is_all_applied:
        steps += [f"repair: {each}" for each in _differences(connection)]
        steps.append("apply policies and grants where they differ")
    return steps


def _differences(connection: Driver) -> list[str]:
    if connection.execute("select to_regclass('kronos.made_objects')").fetchone() == (None,):
        return []
    found = connection.execute(
        f"select object, array_to_string(differs, ', ') from ({catalog.CHANGES}) as change".encode()  # noqa: S608
    )
    return [f"{each} ({differs})" for each, differs in found]


def _some(kind: str, names: list[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"{len(names)} {kind}{'s' if len(names) != 1 else ''}: {', '.join(names[:_SHOWN])}{more}"
