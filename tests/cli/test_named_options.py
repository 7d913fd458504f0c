"""An error of the API about a field or a query parameter names the option that its user typed."""

import pytest

from cli.commands import Kronos

ENDPOINT = "endpoint create x --to http://127.0.0.1:9/"
RULE = "alert-rule create x --tell sink"
RFC = "not an RFC 3339 timestamp with an offset"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("execution ls --after yesterday", f"--after: {RFC}"),
        ("execution ls --status BROKEN", "--status: input should be 'PENDING', "),
        ("job explain any --at yesterday", "--at: neither an instant nor a local time"),
        ("job ticks any --from yesterday", "--from: neither an instant nor a local time"),
        ("job create x --endpoint sink --at tomorrow", f"--at: {RFC}"),
        ("job create x --endpoint sink --now --priority 99", "--priority: input should be less than or equal to 10"),
        ("job create x --endpoint sink --now --input [1]", "--input: input should be an object"),
        ("job create x --endpoint sink --cron @daily --starts-at soon", f"--starts-at: {RFC}"),
        ("job create x --endpoint sink --every 5m --tz Berlin", 'there is no time zone "Berlin"'),
        ("endpoint create x --to ftp://example.com", "--to: the URL's scheme is neither http nor https"),
        ("endpoint create x --type EMAIL --to http://a", "--spec, at /"),
        ("endpoint create x", "--to: this field is required"),
        (f"{ENDPOINT} --method PULL", "--method: input should be 'GET', "),
        (f"{ENDPOINT} --header a-b:c --header Host:x", "--header: the header Host cannot be set"),
        (f"{ENDPOINT} --topic t", "--topic: unknown field"),
        (f"{ENDPOINT} --timeout-ms 0", "--timeout-ms: input should be greater"),
        (f"{ENDPOINT} --connect-timeout-ms 0", "--connect-timeout-ms: input should be greater"),
        (f'{ENDPOINT} --spec {{"method":7}}', "--spec, at /method: input should be"),
        (f'{ENDPOINT} --method PULL --spec {{"timeout_ms":1}}', "--method: input should be 'GET', "),
        (f'{ENDPOINT} --body {{"a":["{{{{no.x}}}}"]}}', "--body, at /a/0: {{no.x}}: no is not known"),
        (f'{ENDPOINT} --retry {{"bogus":1}}', "--retry, at /bogus: unknown field"),
        (f"{ENDPOINT} --max-attempts 0", "--max-attempts: input should be greater"),
        (f"{ENDPOINT} --max-per-key 0", "--max-per-key: input should be greater"),
        (f"{ENDPOINT} --concurrency-key k", "--concurrency-key: the key names no value"),
        (f"{ENDPOINT} --rate 0/60", "--rate: input should be greater"),
        (f"{ENDPOINT} --signing-secret a/b", "--signing-secret: not a valid name"),
        (f"{RULE} --failures 0", "--failures: input should be greater"),
        (f"{RULE} --missed 0", "--missed: input should be greater"),
        (f"{RULE} --no-success 0", "--no-success: input should be greater"),
        (f"{RULE} --failure-rate 0 --within 1h", "--failure-rate: input should be greater"),
        (f"{RULE} --failures 1 --job absent", "--job: no job 'absent' in this workspace"),
        (f"{RULE} --failures 1 --tell a/b", "--tell: not a valid name"),
        ("calendar create x --hours 9-17", "--hours: string should have at least 5 characters"),
        ("calendar next any @daily --also a/b", "--also: not a valid name"),
        ("job create x --endpoint sink --now --calendar a/b", "--calendar: not a valid name"),
        ("job create x/y --endpoint sink --now", "NAME: not a valid name"),
        ('job create x --endpoint sink --now --on-failure {"bogus":1}', "--on-failure, at /bogus: unknown field"),
        ("job bulk pause --endpoint a/b", "--endpoint: not a valid name"),
        ("audit export --after-number 99999999999", "--after-number: not an integer"),
        ("export --set a/b", "--set: not a valid name"),
    ],
)
def test_an_error_names_the_option(kronos: Kronos, arguments: str, said: str) -> None:
    ended = kronos(*arguments.split())
    assert (ended.exit_code, ended.stderr.split("\n")[0][: len(said) + 7]) == (2, f"Error: {said}")


def test_each_of_several_faults_names_its_option(kronos: Kronos) -> None:
    ended = kronos("job", "backfill", "any", "--from", "x", "--to", "y")
    lines = ended.stderr.splitlines()
    assert lines[:3] == [f"Error: --from: {RFC}, and 1 more", f"--from: {RFC}", f"--to: {RFC}"]
