"""An error of the API about a field or a query parameter names the option that its user typed."""

import pytest

from cli.commands import Kronos

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
        ("endpoint create x --to ftp://example.com", "field /spec/url: the URL's scheme is neither http nor https"),
    ],
)
def test_an_error_names_the_option(kronos: Kronos, arguments: str, said: str) -> None:
    ended = kronos(*arguments.split())
    assert (ended.exit_code, ended.stderr.split("\n")[0][: len(said) + 7]) == (2, f"Error: {said}")


def test_each_of_several_faults_names_its_option(kronos: Kronos) -> None:
    ended = kronos("job", "backfill", "any", "--from", "x", "--to", "y")
    lines = ended.stderr.splitlines()
    assert lines[:3] == [f"Error: --from: {RFC}, and 1 more", f"--from: {RFC}", f"--to: {RFC}"]
