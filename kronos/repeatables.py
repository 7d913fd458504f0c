"""Apply what an upgrade replaces: functions, views, policies, grants. Nothing that others use is dropped.

A function or view is replaced in place, so its dependents stay. If PostgreSQL cannot do that (a changed return type, a
removed column), or if the release no longer has the object, the old one is renamed out of the way: new objects do not
collide with it, and existing dependents still refer to it. At the end the renamed ones are dropped, never with cascade.
If one still has dependents then, they are not Kronos': the migration stops, names them, and nothing was changed.

Other sessions wait while this holds its locks, and each round trip to PostgreSQL adds two context switches. So
statements are sent together where possible, and separately only if that fails.
"""

from collections.abc import Sequence, Set
from dataclasses import field
from itertools import groupby

import psycopg
from psycopg import sql as composed

from kronos import catalog, errors, repeatable_files
from kronos.records import dataclass
from kronos.repeatable_files import File, Files

Driver = psycopg.Connection[tuple[object, ...]]

# The return type or the parameters' names changed; a view's columns changed; the other of the two owners created it.
_CANNOT_REPLACE = (
    psycopg.errors.InvalidFunctionDefinition,
    psycopg.errors.InvalidTableDefinition,
    psycopg.errors.InsufficientPrivilege,
)
# A view that reads what another view's file creates.
_TOO_EARLY = (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedColumn)


def in_use(users: Sequence[str]) -> errors.MigrationFailed:
    """Return the error for objects that others use, each given as `x uses y`."""
    return errors.MigrationFailed(
        f"this release changes objects that others use: {'; '.join(users)}. Nothing was changed. Save their "
        "definitions "
        "(pg_dump --schema-only), drop them, run `kronos migrate` again, and create them again"
    )


def digest() -> str:
    """Return the digest of the files. The comment on schema kronos has that of the files applied last."""
    return repeatable_files.read().digest


def mark() -> str:
    """Return the comment that schema kronos has once they were applied."""
    return repeatable_files.read().mark


@dataclass(frozen=True, slots=True)
class _Found:
    """A function, view or trigger before the upgrade: `row` changes whenever PostgreSQL writes it again."""

    oid: int
    name: str
    described: str
    row: str
    is_ours: bool


def _found(driver: Driver, query: str) -> list[_Found]:
    found = driver.execute(query.encode())
    return [
        _Found(int(str(oid)), str(name), str(described), str(row), bool(is_ours))
        for oid, name, described, row, is_ours in found
    ]


