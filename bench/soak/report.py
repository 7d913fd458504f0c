"""The report of a soak."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from bench.soak.account import Account
from bench.soak.watch import Slope

_SHOWN = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Soak:
    """All results of a soak."""

    minutes: float
    workspaces: int
    jobs: int
    workers: int
    seed: int
    harm: Mapping[str, int]
    answers: Mapping[str, int]
    away: int
    bad_answers: list[str]
    slopes: list[Slope]
    account: Account
    machine: str

    @property
    def is_good(self) -> bool:
        """Whether everything is accounted for and explained."""
        return self.account.is_exact and not self.account.unexplained and not self.bad_answers


def markdown(soak: Soak) -> str:
    """Return the report as Markdown."""
    return "\n".join(_lines(soak)) + "\n"


def _lines(soak: Soak) -> Iterator[str]:
    account = soak.account
    yield f"## {soak.minutes:.0f} minutes, seed {soak.seed}\n"
    yield (
        f"{soak.workspaces} workspaces with {soak.jobs} CRON jobs each, {soak.workers} workers, on {soak.machine}. "
        f"{'Exact: nothing lost, doubled or left.' if account.is_exact else 'NOT EXACT.'}\n"
    )
    yield "| what was counted | |"
    yield "| --- | --- |"
    yield f"| jobs and their versions | {account.jobs:,} |"
    yield f"| ticks of their schedules | {account.ticks:,} |"
    yield f"| whose ledger is not exact | {len(account.wrong)} |"
    yield f"| unfinished in the end | {account.left} |"
    for status, count in account.dispositions.items():
        yield f"| ticks {status} | {count:,} |"
    yield f"| executions that were sent, more than once | {account.executions:,}, {account.repeated:,} |"
    yield f"| SUCCESS that no receiver has accepted | {len(account.undelivered)} |"
    yield f"| requests to the API, without an answer | {sum(soak.answers.values()):,}, {soak.away:,} |"
    yield f"| answers that nothing explains | {len(soak.bad_answers)} |"
    lines = sum(account.lines.values())
    yield f"| warnings and errors in the logs, unexplained | {lines:,}, {len(account.unexplained)} |"
    yield "\nWhat befell it: " + ", ".join(f"{name} {count}" for name, count in sorted(soak.harm.items())) + ".\n"
    yield "| process, longest lived | minutes | memory MB | MB an hour | open files | an hour |"
    yield "| --- | --- | --- | --- | --- | --- |"
    for each in soak.slopes:
        yield (
            f"| {each.name} | {each.lived_seconds / 60:.0f} | {each.memory_mb:.0f} | {each.memory_mb_per_hour:+.1f} | "
            f"{each.files:.0f} | {each.files_per_hour:+.1f} |"
        )
    yield "\nAnswers: " + ", ".join(f"{name} {count:,}" for name, count in sorted(soak.answers.items())) + "."
    yield "\nLines: " + (", ".join(f"{name} {count:,}" for name, count in account.lines.most_common()) or "none") + "."
    for title, found in (
        ("Ledgers", account.wrong),
        ("Not delivered", account.undelivered),
        ("Lines", account.unexplained),
        ("Answers", soak.bad_answers),
    ):
        if found:
            yield f"\n{title} that are not explained, {len(found)}:\n"
            yield from (f"- {each}" for each in found[:_SHOWN])
