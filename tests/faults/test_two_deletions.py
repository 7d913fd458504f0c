"""A workspace or endpoint that two sessions delete at once, or that one deletes while another suspends or uses it."""

from collections.abc import Callable

import httpx
import psycopg
import pytest

from faults.scene import Scene
from faults.sessions import Sessions
from faults.test_deletion import _LEFT_BEHIND, DELETIONS, at_endpoint, base, both, finish, told
from faults.test_deletion import watched as watched  # a fixture

pytestmark = pytest.mark.usefixtures("patient_requests", "watched")


@pytest.mark.parametrize("status", ["SUSPENDED", "ACTIVE"])
@pytest.mark.parametrize("deletion_is_first", [False, True], ids=["turn-first", "deletion-first"])
def test_a_workspace_is_suspended_or_resumed_and_deleted_one_after_the_other(
    scene: Scene, su: psycopg.Connection, sessions: Sessions, status: str, deletion_is_first: bool
) -> None:
    if status == "ACTIVE":
        assert scene.client.patch(base(scene), json={"status": "SUSPENDED"}).status_code == 200
    acts: list[Callable[[], httpx.Response]] = [
        lambda: scene.client.patch(base(scene), json={"status": status}),
        lambda: DELETIONS["workspace"].do(scene, ""),
    ]
    if deletion_is_first:
        acts.reverse()

    answers = both(scene, su, sessions, "commit", *acts)

    assert answers[0].is_success
    assert told(answers[1]) == ((404, "workspace_not_found") if deletion_is_first else (202, ""))
    finish(su)
    assert su.execute(_LEFT_BEHIND).fetchall() == []


@pytest.mark.parametrize("what", DELETIONS)
def test_of_two_deletions_one_deletes(scene: Scene, su: psycopg.Connection, sessions: Sessions, what: str) -> None:
    act = DELETIONS[what].do

    first, second = both(scene, su, sessions, "commit", lambda: act(scene, ""), lambda: act(scene, ""))

    assert first.is_success
    assert told(second) == (404, f"{what}_not_found")


def test_a_deletion_in_use_waits_for_nobody(scene: Scene, sessions: Sessions) -> None:
    scene.created()
    with sessions.superusers.connection() as holder, at_endpoint(holder, scene):
        deletion = DELETIONS["endpoint"]
        assert told(deletion.do(scene, "")) in deletion.lost
