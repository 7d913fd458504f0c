"""Faults inside PostgreSQL, armed for one operation: an error, a cancelled statement or a dead backend, at a chosen
write."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

import psycopg

SQLSTATES = ("58000", "53100", "XX000", "57014", "40001")
LOCKS = {"locked": "access exclusive", "read_only": "share"}
_INSTALL = """
create table public.fault (point text, action text);

create function public.inject() returns trigger language plpgsql security definer as $$
declare
    v_action text := (select action from public.fault where point = tg_argv[0]);
begin
    if v_action = 'terminate' then
        perform pg_terminate_backend(pg_backend_pid());
    elsif v_action = 'cancel' then
        perform pg_cancel_backend(pg_backend_pid());
    elsif v_action is not null then
        raise exception using errcode = v_action, message = 'injected';
    end if;
    return new;
end
$$;
create trigger inject before insert or update on cron.job for each row execute function public.inject('entry');
create trigger inject before insert or update on kronos.jobs for each row execute function public.inject('row');
create trigger inject before insert or update on kronos.pointers for each row execute function public.inject('row');
create constraint trigger inject_late after insert or update on kronos.jobs deferrable initially deferred
    for each row execute function public.inject('commit');
create constraint trigger inject_late after insert or update on kronos.pointers deferrable initially deferred
    for each row execute function public.inject('commit');

-- The API waits 2 s for a lock; here 50 ms, so that a locked table costs little.
alter function kronos.register_pg_cron(uuid) set lock_timeout = '50ms';
alter function kronos.unregister_pg_cron(uuid) set lock_timeout = '50ms';
alter function kronos.pg_cron_entry(uuid) set lock_timeout = '50ms';
alter function kronos.mend_pg_cron_entries(uuid[], bigint[], text[], text, text, integer) set lock_timeout = '50ms';
alter function kronos.pg_cron_digest(text, text, integer) set lock_timeout = '50ms';
alter function kronos.pg_cron_entries(text, text, integer) set lock_timeout = '50ms';
alter function kronos.register_jobs(uuid[], text[]) set lock_timeout = '50ms';
alter function kronos.unregister_jobs(uuid[]) set lock_timeout = '50ms';
"""


@dataclass(frozen=True, kw_only=True)
class Fault:
    """`point`: the write of a job, its pointer or an entry, or the commit; or cron.job is locked against all access, or
    against writes."""

    point: Literal["row", "entry", "commit", "locked", "read_only"]
    action: str = ""  # an SQLSTATE that is raised, "cancel" or "terminate"

    @property
    def codes(self) -> set[str]:
        """The error codes that a caller may get."""
        if self.action == "terminate":
            return {"database_unavailable", "outcome_unknown"}
        if self.point in ("entry", "read_only"):
            return {"pg_cron_unavailable"}
        if self.point == "locked":  # even reading a job shows its entry, so it waits too
            return {"pg_cron_unavailable", "database_unavailable"}
        if self.point == "commit":
            # The error arrives with the pipeline's sync, where psycopg closes the connection instead of reporting the
            # SQLSTATE.
            return {"database_unavailable", "internal_error", "outcome_unknown"}
        return {"internal_error"} if self.action == "XX000" else {"database_unavailable"}


def install(superuser: psycopg.Connection) -> None:
    superuser.execute(_INSTALL)


@contextmanager
def armed(superuser: psycopg.Connection, fault: Fault | None) -> Iterator[None]:
    """Every write in the block meets the fault."""
    if fault is None:
        yield
    elif fault.point in LOCKS:
        with superuser.transaction():
            superuser.execute(f"lock table cron.job in {LOCKS[fault.point]} mode")
            yield
    else:
        superuser.execute("insert into public.fault values (%s, %s)", [fault.point, fault.action])
        try:
            yield
        finally:
            superuser.execute("delete from public.fault")