@dataclass(slots=True)
class Upgrade:
    """One application of the files, inside the migration's transaction."""

    driver: Driver
    _files: Files = field(default_factory=repeatable_files.read)
    _grants: list[tuple[object, ...]] = field(default_factory=list)
    _aside: dict[int, _Found] = field(default_factory=dict)
    _is_schema_changed: bool = False
    # Objects of others that use views of ours, which the schema's migrations may need gone.
    users: list[str] = field(default_factory=list)

    def begin(self, *, is_schema_changed: bool) -> None:
        """Run before the schema's migrations: remember what others were granted on views, and drop views that nobody
        uses.

        All locks that migrations can need are taken first, before any work. When they were taken one by one between
        seconds of work, the last of them undid all that work, and claims stood still for it each time.
        """
        # Names are schema-qualified, whatever search_path the database has.
        self.driver.execute("set local search_path = pg_catalog, pg_temp")
        self._grants = self.driver.execute(catalog.FOREIGN_GRANTS).fetchall()
        self._is_schema_changed = is_schema_changed
        if is_schema_changed:
            locks = [
                f"lock table {'only ' if is_partitioned else ''}{relation} in access exclusive mode;"
                for relation, is_partitioned in self.driver.execute(catalog.LOCKABLE).fetchall()
            ]
            self.driver.execute("\n".join(locks).encode())
            kept = self._drop_views([each for each in _found(self.driver, catalog.VIEWS) if each.is_ours])
            found = self.driver.execute(catalog.DEPENDANTS, {"oids": [each.oid for each in kept]})
            described = {each.oid: each.described for each in kept}
            self.users = [f"{user} uses {described[int(str(oid))]}" for oid, user in found]

    def pending(self, *, is_schema_changed: bool) -> tuple[list[str], list[str], bool]:
        """Return (functions, views) that `finish` would replace, and whether all files are applied. Only reads."""
        as_before = set(self._unchanged_functions().values())
        is_applied = not is_schema_changed and self._is_applied(self._files.mark)
        functions = [] if is_applied else sorted(self._files.functions.keys() - as_before)
        return functions, [] if is_applied else sorted(self._changed_views()), is_applied

    def finish(self) -> None:
        """Run after the migrations: apply the files, unless they are. Raises MigrationFailed, psycopg.Error."""
        now = self._files.mark
        if not self._is_schema_changed and self._is_applied(now):
            return
        # A function may read a view, which is created later; functions of one floor may call each other in a circle.
        self.driver.execute("set local check_function_bodies = off")
        self._as("")
        self.driver.execute("grant usage, create on schema kronos to kronos_cron")
        self._replace_functions()
        self._as("kronos_owner")
        self._replace_views()
        self.driver.execute(self._files.policies.as_owner)
        self._drop_what_is_aside()
        self.driver.execute(self._files.grants.as_owner)
        self._as("kronos_owner")
        self._grant_again()
        self.driver.execute("revoke create on schema kronos from kronos_cron")
        self.driver.execute(f"comment on schema kronos is '{now}'".encode())
        (revision,) = self.driver.execute("select version_num from kronos.schema_version").fetchone() or ("",)
        self.driver.execute(f"comment on table kronos.schema_version is 'revision {revision}'".encode())
        self.driver.execute("delete from kronos.made_objects")
        self.driver.execute(catalog.REMEMBER)

    def _is_applied(self, now: str) -> bool:
        """Return whether these files were applied last, and their objects are all present with their owners."""
        found = self.driver.execute(
            "select obj_description('kronos'::regnamespace, 'pg_namespace'), to_regclass('kronos.made_objects') is "
            "not null"
        ).fetchone()
        return found == (now, True) and not self.driver.execute(catalog.CHANGES).fetchall()

    def _lock(self, changed: Sequence[File], views: Set[str]) -> None:
        """Take all locks that the files need, together and before anything else, so that an upgrade waits while it
        blocks nobody.

        First tables whose triggers may be recreated; then views, each before the views that it reads, in the order in
        which its readers lock them.
        """
        if any(file.makes_triggers for file in changed):
            tables = sorted({each.described for each in _found(self.driver, catalog.TRIGGERS)})
            if tables:
                self.driver.execute(f"lock table {', '.join(tables)} in share row exclusive mode".encode())
        reads = [(str(reader), str(read)) for reader, read in self.driver.execute(catalog.VIEWS_OF_VIEWS)]
        left = {each.name for each in _found(self.driver, catalog.VIEWS) if each.is_ours and each.name in views}
        locks = list[str]()
        while left:
            outermost = sorted(left - {read for reader, read in reads if reader in left}) or sorted(left)
            locks += [f'alter view kronos."{name}" owner to kronos_owner;' for name in outermost]  # changes nothing
            left -= set(outermost)
        if locks:
            self.driver.execute("\n".join(locks).encode())

    def _replace_functions(self) -> None:
        before, triggers = _found(self.driver, catalog.FUNCTIONS), _found(self.driver, catalog.TRIGGERS)
        as_before = self._unchanged_functions()
        unchanged = set(as_before.values())
        changed = [file for name, file in self._files.functions.items() if name not in unchanged]
        self._lock(changed, self._changed_views())
        for _, files in groupby(changed, key=lambda file: file.owner):
            self._replace(list(files), before)
        self._as("")
        now = {each.oid: each.row for each in _found(self.driver, catalog.FUNCTIONS)}
        kept = {*as_before, *self._aside}
        self._set_aside(
            [each for each in before if each.is_ours and each.oid not in kept and now.get(each.oid) == each.row]
        )
        written = {each.oid: each.row for each in _found(self.driver, catalog.TRIGGERS)}
        for trigger in triggers:
            calls_one_as_before = int(trigger.row.split()[-1]) in as_before
            if written.get(trigger.oid) == trigger.row and not calls_one_as_before:
                # `described` is a regclass's text.
                self.driver.execute(
                    f"drop trigger {composed.Identifier(trigger.name).as_string(self.driver)} on "
                    f"{trigger.described}".encode()
                )
        self._comment([(each.described, described) for each, described in self._described_functions()])

    def _described_functions(self) -> list[tuple[_Found, str]]:
        """Return (function, its comment: its file's digest, its owner, and what PostgreSQL stored) for those with a
        file."""
        files = self._files.functions
        made = {int(str(oid)): str(is_made) for oid, is_made in self.driver.execute(catalog.MADE_FUNCTIONS)}
        return [
            (each, f"{files[each.name].digest} {files[each.name].owner} {made[each.oid]}")
            for each in _found(self.driver, catalog.FUNCTIONS)
            if each.name in files and each.oid in made
        ]

    def _unchanged_functions(self) -> dict[int, str]:
        """Return the functions that match their files, by oid; they are left alone."""
        found = self.driver.execute(
            "select oid::bigint, obj_description(oid, 'pg_proc') from pg_proc where pronamespace = "
            "'kronos'::regnamespace"
        )
        comments = {oid: comment for oid, comment in found}
        return {
            each.oid: each.name
            for each, described in self._described_functions()
            if comments.get(each.oid) == described
        }

    def _comment(self, comments: Sequence[tuple[str, str]]) -> None:
        """Write comments on functions and views, in one round trip. The objects' names are PostgreSQL's own text."""
        self._as("")
        text = "".join(f"comment on {what} is '{described}';\n" for what, described in comments)
        if text:
            self.driver.execute(text.encode())

    def _replace_views(self) -> None:
        """Replace the views as their files say; repeat for views that read one which had to be renamed."""
        before, paths = _found(self.driver, catalog.VIEWS), self._files.views
        self._set_aside([each for each in before if each.is_ours and each.name not in paths])
        changed = self._changed_views()
        waiting = [name for name in paths if name in changed]
        for _ in range(len(paths) + 1):
            late = list[str]()
            for name in waiting:
                try:
                    self._replace([paths[name]], [each for each in before if each.oid not in self._aside])
                except _TOO_EARLY:
                    if len(late) == len(waiting) - 1:
                        raise
                    late.append(name)
            stale = self._stale()
            waiting = [name for name in paths if name in late or name in stale]
        self._comment([(f'view kronos."{name}"', described) for name, described in self._described_views()])
        self._as("kronos_owner")

    def _described_views(self) -> list[tuple[str, str]]:
        """Return (view, its comment: its file's digest and that of what PostgreSQL stored) for those with a file."""
        made = [(str(name), str(is_made)) for name, is_made in self.driver.execute(catalog.MADE_VIEWS)]
        files = self._files.views
        return [(name, f"{files[name].digest} {is_made}") for name, is_made in made if name in files]

    def _changed_views(self) -> set[str]:
        """Return the views that differ from their files, or that read a renamed object. The rest is left alone, because
        replacing a view locks it."""
        comments = self.driver.execute(
            "select relname::text, obj_description(oid, 'pg_class') from pg_class"
            " where relnamespace = 'kronos'::regnamespace and relkind = 'v'"
        ).fetchall()
        as_before = {name for name, described in self._described_views() if (name, described) in comments}
        return (self._files.views.keys() - as_before) | self._stale()

    def _stale(self) -> set[str]:
        """Return views that read a renamed object; may include others' objects."""
        return {described.removeprefix("view kronos.") for _, described in self._dependants()}

    def _replace(self, files: Sequence[File], before: Sequence[_Found]) -> None:
        """Apply files of one owner, in order, in one message. If PostgreSQL cannot replace one of them, apply each half
        separately, and that one after the old object was renamed."""
        try:
            with self.driver.transaction():
                self.driver.execute(b"\n;\n".join([files[0].as_owner, *(file.text for file in files[1:])]))
        except _CANNOT_REPLACE:
            if len(files) > 1:
                self._replace(files[: len(files) // 2], before)
                self._replace(files[len(files) // 2 :], before)
                return
            old = [each for each in before if each.name == files[0].path.stem]
            if not old:
                raise
            self._as("")
            self._set_aside(old)
            self.driver.execute(files[0].as_owner)

    def _as(self, role: str) -> None:
        self.driver.execute("reset role")
        if role:
            self.driver.execute(f"set local role {role}".encode())

    def _set_aside(self, found: Sequence[_Found]) -> None:
        for each in found:
            kind = "view" if each.described.startswith("view ") else "function"
            self.driver.execute(f"alter {each.described} rename to aside_{each.oid}".encode())
            self._aside[each.oid] = _Found(each.oid, f"aside_{each.oid}", each.described, kind, each.is_ours)

    def _drop_what_is_aside(self) -> None:
        self._as("")
        drops = []
        for each in self._aside.values():
            if each.row == "view":
                drops.append((each, _drop_view(each.name)))
            else:
                (signature,) = self.driver.execute("select %s::oid::regprocedure::text", [each.oid]).fetchone() or ("",)
                drops.append((each, f"drop routine {signature}"))
        kept = self._drop(drops)
        if kept:
            users = [
                f"{described} uses {self._aside[oid].described}"
                for oid, described in self._dependants()
                if oid in {each.oid for each in kept}
            ]
            raise in_use(users)

    def _drop_views(self, views: Sequence[_Found]) -> list[_Found]:
        """Like _drop, but in one statement if nobody uses any of them."""
        try:
            with self.driver.transaction():
                if views:
                    self.driver.execute(f"drop view {', '.join(_quoted(each.name) for each in views)}".encode())
        except psycopg.errors.DependentObjectsStillExist:
            return self._drop([(each, _drop_view(each.name)) for each in views])
        return []

    def _drop(self, drops: Sequence[tuple[_Found, str]]) -> list[_Found]:
        """Drop what has no dependents, repeating while that frees more. Returns what is left."""
        left = list(drops)
        while left:
            still = []
            for each, statement in left:
                try:
                    with self.driver.transaction():
                        self.driver.execute(statement.encode())
                except psycopg.errors.DependentObjectsStillExist:
                    still.append((each, statement))
            if len(still) == len(left):
                break
            left = still
        return [each for each, _ in left]

    def _dependants(self) -> list[tuple[int, str]]:
        """Return (renamed object, a dependent that was not renamed)."""
        found = self.driver.execute(catalog.DEPENDANTS, {"oids": list(self._aside)})
        return [(int(str(oid)), str(described)) for oid, described in found]

    def _grant_again(self) -> None:
        there = {(each[0], each[1]) for each in self.driver.execute(catalog.COLUMNS_OF_VIEWS)}
        for view, column, privilege, grantee, is_grantable in self._grants:
            if (view, column) in there:
                of_column = (
                    composed.SQL("({})").format(composed.Identifier(str(column))) if column else composed.SQL("")
                )
                self.driver.execute(
                    composed.SQL("grant {}{} on {} to {}{}").format(
                        composed.SQL(str(privilege)),  # a keyword from aclexplode
                        of_column,
                        composed.Identifier("kronos", str(view)),
                        composed.SQL(str(grantee)),  # a regrole's text
                        composed.SQL(" with grant option" if is_grantable else ""),
                    )
                )


def _drop_view(name: str) -> str:
    return f"drop view {_quoted(name)}"


def _quoted(name: str) -> str:
    return f'kronos."{name}"'
