"""Findings about executions, tasks, keys and quotas. No I/O."""

from collections.abc import Iterator

from kronos.doctor.finding import Finding, ago, some
from kronos.doctor.signs import KeyState, LateTask, WorkSigns

_FEW = 10
_NEW_LETTERS = 100
_LETTERS = 10_000
_WAVE_SECONDS = 3600.0


def work(found: WorkSigns) -> Iterator[Finding]:
    """What becomes of executions."""
    yield Finding(
        check="leases",
        ok=found.leases == 0,
        detail=f"{found.leases} ended {ago(found.lease_seconds or 0)} at the earliest, and nobody took them back"
        if found.leases
        else "each that ended was taken back",
        meaning="their worker is gone, and neither another one nor the internal job lease-keeper runs: these "
        "deliveries are not made again",
        fix="run `kronos doctor --fix`, start a worker, and see the check heartbeat",
    )
    yield Finding(
        check="lost attempts",
        ok=found.lost < _FEW,
        detail=f"{found.lost} attempts of the last hour were lost with their worker",
        meaning="workers are killed, or stand still for longer than a lease: out of memory, a frozen machine",
        fix="the workers' logs, and the kernel's (oom-killer) say why; fewer deliveries at once "
        "(KRONOS_WORKER_CONCURRENCY) need less memory",
    )
    yield Finding(
        check="late results",
        ok=found.late < _FEW,
        detail=f"{found.late} results of the last hour came after their lease",
        meaning="workers are too busy, or stood still: what they had delivered was delivered once more",
        fix="more workers, or a lower KRONOS_WORKER_CONCURRENCY; a longer timeout_ms where an endpoint needs it",
    )
    yield Finding(
        check="dead letters",
        ok=found.new_letters < _NEW_LETTERS and found.dead_letters < _LETTERS,
        detail=f"{found.dead_letters}{' or more' if found.dead_letters >= _LETTERS else ''} wait for somebody, "
        f"{found.new_letters} of the last hour",
        meaning="deliveries fail for good, or nobody deals with those that did",
        fix="`kronos dead-letter groups --workspace W` says what of; then redrive or discard them",
    )
    yield Finding(
        check="endpoints",
        ok=not found.kept_off,
        detail=f"{some(found.kept_off)}" if found.kept_off else "none is slowed down or disabled",
        meaning="they failed so often that Kronos tries them seldom, or, where they are disabled, no more",
        fix="once the receiver is well: `kronos endpoint enable NAME --workspace W`",
    )
    yield Finding(
        check="missed wave",
        ok=found.wave_seconds <= _WAVE_SECONDS,
        detail=f"what was missed is made one after the other for {found.wave_seconds / 60:.0f} minutes yet"
        if found.wave_seconds
        else "nothing that was missed is still to be made",
        meaning="an outage ended, and its deliveries are spread so that receivers are not overrun",
        fix="where receivers bear more: a lower KRONOS_CATCH_UP_STAGGER_SECONDS and `kronos migrate`, for the next one",
    )


def tasks(found: list[LateTask]) -> Iterator[Finding]:
    """What Kronos does by itself and does not get on with."""
    failed = [f"{each.name}: {each.message or 'no word'}" for each in found if each.kind == "TASK"]
    yield Finding(
        check="tasks",
        ok=not failed,
        detail=some(failed) if failed else "the newest run of each internal job did what it is for",
        meaning="entries are not repaired, missed ticks not caught up, leases not ended, or history not kept in bounds",
        fix="what the error names; its runs: `kronos execution ls --workspace kronos-system --status FAILED`",
    )
    late = [
        f"{each.kind.lower()} {each.name} since {ago(each.seconds)}" + (f" ({each.message})" if each.message else "")
        for each in found
        if each.kind != "TASK"
    ]
    yield Finding(
        check="operations",
        ok=not late,
        detail=some(late) if late else "operations, deletions and backfills get on",
        meaning="workers go on with them in steps: none runs, or each step fails",
        fix="start a worker; where one runs, its log and the error say more",
    )


def alerting(found: list[LateTask]) -> Iterator[Finding]:
    """What alert rules and heartbeats wait for, and whether anybody hears of it."""
    of = {each.kind: each for each in found}
    rule, beat, alert = of.get("RULE"), of.get("BEAT"), of.get("ALERT")
    yield Finding(
        check="alert rules",
        ok=rule is None,
        detail=f"{rule.name} since {ago(rule.seconds)}" if rule else "each is judged every minute",
        meaning="nobody is told of what breaks a rule: neither pg_cron nor a worker runs the internal job alerts, it "
        "fails, or a transaction has a rule locked",
        fix="see the checks tasks, heartbeat and transactions; `select kronos.evaluate_alerts()` as kronos_owner says "
        "what keeps it",
    )
    yield Finding(
        check="heartbeat ticks",
        ok=beat is None,
        detail=f"{beat.name}{' or more' if beat.name == '1000' else ''} heartbeats have ticks that nobody has "
        f"accounted for, since {ago(beat.seconds)}"
        if beat
        else "each is accounted for",
        meaning="a job elsewhere that does not run any more is not seen to be missed: the internal job catch-up does "
        "not run, fails, or has too much to do",
        fix="see the checks tasks and heartbeat; PostgreSQL's log names heartbeats whose schedule cannot be read",
    )
    yield Finding(
        check="alert deliveries",
        ok=alert is None,
        detail=f"{alert.name} of the last day are dead letters, the newest of {alert.message} {ago(alert.seconds)}"
        if alert
        else "none of the last day is a dead letter",
        meaning="incidents were opened or are over, and who is to be told does not know",
        fix="`kronos dead-letter ls --workspace W` says why; mend the endpoint, then redrive them, or let the rule "
        "tell another one",
    )


def keys(found: KeyState) -> Iterator[Finding]:
    """Keys and quotas that need somebody's look."""
    yield Finding(
        check="administrators",
        ok=found.lasting > 0,
        detail=f"{found.administrators} keys of the instance work, {found.lasting} of them for 14 days yet",
        meaning="nobody can administer the instance over the API, or soon nobody will",
        fix="`kronos key create --instance --out FILE` with the administrator's KRONOS_DATABASE_URL",
    )
    yield Finding(
        check="burnt keys",
        ok=not found.burnt,
        detail=f"these stood in a URL: {some(found.burnt)}" if found.burnt else "none that stood in a URL works yet",
        meaning="proxies, browsers and logs have them; whoever reads those can use them",
        fix="`kronos key rotate ID`, give the new one to who used it, in a header, then `kronos key revoke ID`",
    )
    yield Finding(
        check="ending keys",
        ok=not found.ending,
        detail=f"in use, and they end: {some(found.ending)}" if found.ending else "none in use ends within 7 days",
        meaning="who uses them is refused from then on",
        fix="`kronos key rotate ID`: the old one works on for a while beside the new one",
    )
    yield Finding(
        check="quotas",
        ok=not found.nearly_full,
        detail=f"nearly used up today: {some(found.nearly_full)}" if found.nearly_full else "none is nearly used up",
        meaning="requests there are refused soon, and ticks are skipped with the reason, until midnight UTC",
        fix="PATCH /v1/workspaces/W/quotas with more executions a day, or let its jobs run less often",
    )
