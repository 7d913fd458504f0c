"""Findings about executions, tasks, keys and quotas. No I/O."""

from collections.abc import Iterator

from kronos.counting import counted, plural
from kronos.doctor.finding import Finding, ago, some
from kronos.doctor.signs import KeyState, LateTask, WorkSigns

_FEW = 10
_NEW_LETTERS = 100
_LETTERS = 10_000
_WAVE_SECONDS = 3600.0


def work(found: WorkSigns) -> Iterator[Finding]:
    """Yield the findings about executions."""
    yield Finding(
        check="leases",
        ok=found.leases == 0,
        detail=f"{found.leases} expired, the first {ago(found.lease_seconds or 0)}, and were not ended"
        if found.leases
        else "each expired lease was ended",
        meaning="their workers are gone, and neither another worker nor the internal job lease-keeper is running: "
        "these deliveries are not retried",
        fix="run `kronos doctor --fix`, start a worker, and see the check heartbeat",
    )
    yield Finding(
        check="lost attempts",
        ok=found.lost < _FEW,
        detail=f"{counted(found.lost, 'attempt')} of the last hour "
        f"{plural(found.lost, 'was lost with its worker', 'were lost with their worker')}",
        meaning="workers are killed, or hang for longer than a lease: out of memory, a frozen machine",
        fix="see the workers' logs and the kernel's (oom-killer); fewer concurrent deliveries "
        "(KRONOS_WORKER_CONCURRENCY) need less memory",
    )
    yield Finding(
        check="late results",
        ok=found.late < _FEW,
        detail=f"{found.late} results of the last hour came after their lease had expired",
        meaning="workers are too busy, or hung: their deliveries were made again",
        fix="add workers, or lower KRONOS_WORKER_CONCURRENCY; raise the timeout_ms of an endpoint that needs longer",
    )
    yield Finding(
        check="dead letters",
        ok=found.new_letters < _NEW_LETTERS and found.dead_letters < _LETTERS,
        detail=f"{found.dead_letters}{' or more' if found.dead_letters >= _LETTERS else ''} are open, "
        f"{found.new_letters} of them new in the last hour",
        meaning="deliveries fail permanently, or dead letters are not being handled",
        fix="run `kronos dead-letter groups --workspace W` to see the causes; then redrive or discard them",
    )
    yield Finding(
        check="endpoints",
        ok=not found.kept_off,
        detail=f"{some(found.kept_off)}" if found.kept_off else "none is slowed down or disabled",
        meaning="they failed so often that Kronos tries them less often, or not at all if they are disabled",
        fix="once the receiver works again: `kronos endpoint enable NAME --workspace W`",
    )
    yield Finding(
        check="missed wave",
        ok=found.wave_seconds <= _WAVE_SECONDS,
        detail="missed deliveries are still being spread out, for "
        f"{counted(round(found.wave_seconds / 60), 'more minute')}"
        if found.wave_seconds
        else "no delivery of a missed tick is waiting",
        meaning="an outage ended, and its deliveries are spread out so that they do not overload receivers",
        fix="if receivers can take more: a lower KRONOS_CATCH_UP_STAGGER_SECONDS and `kronos migrate`, for the next "
        "outage",
    )


def tasks(found: list[LateTask]) -> Iterator[Finding]:
    """Yield the findings about background work that does not progress."""
    failed = [f"{each.name}: {each.message or 'no message'}" for each in found if each.kind == "TASK"]
    yield Finding(
        check="tasks",
        ok=not failed,
        detail=some(failed) if failed else "the newest run of each internal job succeeded",
        meaning="entries are not repaired, missed ticks not caught up, leases not ended, or history not trimmed",
        fix="fix the error shown; the job's runs: `kronos execution ls --workspace kronos-system --status FAILED`",
    )
    late = [
        f"{each.kind.lower()} {each.name} since {ago(each.seconds)}" + (f" ({each.message})" if each.message else "")
        for each in found
        if each.kind != "TASK"
    ]
    yield Finding(
        check="operations",
        ok=not late,
        detail=some(late) if late else "operations, deletions and backfills make progress",
        meaning="workers do this work in steps: no worker is running, or each step fails",
        fix="start a worker; if one is running, see its log and the error",
    )


def alerting(found: list[LateTask]) -> Iterator[Finding]:
    """Yield the findings about alert rules, heartbeats and the delivery of alerts."""
    of = {each.kind: each for each in found}
    rule, beat, alert = of.get("RULE"), of.get("BEAT"), of.get("ALERT")
    yield Finding(
        check="alert rules",
        ok=rule is None,
        detail=f"{rule.name} since {ago(rule.seconds)}" if rule else "each is evaluated every minute",
        meaning="no alert is sent when a rule is broken: neither pg_cron nor a worker runs the internal job alerts, "
        "the job fails, or a transaction holds a lock on a rule",
        fix="see the checks tasks, heartbeat and transactions; `select kronos.evaluate_alerts()` as kronos_owner shows "
        "what blocks it",
    )
    yield Finding(
        check="heartbeat ticks",
        ok=beat is None,
        detail=f"{beat.name}{' or more' if beat.name == '1000' else ''} "
        f"{plural(int(beat.name), 'heartbeat has', 'heartbeats have')} ticks that were not "
        f"accounted for, since {ago(beat.seconds)}"
        if beat
        else "each is accounted for",
        meaning="jobs elsewhere that stopped running are not reported as missed: the internal job catch-up does not "
        "run, fails, or has too much to do",
        fix="see the checks tasks and heartbeat; PostgreSQL's log names heartbeats whose schedule cannot be read",
    )
    yield Finding(
        check="alert deliveries",
        ok=alert is None,
        detail=f"{alert.name} of the last day are dead letters, the newest of {alert.message} {ago(alert.seconds)}"
        if alert
        else "none of the last day is a dead letter",
        meaning="incidents opened or ended, but the alerts' receivers were not notified",
        fix="run `kronos dead-letter ls --workspace W` to see why; fix the endpoint, then redrive them, or point the "
        "rule at another endpoint",
    )


def keys(found: KeyState) -> Iterator[Finding]:
    """Yield the findings about keys and quotas."""
    yield Finding(
        check="administrators",
        ok=found.lasting > 0,
        detail=f"valid keys of the instance: {found.administrators}; for at least 14 more days: {found.lasting}",
        meaning="the instance cannot be administered over the API, now or soon",
        fix="`kronos key create --instance --out FILE` with the administrator's KRONOS_DATABASE_URL",
    )
    yield Finding(
        check="burnt keys",
        ok=not found.burnt,
        detail=f"these were used in a URL: {some(found.burnt)}" if found.burnt else "no working key was used in a URL",
        meaning="proxies, browsers and logs have recorded them, and anyone who reads those can use them",
        fix="`kronos key rotate ID`, give the new key to its user, to send in a header, then `kronos key revoke ID`",
    )
    yield Finding(
        check="ending keys",
        ok=not found.ending,
        detail=f"in use, and expiring: {some(found.ending)}" if found.ending else "none in use expires within 7 days",
        meaning="their users' requests are rejected from then on",
        fix="`kronos key rotate ID`: for a while the old key works along with the new one",
    )
    yield Finding(
        check="quotas",
        ok=not found.nearly_full,
        detail=f"nearly used up today: {some(found.nearly_full)}" if found.nearly_full else "none is nearly used up",
        meaning="soon requests there are rejected and ticks are skipped, with that reason, until midnight UTC",
        fix="`kronos workspace quotas W --max-executions-per-day N`, or run its jobs less often",
    )
