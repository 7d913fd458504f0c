"""`kronos job run`: a run of a job now, and its end."""

import uuid
from functools import partial

import click

from kronos.cli.command import Api, IdempotencyKey, JsonText, command, given
from kronos.cli.following import patiently
from kronos.cli.job import job
from kronos.cli.wait import await_ends, timeout_option
from kronos.model import Json


@command(job)
@click.argument("job")
@click.option(
    "--input", "input_", type=JsonText(), help="In place of the job's own: JSON, @FILE, or - for standard input."
)
@click.option("--priority", type=int, help="In place of the job's own: from -10 to 10.")
@click.option("--deadline-seconds", type=int, help="In place of the job's own: it is not sent later than this.")
@click.option("--wait", is_flag=True, help="Stay until it has ended; the exit code says how.")
@timeout_option
@click.option(
    "--idempotency-key", type=IdempotencyKey(), help="The same key is the same run.  [default: one of its own]"
)
def run(
    api: Api, job: str, wait: bool, timeout: float | None, idempotency_key: str | None, input_: Json, **own: Json
) -> None:
    """Run a CRON job once, now, and wait for its end.

    Beside its schedule.

    kronos job run report --wait --timeout 600

    Exit code 0: it succeeded; 1: it did not; 7: it had not ended in time. Whatever is lost on the way, it runs once:
    the request is repeated under one key. Ctrl-C leaves it running.
    """
    if timeout is not None and not wait:
        raise click.UsageError("--timeout goes with --wait")
    key = idempotency_key or f'"{uuid.uuid4().hex}"'
    trigger = partial(
        api.send,
        "POST",
        "jobs",
        job,
        "trigger",
        body=given(input=input_, **own),
        key=key,
        fields=("execution_id", "status"),
    )
    made = patiently(trigger, is_first=True)
    execution_id = str(made["execution_id"])
    if wait:
        await_ends(api, [execution_id], timeout=timeout, job=job, is_one=True)
        return
    api.say(f"execution {execution_id} is {made['status']}; wait for it: kronos wait {execution_id}", made)
