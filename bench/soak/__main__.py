"""The soak's command line."""

import asyncio
import contextlib
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import click

from bench import common, machine
from bench.soak import account, report
from bench.soak.churn import Churn
from bench.soak.harm import Harm
from bench.soak.instance import Soaked, soaked
from bench.soak.receiver import Receiver
from bench.soak.watch import Watch

_QUIET_SECONDS = 900.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The size and length of a soak."""

    minutes: float
    workspaces: int
    jobs: int
    workers: int
    pause_seconds: float
    harm_seconds: float
    dump_minutes: float
    later_seconds: int
    seed: int


@contextlib.contextmanager
def _home(given: Path | None) -> Iterator[Path]:
    """Provide the given directory, or a new one that PostgreSQL's user can enter."""
    if given is not None:
        yield given
        return
    path = Path(tempfile.mkdtemp(prefix="kronos-soak-"))
    path.chmod(0o711)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)  # a process that has not ended yet may still create files


async def _soak(one: Soaked, receiver: Receiver, plan: Plan) -> report.Soak:
    harm = Harm(soaked=one, seed=plan.seed + 1)
    churn = Churn(
        one.url, one.key, receiver,
        workspaces=plan.workspaces, jobs=plan.jobs, later_seconds=plan.later_seconds, seed=plan.seed,
    )  # fmt: skip
    watch, over, counted = Watch(one), asyncio.Event(), asyncio.Event()
    since = datetime.now(UTC)

    async def wait() -> None:
        until = time.monotonic() + plan.minutes * 60
        while (left := until - time.monotonic()) > 0:
            common.console.print(f"{left / 60:.0f} minutes left; done so far: {dict(harm.done)}")
            await asyncio.sleep(min(left, 60))  # the soak's own length
        over.set()

    async def act() -> None:
        await churn.prepare()
        common.console.print(f"{plan.workspaces * plan.jobs} jobs of {plan.workspaces} workspaces")
        watching = asyncio.create_task(watch.run(counted))
        await asyncio.gather(
            wait(), churn.run(over, plan.pause_seconds), harm.run(over, plan.harm_seconds, plan.dump_minutes * 60)
        )
        await churn.stop()
        common.console.print("all jobs are paused: what is under way ends")
        if not await asyncio.to_thread(account.quiet, one, _QUIET_SECONDS):
            common.console.print("something is left that does not end")
        counted.set()
        await watching

    async with receiver.serving():
        await churn.connected(act)
        taken = await asyncio.to_thread(account.taken, one, receiver, harm, since)
    return report.Soak(
        minutes=plan.minutes, workspaces=plan.workspaces, jobs=plan.jobs, workers=plan.workers, seed=plan.seed,
        harm=dict(harm.done), answers=dict(churn.answers), away=churn.away, bad_answers=churn.unexplained,
        slopes=watch.slopes(), account=taken, machine=machine.description(),
    )  # fmt: skip


@click.command()
@click.option("--minutes", default=120.0, show_default=True, help="Length of the soak.")
@click.option("--workspaces", default=20, show_default=True)
@click.option("--jobs", default=100, show_default=True, help="CRON jobs per workspace.")
@click.option("--workers", default=3, show_default=True, help="Number of workers, at least two; the second is killed.")
@click.option("--pause", "pause_seconds", default=1.0, show_default=True, help="A user's pause between two actions.")
@click.option("--harm", "harm_seconds", default=40.0, show_default=True, help="Average time between two disruptions.")
@click.option("--dump", "dump_minutes", default=10.0, show_default=True, help="Time between two runs of pg_dump.")
@click.option("--later", "later_seconds", default=300, show_default=True, help="Maximum delay of DELAYED jobs.")
@click.option("--seed", type=int, help="Of what is drawn at random.  [default: another one each time]")
@click.option("--report", "file", type=click.Path(path_type=Path), help="Write the report to this file, as Markdown.")
@click.option("--home", type=click.Path(path_type=Path), help="The instance's folder.  [default: a new one]")
@click.option("--keep", is_flag=True, help="Keep the instance's folder for inspection.")
def main(file: Path | None, home: Path | None, keep: bool, seed: int | None, **given: float) -> None:
    """Use, change and break an instance for hours, then count: `python -m bench.soak`

    Exits with 1 if a tick or a delivery was lost or duplicated, or a warning or a response is unexplained.
    """
    plan = Plan(seed=seed if seed is not None else random.SystemRandom().randrange(10**6), **given)  # type: ignore[arg-type]  # click has checked them
    common.console.print(f"seed {plan.seed}")
    receiver = Receiver(plan.seed + 2)
    with contextlib.ExitStack() as ending:
        place = ending.enter_context(_home(home))
        one = ending.enter_context(soaked(place, plan.workers))
        soak = asyncio.run(_soak(one, receiver, plan))
        if keep:
            kept = Path(tempfile.mkdtemp(prefix="kronos-soaked-"))
            shutil.copytree(place / "log", kept, dirs_exist_ok=True)
            common.console.print(f"logs are kept in {kept}")
    text = report.markdown(soak)
    sys.stdout.write(text)
    if file is not None:
        file.write_text(text, encoding="utf-8")
    sys.exit(0 if soak.is_good else 1)


if __name__ == "__main__":
    main()
